"""The database of envelopes that this node carries."""
