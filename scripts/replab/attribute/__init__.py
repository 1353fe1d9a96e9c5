"""Why results differ: factors of a function, switches of the arithmetic, and what is not repeatable."""
