"""The only way in: bytes of one series to one CT in Hounsfield units."""
