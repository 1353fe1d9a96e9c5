"""Pages, and writing them."""
