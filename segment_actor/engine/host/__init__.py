"""Image and sums in main memory, by compiled loops."""
