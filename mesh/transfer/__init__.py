"""Large files between two nodes: what is asked for over a link, and what is given."""
