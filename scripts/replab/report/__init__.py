"""The report: tables of a run in, a static site out. ``viewmodel`` reads and decides, ``render`` writes, templates do no sums."""
