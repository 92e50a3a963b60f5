"""A bucket as an archive: signed requests, listings in parallel, parts of objects."""
