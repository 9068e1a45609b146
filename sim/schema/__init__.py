"""What a scenario says: the tables of its TOML, and how they are read, drawn and written."""
