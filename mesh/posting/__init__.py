"""May this envelope enter? Posting keys, stamps, admission."""
