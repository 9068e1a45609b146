"""The whole node without a socket, a clock or a file: one door, two drivers."""
