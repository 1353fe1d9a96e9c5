"""The report: tables of a run in, a static site out. ``viewmodel`` reads, ``writer`` writes, templates do no sums."""
