"""Letters: one box behind an opening, by whom the opening says, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.ratchet.first_contact import (
    SHORT_OPENING_BYTES,
    begin_first_contact,
    begin_short_opening,
    open_opening,
    open_short_opening,
)
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.letter import (
    KIND_LETTER,
    KIND_SHORT_LETTER,
    letter_size_class,
    open_letter_box,
    open_letter_outside,
    seal_letter,
)
from mesh.wire.envelope import body_bytes
from tests.entropy import SeededEntropy

ENTROPY, KEM, KEY, HEADER = SeededEntropy(1), PycaKem(), bytes(32), b"header"


def somebody(seed: int):  # type: ignore[no-untyped-def]  # three values, named where they are used
    keys = IdentityKeys.from_seed(bytes([seed]) * 32)
    bundle, secrets = make_bundle(
        keys, valid_from=UnixSeconds(1), valid_to=UnixSeconds(2), entropy=ENTROPY, kem=KEM
    )
    return keys, bundle, secrets


ANN, ANNS, _ = somebody(1)
BOB, BOBS, BOBS_SECRETS = somebody(2)


KINDS = pytest.mark.parametrize("kind", [KIND_LETTER, KIND_SHORT_LETTER])


def sealed(content: bytes, kind: int, *, keys: IdentityKeys = ANN) -> bytes:
    size_class = letter_size_class(len(content), kind)
    assert size_class is not None
    if kind == KIND_LETTER:
        opening = begin_first_contact(keys, ANNS, BOBS, entropy=ENTROPY, kem=KEM)
    else:
        opening = begin_short_opening(keys, BOBS, entropy=ENTROPY, kem=KEM)
    return seal_letter(
        opening, content, box_key=KEY, header=HEADER, size_class=size_class, entropy=ENTROPY
    )


def opened(body: bytes, header: bytes = HEADER) -> tuple[bytes, bytes]:
    opening, box = open_letter_outside(body, box_key=KEY, header=header)
    ours = {"identity": BOB, "bundle": BOBS, "secrets": BOBS_SECRETS}
    if len(opening) == SHORT_OPENING_BYTES:
        author, roots = open_short_opening(opening, verify=is_signature_valid, kem=KEM, **ours)
    else:
        known, roots = open_opening(opening, verify=is_signature_valid, kem=KEM, **ours)
        author = known.verify_key
    return author, open_letter_box(box, roots, header=header)


@KINDS
@pytest.mark.parametrize("length", [0, 1, 1_200, 1_400, 2_622, 12_000])
def test_a_letter_tells_its_author_and_content(length: int, kind: int) -> None:
    content = bytes(range(256)) * 50
    body = sealed(content[:length], kind)
    assert opened(body) == (ANN.verify_key, content[:length])
    assert len(body) == body_bytes(letter_size_class(length, kind) or 0)


def test_a_short_letter_has_room_for_a_welcome_in_four_kibibytes() -> None:
    assert [letter_size_class(length, KIND_SHORT_LETTER) for length in (2_622, 2_623)] == [1, 2]
    assert [letter_size_class(length, KIND_LETTER) for length in (1_334, 1_335)] == [1, 2]


@KINDS
def test_who_has_not_the_key_of_an_author_writes_no_letter_as_him(kind: int) -> None:
    # All of Ann that is public, and the private half of somebody else.
    forged = replace(ANN, identity_private=BOB.identity_private)
    with pytest.raises(PeerError):
        opened(sealed(b"hello", kind, keys=forged))


@KINDS
def test_under_another_header_nothing_opens(kind: int) -> None:
    with pytest.raises(PeerError):
        opened(sealed(b"hello", kind), b"another")


@KINDS
@given(at=st.integers(0, 4_000), flip=st.integers(1, 255))
def test_nothing_of_it_can_be_changed(kind: int, at: int, flip: int) -> None:
    body = bytearray(sealed(b"hello", kind))
    body[at % len(body)] ^= flip
    with pytest.raises(PeerError):
        opened(bytes(body))


@given(st.binary(max_size=4_000))
def test_whatever_comes_is_a_letter_or_dropped(data: bytes) -> None:
    with pytest.raises(PeerError):
        open_letter_outside(data, box_key=KEY, header=HEADER)
