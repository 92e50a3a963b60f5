"""What a GPU, or a CPU slot, runs: one actor a class group, and the measurement."""
