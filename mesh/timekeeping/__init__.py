"""What time it is, when clocks disagree."""
