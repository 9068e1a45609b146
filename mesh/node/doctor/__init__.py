"""What keeps nodes apart, and what to do about it."""
