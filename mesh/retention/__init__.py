"""The choice of the bodies that stay where there is no room for all."""
