"""Mesh itself, as files: whether they are of a release, from hand to hand, and upgrades."""
