"""What arrives, opened."""
