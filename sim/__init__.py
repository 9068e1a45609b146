"""The simulator: the same engine in virtual time, through faults, to a verdict."""
