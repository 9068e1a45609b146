"""From a passphrase to a key."""

import pytest

from mesh.crypto.hashing import argon2id
from mesh.crypto.passphrase import derive_key
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX

MEMORY_BYTES = 64 * 1024


def test_one_word_spelled_in_two_ways_of_unicode_is_one_passphrase() -> None:
    salt = bytes(16)
    composed = derive_key("Grüße", salt, memory_bytes=MEMORY_BYTES, passes=1)
    combining = derive_key("Gru\u0308ße", salt, memory_bytes=MEMORY_BYTES, passes=1)
    assert composed == combining
    assert composed == argon2id("Grüße".encode(), salt=salt, memory_bytes=MEMORY_BYTES, passes=1)


def test_every_parameter_counts() -> None:
    keys = [
        derive_key("one", bytes(16), memory_bytes=MEMORY_BYTES, passes=1),
        derive_key("two", bytes(16), memory_bytes=MEMORY_BYTES, passes=1),
        derive_key("one", b"s" * 16, memory_bytes=MEMORY_BYTES, passes=1),
        derive_key("one", bytes(16), memory_bytes=2 * MEMORY_BYTES, passes=1),
        derive_key("one", bytes(16), memory_bytes=MEMORY_BYTES, passes=2),
    ]
    assert len({len(key) for key in keys}) == 1
    assert len(frozenset(keys)) == len(keys)


def test_a_passphrase_may_be_as_long_as_is_promised_and_no_longer() -> None:
    longest = "x" * PASSPHRASE_BYTES_MAX
    assert derive_key(longest, bytes(16), memory_bytes=MEMORY_BYTES, passes=1)
    with pytest.raises(AssertionError):
        derive_key(longest + "x", bytes(16), memory_bytes=MEMORY_BYTES, passes=1)
