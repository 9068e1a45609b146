"""Finding other nodes on the networks of this machine."""
