"""Cohort science: who is in a study, and what follows with age and sex."""
