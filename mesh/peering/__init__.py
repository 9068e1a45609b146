"""Whom to dial, when, and which links to keep."""
