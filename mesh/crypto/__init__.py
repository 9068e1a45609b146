"""Primitives: hashes, signatures, key agreement, AEAD, entropy. No protocol lives here."""
