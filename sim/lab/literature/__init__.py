"""The experiments that others published, run again, and what our figures of them may be."""
