"""Keys between two people: first contact, letters, tags."""
