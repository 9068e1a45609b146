"""Which bodies stay where there is no room for all."""
