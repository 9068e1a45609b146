"""Ways in which somebody becomes a contact, is verified, introduced or blocked, and goes."""
