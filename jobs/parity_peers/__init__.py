"""nnU-Net and TotalSegmentator, run beside us for `ctcohort parity`."""
