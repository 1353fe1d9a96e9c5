"""Certified truth and the rounding envelope, both from the same plain NumPy reference."""
