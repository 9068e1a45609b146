"""Signatures that were found valid before: each letter repeats the same two of its author."""

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import is_signature_valid
from mesh.limits.sessions import SIGNATURES_REMEMBERED


class SignatureCache:
    """A `Verify` that checks a valid signature once. Invalid ones are not remembered."""

    def __init__(self) -> None:
        self._valid: dict[bytes, None] = {}

    def __call__(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Say whether the signature stands."""
        # Key and signature have fixed lengths where it is valid, so that no two triples join to
        # the same bytes.
        digest = blake2b_256(key, signature, message)
        if digest in self._valid:
            return True
        if not is_signature_valid(key, message, signature):
            return False
        if len(self._valid) >= SIGNATURES_REMEMBERED:
            del self._valid[next(iter(self._valid))]
        self._valid[digest] = None
        return True
