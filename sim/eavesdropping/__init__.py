"""Captures of what strangers see of a world, and a classifier that says what they can tell."""
