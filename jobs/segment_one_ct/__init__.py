"""One CT for people: what `ctcohort segment-one` writes."""
