"""The bytes of a name in a group, in a straight line from `docs/protocol/`; no code of `mesh/`."""

import hashlib

from nacl.signing import SigningKey

SEED = bytes(range(32))
GROUP = bytes(range(32, 64))
CLOCK = 1_700_000_000_000 << 16
PARENT, OPERATION, FORMER = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
NAME = "Anna"


def computed() -> dict[str, str]:
    """Return the entry, its id, and its signature, in hex."""
    key = SigningKey(SEED)
    author = bytes(key.verify_key)
    entry = b"".join(
        (
            b"\x9a",  # ten places
            b"\x4a",  # kind 74
            b"\xcf" + CLOCK.to_bytes(8, "big"),
            b"\x05",  # run
            b"\x07",  # number
            b"\x91\xc4\x20" + PARENT,
            b"\x91\xc4\x20" + OPERATION,
            b"\xc4\x00",  # about nothing
            b"\x91\xc4\x20" + FORMER,
            b"\x00",  # no timer
            b"\x91" + bytes([0xA0 + len(NAME)]) + NAME.encode(),
        )
    )
    hashed = hashlib.blake2b(GROUP + author + entry, digest_size=32, person=b"mesh/entry/id")
    id_ = hashed.digest()
    return {
        "seed": SEED.hex(),
        "group": GROUP.hex(),
        "author": author.hex(),
        "name": NAME,
        "entry": entry.hex(),
        "id": id_.hex(),
        "signature": key.sign(b"mesh.entry.1" + id_).signature.hex(),
    }
