"""Bugs that are planted on purpose: how each gets into an engine, and all of them by name."""
