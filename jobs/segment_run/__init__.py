"""The run over an archive: what `ctcohort segment` puts on Ray."""
