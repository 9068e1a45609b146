"""An authenticated, encrypted channel between two neighbouring nodes."""
