"""How near to us an author is, and for whom we vouch."""
