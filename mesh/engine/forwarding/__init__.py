"""What a node carries for everybody, from one peer to the next."""
