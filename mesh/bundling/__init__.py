"""Makes a bundle of Mesh for the system that it runs on: `python3 dev.py bundle`."""
