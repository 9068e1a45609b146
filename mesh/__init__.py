"""Mesh: a messenger without servers. The node daemon, its engine and its clients."""
