"""One node: the host that an engine runs on, its driver, and its crypto."""
