"""What looks at a whole world while it runs, and at its databases."""
