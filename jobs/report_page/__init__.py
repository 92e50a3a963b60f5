"""The page of `ctcohort report`."""
