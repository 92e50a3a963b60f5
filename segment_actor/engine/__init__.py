"""From windows of a CT to labels: the networks' backends, and the sums over windows."""
