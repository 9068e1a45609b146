"""One node: the engine, the machine under it, and the bugs that can be planted in it."""
