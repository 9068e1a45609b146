"""Key files byte for byte: what opens them, what does not, and what is said then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b_128
from mesh.errors import StorageError, UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX
from mesh.node.key_files import (
    STORE_KEY_FILE_BYTES,
    WRAPPED_KEY_FILE_BYTES,
    PassphraseCost,
    WrappedKey,
    decode_store_key,
    encode_store_key,
)
from tests.entropy import SeededEntropy

KEY = bytes(range(32))
CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)


def wrapped(passphrase: str, seed: int = 1) -> bytes:
    return WrappedKey.wrap(KEY, passphrase, CHEAP, SeededEntropy(seed)).encode()


def test_a_wrapped_key_has_the_bytes_of_its_page() -> None:
    content = wrapped("horse")
    assert len(content) == WRAPPED_KEY_FILE_BYTES == 101
    assert content[:9] == bytes.fromhex("01 00000008 00000001")
    entropy = SeededEntropy(1)
    assert content[9:37] == entropy.draw(16) + entropy.draw(12)
    assert content[85:] == blake2b_128(content[:85])
    assert KEY not in content


def test_a_store_key_has_the_bytes_of_its_page() -> None:
    content = encode_store_key(KEY)
    assert content == b"\1" + KEY + blake2b_128(b"\1" + KEY)
    assert len(content) == STORE_KEY_FILE_BYTES == 49
    assert decode_store_key(content, "store.key") == KEY


@pytest.mark.parametrize("passphrase", ["", "horse", "Ünïcode ☃", " ", "x" * PASSPHRASE_BYTES_MAX])
def test_the_passphrase_and_nothing_else_opens_it(passphrase: str) -> None:
    key = WrappedKey.decode(wrapped(passphrase), "vault.key")
    assert key.unwrap(passphrase) == KEY
    with pytest.raises(UserError, match="not the passphrase") as caught:
        key.unwrap((passphrase + "y")[-PASSPHRASE_BYTES_MAX:])
    assert caught.value.kind == "wrong-passphrase"


def test_one_letter_typed_in_two_ways_is_one_passphrase() -> None:
    assert WrappedKey.decode(wrapped("\u00fc"), "vault.key").unwrap("u\u0308") == KEY


def test_a_passphrase_that_is_too_long_is_refused() -> None:
    with pytest.raises(UserError, match="at most 1024 bytes"):
        wrapped("x" * (PASSPHRASE_BYTES_MAX + 1))


def test_one_passphrase_wraps_a_key_anew_each_time() -> None:
    assert wrapped("horse", 1)[9:85] != wrapped("horse", 2)[9:85]


@given(position=st.integers(0, WRAPPED_KEY_FILE_BYTES - 1), flip=st.integers(1, 255))
def test_a_damaged_wrapped_key_is_never_taken_for_a_wrong_passphrase(
    position: int, flip: int
) -> None:
    content = bytearray(wrapped("horse"))
    content[position] ^= flip
    with pytest.raises(StorageError, match=r"vault\.key is damaged"):
        WrappedKey.decode(bytes(content), "vault.key")


@given(position=st.integers(0, STORE_KEY_FILE_BYTES - 1), flip=st.integers(1, 255))
def test_a_damaged_store_key_is_told(position: int, flip: int) -> None:
    content = bytearray(encode_store_key(KEY))
    content[position] ^= flip
    with pytest.raises(StorageError, match=r"store\.key is damaged"):
        decode_store_key(bytes(content), "store.key")


@given(content=st.binary(max_size=WRAPPED_KEY_FILE_BYTES + 1))
def test_anything_else_in_place_of_a_key_is_damage(content: bytes) -> None:
    for decode in (WrappedKey.decode, decode_store_key):
        for attempt in (content, content + blake2b_128(content), wrapped("horse")[:-1]):
            with pytest.raises(StorageError):
                decode(attempt, "key")


def test_a_key_file_of_a_later_release_is_told_from_a_damaged_one() -> None:
    later = b"\2" + bytes(200)
    with pytest.raises(StorageError, match="of a later release: update Mesh"):
        WrappedKey.decode(later + blake2b_128(later), "vault.key")


@pytest.mark.parametrize(
    "cost", ["00000007 00000001", "00100001 00000001", "00000008 00000000", "00000008 00000021"]
)
def test_a_key_file_may_not_ask_for_more_than_a_machine_has(cost: str) -> None:
    content = b"\1" + bytes.fromhex(cost) + wrapped("horse")[9:85]
    with pytest.raises(StorageError, match="is damaged"):
        WrappedKey.decode(content + blake2b_128(content), "vault.key")


def test_a_cost_that_was_altered_does_not_open() -> None:
    content = b"\1" + bytes.fromhex("00000009 00000001") + wrapped("horse")[9:85]
    key = WrappedKey.decode(content + blake2b_128(content), "vault.key")
    with pytest.raises(UserError, match="not the passphrase"):
        key.unwrap("horse")


def test_no_key_shows_when_it_is_printed() -> None:
    key = WrappedKey.decode(wrapped("horse"), "vault.key")
    assert key.sealed.hex() not in repr(key)
    assert repr(key.sealed) not in repr(key)
