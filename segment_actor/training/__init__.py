"""Trains the embedded models on phantoms with nnU-Net's own planning and trainer."""
