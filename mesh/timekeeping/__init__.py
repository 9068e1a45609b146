"""The time of the mesh, when clocks disagree."""
