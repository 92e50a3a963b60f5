"""What lies in the objects of an archive, from their headers alone."""
