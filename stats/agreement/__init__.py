"""Two label maps of one CT: overlap, surface distance, and how sure one can be."""
