"""Every bound of the node, each with its reason. Units stand last in the names."""
