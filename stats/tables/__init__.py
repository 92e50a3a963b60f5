"""The tables at rest: their columns, and how rows get in."""
