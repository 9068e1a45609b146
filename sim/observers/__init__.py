"""The observers of a whole world while it runs, and of its databases."""
