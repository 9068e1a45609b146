"""Virtual time and chance: the loop, the calendar of a node, entropy from a seed, the trace."""
