"""The database of what is ours; closed when locked."""
