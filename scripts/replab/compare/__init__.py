"""Arrays in, findings out: distances in ULP and in units of the envelope, and the verdict."""
