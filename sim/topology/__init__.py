"""Where nodes stand, whom they meet, and what changes of it."""
