"""Made CTs of the whole body with the ground truth of all 104 structures of the paper."""
