"""Contacts: their names and labels, and who looks like whom."""
