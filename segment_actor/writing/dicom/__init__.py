"""Results as DICOM: what a PACS, a viewer or a registry takes.

headers of the images --identified | deidentified--> Sources     header.py
labels, Sources  --------------------------------> SEG           seg.py (planes.py, codes.py)
rows, SEG  --------------------------------------> SR            sr.py
all of it  --------------------------------------> {name: bytes} results.py
"""
