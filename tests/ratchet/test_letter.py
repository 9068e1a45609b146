"""Letters: one box behind an opening, by whom the opening says, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.ratchet.first_contact import begin_first_contact, open_opening
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.letter import letter_size_class, open_letter_box, open_letter_outside, seal_letter
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


def sealed(content: bytes) -> bytes:
    size_class = letter_size_class(len(content))
    assert size_class is not None
    opening = begin_first_contact(ANN, ANNS, BOBS, entropy=ENTROPY, kem=KEM)
    return seal_letter(
        opening, content, box_key=KEY, header=HEADER, size_class=size_class, entropy=ENTROPY
    )


def opened(body: bytes, header: bytes = HEADER) -> tuple[bytes, bytes]:
    opening, box = open_letter_outside(body, box_key=KEY, header=header)
    author, roots = open_opening(
        opening,
        identity=BOB,
        bundle=BOBS,
        secrets=BOBS_SECRETS,
        verify=is_signature_valid,
        kem=KEM,
    )
    return author.verify_key, open_letter_box(box, roots, header=header)


@pytest.mark.parametrize("length", [0, 1, 1_200, 1_400, 12_000])
def test_a_letter_tells_its_author_and_content(length: int) -> None:
    content = bytes(range(256)) * 50
    body = sealed(content[:length])
    assert opened(body) == (ANN.verify_key, content[:length])
    assert len(body) == body_bytes(letter_size_class(length) or 0)


def test_under_another_header_nothing_opens() -> None:
    with pytest.raises(PeerError):
        opened(sealed(b"hello"), b"another")


@given(at=st.integers(0, 4_000), flip=st.integers(1, 255))
def test_nothing_of_it_can_be_changed(at: int, flip: int) -> None:
    body = bytearray(sealed(b"hello"))
    body[at % len(body)] ^= flip
    with pytest.raises(PeerError):
        opened(bytes(body))


@given(st.binary(max_size=4_000))
def test_whatever_comes_is_a_letter_or_dropped(data: bytes) -> None:
    with pytest.raises(PeerError):
        open_letter_outside(data, box_key=KEY, header=HEADER)
