"""The commands that a person or a program may give to a node, and the answers."""
