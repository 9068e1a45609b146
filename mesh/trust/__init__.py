"""The nearness of authors, and for whom we vouch."""
