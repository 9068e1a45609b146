"""The mesh command: a plain client of the local API."""
