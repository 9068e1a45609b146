"""Arriving mail, opened."""
