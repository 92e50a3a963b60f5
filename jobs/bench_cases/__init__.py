"""The cases of `ctcohort bench`."""
