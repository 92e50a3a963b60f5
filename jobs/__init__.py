"""jobs: one module a command, read top to bottom."""
