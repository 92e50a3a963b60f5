"""Which models segment: sets, nnU-Net folders, the official ones, and which files are trusted."""
