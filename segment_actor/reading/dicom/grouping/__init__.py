"""How the images of an archive become volumes: what tells them apart, and what is no CT volume."""
