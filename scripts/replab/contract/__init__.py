"""What travels between the steps of the workflow, and between the lab and the probe, as types."""
