"""The cohort's tables as one value that a report is drawn from: aggregates only, and no HTML."""
