"""The virtual network: who reaches whom, over which streams, and what lies between."""
