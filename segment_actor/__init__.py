"""segment_actor: one CT in, one label map out."""
