"""jobs: one module a command, read top to bottom; its folders are named after what they serve."""
