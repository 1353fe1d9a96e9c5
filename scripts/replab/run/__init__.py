"""Running cells in sandboxes: inputs, requests, supervision, observation."""
