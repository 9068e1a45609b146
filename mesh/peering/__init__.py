"""The choice of links: whom to dial, when, and which links to keep."""
