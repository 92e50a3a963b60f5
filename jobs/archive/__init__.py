"""What lies in an archive, and under which key: the private side, which stays with the hospital."""
