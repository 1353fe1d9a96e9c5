"""What frameworks do unasked: the atlas of defaults."""
