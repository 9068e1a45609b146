"""The users of a world, whom they know, and what they write and read."""
