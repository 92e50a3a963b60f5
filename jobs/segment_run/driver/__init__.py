"""The driver's end of a run: outcomes to rows to commits, and what a person sees."""
