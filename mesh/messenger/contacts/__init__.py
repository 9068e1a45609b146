"""Who the contacts are, how we call them, and who looks like whom."""
