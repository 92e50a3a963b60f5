"""What a header says of the scan, the scanner and the patient: numbers in range, words of lists."""
