"""The networks run by torch: the reference, and the way to a GPU."""
