"""Keys between two people: first contact, messages, tags."""
