"""One run: the world, its verdict, and what is told of it."""
