"""Where voxels lie: axes, spacing, and the way from one grid to another."""
