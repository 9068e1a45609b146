"""The ground of worlds: where nodes stand, whom they meet, and what changes of it."""
