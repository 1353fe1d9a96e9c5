"""Engines isolate an environment: they build it and say how to start a process in it."""
