"""The record of a run beyond its verdict, and how it is shown, where a user asks for it."""
