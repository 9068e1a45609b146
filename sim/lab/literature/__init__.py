"""What others published, run again here, and what our figures of it may be."""
