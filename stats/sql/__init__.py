"""The tables as SQL sees them: views, and the questions of the report."""
