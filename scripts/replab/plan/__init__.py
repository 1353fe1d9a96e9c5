"""Which cells, batches and truths a lab means; pure and quick."""
