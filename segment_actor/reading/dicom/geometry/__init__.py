"""Where the images of a volume lie: their order, their grid, the tilt of the gantry."""
