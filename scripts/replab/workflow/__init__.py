"""What Snakemake calls: the lab for its rules, the steps, their costs, and the process that forks them."""
