"""Pinned packages: of environments, of the lab itself, as bills of materials, and the interpreters that they are installed for."""
