"""The search for what keeps nodes apart, and what to do about it."""
