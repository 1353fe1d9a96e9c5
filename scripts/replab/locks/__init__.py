"""Pinned packages: of environments, of the lab itself, and as bills of materials."""
