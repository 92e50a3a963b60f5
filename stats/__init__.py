"""stats: label map in, answers out."""
