"""jobs: one module a command, read top to bottom; each folder is behind one command."""
