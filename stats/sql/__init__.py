"""The tables as SQL sees them: views, and the one rule of what counts."""
