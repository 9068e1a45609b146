"""The tables of a scenario's TOML, and how they are read, drawn and written."""
