"""Groups: who is in, the keys of their epochs, and what is written under them."""
