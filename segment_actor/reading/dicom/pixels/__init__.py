"""The pixels of one DICOM image: unpacked, in Hounsfield units, air outside the field of view."""
