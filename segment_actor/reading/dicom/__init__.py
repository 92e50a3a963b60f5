"""DICOM files of one series to one CT."""
