"""The process that a profile runs in: a node and its local API, from start to clean stop."""
