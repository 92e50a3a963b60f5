"""From the bytes of a DICOM file to its header, and on to its pixels."""
