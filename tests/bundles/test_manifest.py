"""A manifest has one form, and counts by the keys that are known."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.bundles.manifest import (
    Manifest,
    ReleaseFile,
    ReleaseKeys,
    decode_keys,
    decode_manifest,
    signed_by,
    signers,
)
from mesh.bundles.release_keys import own_keys
from mesh.errors import PeerError
from tests.bundles.making import KEYS, NAMES, SEEDS, release_of

FILE = ReleaseFile(bytes=3, kind="wheel", name="mesh.whl", sha256="ab" * 32, system="")
BARE = Manifest(release=release_of(FILE), signatures=())
SIGNED = signed_by(BARE, SEEDS[:2])


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert decode_manifest(SIGNED.encode()) == SIGNED
    assert signers(SIGNED, KEYS) == [*NAMES[:2]]


def test_signatures_that_come_one_after_another_are_those_that_come_together() -> None:
    assert signed_by(signed_by(BARE, SEEDS[1:2]), SEEDS[:1]) == SIGNED


def test_a_key_that_nobody_knows_tells_nothing() -> None:
    stranger = signed_by(BARE, [b"\x09" * 32])
    assert signers(stranger, KEYS) == []


def test_a_signature_of_a_known_key_that_does_not_fit_spoils_all() -> None:
    former = signed_by(Manifest(release=release_of(version="9.0.0"), signatures=()), SEEDS[:1])
    moved = Manifest(release=BARE.release, signatures=former.signatures)
    with pytest.raises(PeerError, match=NAMES[0]):
        signers(moved, KEYS)


@pytest.mark.parametrize(
    "changed",
    [
        SIGNED.encode().rstrip(),
        SIGNED.encode() + b" ",
        SIGNED.encode().replace(b'{"release"', b'{ "release"'),
        SIGNED.encode().replace(b'"version":"9.1.0"', b'"version":"09.1.0"'),
        SIGNED.encode().replace(b'"version":"9.1.0"', b'"version":"9.1.0\\n"'),
        SIGNED.encode().replace(b"mesh.whl", b"../mesh.whl"),
        SIGNED.encode().replace(b"mesh.whl", b".mesh.whl"),
        SIGNED.encode().replace(b'"bytes":3', b'"bytes":-3'),
        SIGNED.encode().replace(b'"bytes":3', b'"bytes":99999999999'),
        SIGNED.encode().replace(b'"system":""', b'"more":1,"system":""'),
        msgspec.structs.replace(SIGNED, signatures=SIGNED.signatures[::-1]).encode(),
        msgspec.structs.replace(SIGNED, signatures=SIGNED.signatures[:1] * 2).encode(),
        Manifest(release=release_of(FILE, FILE), signatures=()).encode(),
        b"x" * 300_000,
        b"[" * 100_000,
        b'{"release":"\xff"}\n',
    ],
)
def test_another_form_is_refused(changed: bytes) -> None:
    with pytest.raises(PeerError):
        decode_manifest(changed)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_bytes_of_anybody_raise_nothing_else(data: bytes) -> None:
    for decode in (decode_manifest, decode_keys):
        try:
            decode(data)
        except PeerError:
            continue


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(1, 255))
def test_no_byte_of_a_manifest_can_be_another_one(place: int, change: int) -> None:
    data = bytearray(SIGNED.encode())
    data[place] ^= change
    try:
        names = signers(decode_manifest(bytes(data)), KEYS)
    except PeerError:
        return
    # It may have become a signature by a key that nobody knows.
    assert len(names) < KEYS.threshold


@pytest.mark.parametrize(
    "data",
    [
        b'{"keys":[],"threshold":0}',
        b'{"keys":[{"key":"%s","name":"Ada"}],"threshold":2}' % (b"ab" * 32),
        b'{"keys":[%s,%s],"threshold":1}' % ((b'{"key":"%s","name":"Ada"}' % (b"ab" * 32),) * 2),
    ],
)
def test_keys_that_cannot_be_meant_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_keys(data)


def test_the_keys_of_this_program_can_be_read() -> None:
    assert isinstance(own_keys(), ReleaseKeys)
