"""Verdicts of cells and pairs; trajectories; other engines and machines beside this one."""
