"""The decision whether an envelope may enter: posting keys, stamps, admission."""
