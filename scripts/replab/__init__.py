"""replab: the same numeric experiments in pinned environments, judged against certified truth."""

__version__ = "0.1.0"
