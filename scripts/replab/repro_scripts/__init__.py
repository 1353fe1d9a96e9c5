"""Scripts that show one difference by themselves, without the lab."""
