"""Letters: opened by whom they are for, once, unchanged, or not at all."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.crypto.hashing import blake2b_128
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid, sign
from mesh.errors import PeerError
from mesh.ratchet.identity import IdentityKeys, tie_message
from mesh.ratchet.letters import (
    BOX_BYTES,
    letter_size_class,
    open_bundle,
    open_letter,
    payload_bytes_max,
    read_hash_of,
    seal_bundle,
)
from mesh.wire.bundle import decode_bundle
from mesh.wire.envelope import body_bytes
from tests.entropy import ListedEntropy, SeededEntropy
from tests.ratchet.people import (
    BOX_KEY,
    Person,
    begun,
    header_of,
    opened,
    person,
    sealed,
)

ALICE, BOB, EVE = person(1), person(2), person(3)
OPENING = begun(ALICE, BOB)
BODY = sealed(OPENING, b"hello")
# Where each part of the plaintext inside the outer box begins.
E_AT, CT_AT, BOX_AT = 1, 33, 33 + 1088
N_AT = BOX_AT + BOX_BYTES


def resealed(change: Callable[[bytes], bytes], *, header: bytes | None = None) -> bytes:
    """The letter as somebody else with the outer key (another guest of the invite) alters it."""
    nonce, header = BODY[:12], header or header_of(1)
    inside = aead.open_sealed(BOX_KEY, nonce, header_of(1), BODY[12:])
    return nonce + aead.seal(BOX_KEY, nonce, header, change(inside))


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    """The same with one bit turned over."""
    return data[:place] + bytes((data[place] ^ 1 << bit,)) + data[place + 1 :]


def test_a_letter_is_opened_by_whom_it_is_for_and_names_its_author() -> None:
    letter = opened(BODY, BOB)
    assert (letter.payload, letter.n, letter.ephemeral) == (b"hello", 0, OPENING.ephemeral)
    assert letter.author.verify_key == ALICE.keys.verify_key
    assert letter.author.identity_key == ALICE.keys.identity_key
    assert letter.author.bundle == ALICE.bundle


def test_both_ends_have_the_same_roots_and_session() -> None:
    letter = opened(BODY, BOB)
    assert letter.root == OPENING.root
    assert letter.tag_root == OPENING.tag_root
    assert letter.session_id == OPENING.session_id
    assert blake2b_128(letter.read_token) == read_hash_of(OPENING.root, 0)


@pytest.mark.parametrize("size_class, most", [(1, 1_330), (2, 13_618), (3, 62_770)])
def test_a_size_class_holds_what_the_protocol_says_and_no_byte_more(
    size_class: int, most: int
) -> None:
    assert payload_bytes_max(size_class) == most
    assert letter_size_class(most) == size_class
    assert letter_size_class(most + 1) == (size_class + 1 if size_class < 3 else None)
    for length in (0, 1, most):
        body = sealed(OPENING, b"x" * length, size_class=size_class)
        assert len(body) == body_bytes(size_class)
        assert opened(body, BOB, size_class=size_class).payload == b"x" * length
    with pytest.raises(AssertionError):
        sealed(OPENING, b"x" * (most + 1), size_class=size_class)


def test_the_smallest_size_class_holds_no_letter() -> None:
    assert payload_bytes_max(0) < 0
    assert letter_size_class(0) == 1


@settings(max_examples=20)
@given(st.binary(max_size=1_330), st.integers(0, 2**32 - 1))
def test_any_payload_under_any_number_comes_out_as_it_went_in(payload: bytes, n: int) -> None:
    letter = opened(sealed(OPENING, payload, n=n), BOB)
    assert (letter.payload, letter.n) == (payload, n)


def test_a_letter_with_any_byte_changed_is_refused() -> None:
    for place in range(len(BODY)):
        with pytest.raises(PeerError):
            opened(flipped(BODY, place, place % 8), BOB)


def test_a_letter_cut_anywhere_is_refused() -> None:
    for length in range(0, len(BODY), 13):
        with pytest.raises(PeerError):
            opened(BODY[:length], BOB)
    with pytest.raises(PeerError):
        opened(BODY + b"\0", BOB)


def test_a_letter_under_a_header_with_any_byte_changed_is_refused() -> None:
    header = header_of(1)
    for place in range(len(header)):
        with pytest.raises(PeerError):
            opened(BODY, BOB, header=flipped(header, place))


def test_who_knows_the_outer_key_cannot_post_a_letter_under_another_header() -> None:
    other = header_of(1, tag=b"u" * 16)
    with pytest.raises(PeerError):
        opened(resealed(bytes, header=other), BOB, header=other)


def test_who_knows_the_outer_key_cannot_change_any_part_inside() -> None:
    assert opened(resealed(bytes), BOB).payload == b"hello"
    end = len(BODY) - 12 - 16
    # Every byte of the parts' edges, and a sample of what lies between.
    places = [
        *range(40),
        *range(CT_AT, BOX_AT, 37),
        *range(BOX_AT, N_AT, 41),
        *range(N_AT - 2, N_AT + 8),
        *range(N_AT + 8, end, 43),
        end - 1,
    ]
    for place in places:
        body = resealed(lambda inside, at=place: flipped(inside, at))  # type: ignore[misc]
        with pytest.raises(PeerError):
            opened(body, BOB)


def test_a_letter_to_a_bundle_cannot_be_opened_with_another_of_the_same_person() -> None:
    second = person(2)
    other = person(4)
    mixed = Person(second.keys, other.bundle, other.secrets)
    with pytest.raises(PeerError):
        opened(BODY, mixed)


def test_a_letter_to_somebody_else_is_refused() -> None:
    with pytest.raises(PeerError):
        opened(BODY, EVE)


def test_a_letter_under_another_tag_key_is_refused() -> None:
    with pytest.raises(PeerError):
        opened(BODY, BOB, box_key=bytes(32))


def test_a_repeated_letter_is_refused_and_another_number_is_not() -> None:
    seen = {(OPENING.ephemeral, 0)}

    def open_once(body: bytes) -> int:
        letter = open_letter(
            body,
            box_key=BOX_KEY,
            header=header_of(1),
            identity=BOB.keys,
            bundle=BOB.bundle,
            secrets=BOB.secrets,
            verify=is_signature_valid,
            kem=PycaKem(),
            is_fresh=lambda ephemeral, n: (ephemeral, n) not in seen,
        )
        seen.add((letter.ephemeral, letter.n))
        return letter.n

    with pytest.raises(PeerError):
        open_once(BODY)
    second = sealed(OPENING, b"again", n=1)
    assert open_once(second) == 1
    with pytest.raises(PeerError):
        open_once(second)


def test_freshness_is_asked_before_any_key_agreement() -> None:
    asked = []

    def refuse(ephemeral: bytes, n: int) -> bool:
        asked.append((ephemeral, n))
        return False

    low_order = resealed(lambda inside: inside[:1] + bytes(32) + inside[33:])
    with pytest.raises(PeerError, match="opened before"):
        open_letter(
            low_order,
            box_key=BOX_KEY,
            header=header_of(1),
            identity=BOB.keys,
            bundle=BOB.bundle,
            secrets=BOB.secrets,
            verify=is_signature_valid,
            kem=PycaKem(),
            is_fresh=refuse,
        )
    assert asked == [(bytes(32), 0)]


@pytest.mark.parametrize(
    "point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]
)
def test_a_low_order_ephemeral_key_is_refused(point: bytes) -> None:
    with pytest.raises(PeerError, match="low order"):
        opened(resealed(lambda inside: inside[:1] + point + inside[33:]), BOB)


def test_keys_of_low_order_in_a_bundle_cannot_be_written_to() -> None:
    for changed in (
        dataclasses.replace(BOB.bundle, identity_key=bytes(32)),
        dataclasses.replace(BOB.bundle, prekey=bytes(32)),
        dataclasses.replace(BOB.bundle, kem_key=b"\xff" * 1184),
    ):
        with pytest.raises(PeerError):
            begun(ALICE, dataclasses.replace(BOB, bundle=changed))


def test_an_author_cannot_take_the_identity_key_of_another() -> None:
    stolen = dataclasses.replace(EVE.keys, identity_key=ALICE.keys.identity_key)
    with pytest.raises(PeerError, match="two people"):
        opened(sealed(begun(dataclasses.replace(EVE, keys=stolen), BOB), b"I am Alice"), BOB)


def test_an_author_who_ties_the_identity_key_of_another_still_lacks_its_private_half() -> None:
    tied = IdentityKeys(
        verify_key=EVE.keys.verify_key,
        identity_key=ALICE.keys.identity_key,
        tie=sign(EVE.keys.signing_seed, tie_message(ALICE.keys.identity_key)),
        signing_seed=EVE.keys.signing_seed,
        identity_private=EVE.keys.identity_private,
    )
    with pytest.raises(PeerError):
        opened(sealed(begun(dataclasses.replace(EVE, keys=tied), BOB), b"from Alice's key"), BOB)


def test_an_author_cannot_take_the_verify_key_of_another() -> None:
    posing = dataclasses.replace(EVE.keys, verify_key=ALICE.keys.verify_key)
    with pytest.raises(PeerError):
        opened(sealed(begun(dataclasses.replace(EVE, keys=posing), BOB), b"I am Alice"), BOB)


def test_an_author_cannot_answer_with_the_bundle_of_another() -> None:
    with pytest.raises(PeerError):
        opened(sealed(begun(dataclasses.replace(EVE, bundle=ALICE.bundle), BOB), b"hi"), BOB)


def test_an_identity_of_low_order_is_refused() -> None:
    keys = dataclasses.replace(
        EVE.keys,
        identity_key=bytes(32),
        tie=sign(EVE.keys.signing_seed, tie_message(bytes(32))),
    )
    with pytest.raises(PeerError):
        opened(sealed(begun(dataclasses.replace(EVE, keys=keys), BOB), b"hi"), BOB)


def test_no_nonce_comes_twice_under_one_key_though_chance_repeats() -> None:
    # A restored backup may draw the same chance again; the payload alone must change the nonce.
    bodies = [
        sealed(OPENING, payload, entropy=ListedEntropy([bytes(16)])) for payload in (b"a", b"b")
    ]
    assert bodies[0][:12] != bodies[1][:12]
    numbers = [sealed(OPENING, b"a", n=n, entropy=ListedEntropy([bytes(16)])) for n in (0, 1)]
    assert numbers[0][:12] != numbers[1][:12]


def test_a_letter_sealed_again_shares_nothing_visible_with_the_first() -> None:
    first = sealed(OPENING, b"hello", entropy=SeededEntropy(1))
    again = sealed(OPENING, b"hello", entropy=SeededEntropy(2))
    assert first[:12] != again[:12]
    windows = {first[at : at + 16] for at in range(len(first) - 16)}
    assert all(again[at : at + 16] not in windows for at in range(0, len(again) - 16, 16))
    assert opened(first, BOB).payload == opened(again, BOB).payload


@settings(max_examples=200)
@given(st.binary(max_size=64) | st.binary(min_size=2_600, max_size=2_700))
def test_any_bytes_as_a_body_give_a_peer_error(anything: bytes) -> None:
    with pytest.raises(PeerError):
        opened(anything, BOB)


@settings(max_examples=60)
@given(st.binary(max_size=64), st.integers(0, 2_700))
def test_any_bytes_inside_the_outer_box_give_a_peer_error(anything: bytes, place: int) -> None:
    def changed(inside: bytes) -> bytes:
        kept = inside[:place] + anything
        return kept if kept != inside else b""

    with pytest.raises(PeerError):
        opened(resealed(changed), BOB)


def test_no_secret_stands_in_the_words_for_an_opening_or_a_letter() -> None:
    letter = opened(BODY, BOB)
    words = repr(OPENING) + repr(letter)
    for secret in (OPENING.root, OPENING.tag_root, letter.read_token, b"hello"):
        assert repr(secret)[2:-1] not in words


def test_a_bundle_travels_over_the_mesh_under_its_header_only() -> None:
    body = seal_bundle(
        BOB.bundle, box_key=BOX_KEY, header=header_of(1), size_class=1, entropy=SeededEntropy(5)
    )
    assert len(body) == body_bytes(1)
    data = open_bundle(body, box_key=BOX_KEY, header=header_of(1))
    assert decode_bundle(data, is_signature_valid) == BOB.bundle
    for box_key, header in ((bytes(32), header_of(1)), (BOX_KEY, header_of(1, tag=b"u" * 16))):
        with pytest.raises(PeerError):
            open_bundle(body, box_key=box_key, header=header)


@pytest.mark.parametrize(
    "padded",
    [b"", b"\0", b"\0\2a", b"\0\1a\0b", b"\0\0\1", b"\xff\xff" + bytes(100)],
    ids=["no length", "half a length", "cut", "not zeros", "not zeros behind nothing", "too long"],
)
def test_wrong_padding_is_refused_also_from_who_has_the_key(padded: bytes) -> None:
    header = header_of(1)
    body = bytes(12) + aead.seal(BOX_KEY, bytes(12), header, padded)
    with pytest.raises(PeerError):
        open_bundle(body, box_key=BOX_KEY, header=header)


def test_right_padding_of_any_length_is_passed_over() -> None:
    header = header_of(1)
    for padded, content in ((b"\0\0", b""), (b"\0\1a", b"a"), (b"\0\1a" + bytes(9), b"a")):
        body = bytes(12) + aead.seal(BOX_KEY, bytes(12), header, padded)
        assert open_bundle(body, box_key=BOX_KEY, header=header) == content


@settings(max_examples=100)
@given(st.binary(max_size=100))
def test_any_bytes_as_the_body_of_a_bundle_give_a_peer_error(anything: bytes) -> None:
    with pytest.raises(PeerError):
        open_bundle(anything, box_key=BOX_KEY, header=header_of(1))


def test_nothing_is_asked_of_freshness_before_the_outer_box_opens() -> None:
    def never(_ephemeral: bytes, _n: int) -> bool:
        raise AssertionError("asked")

    with pytest.raises(PeerError):
        open_letter(
            flipped(BODY, 100),
            box_key=BOX_KEY,
            header=header_of(1),
            identity=BOB.keys,
            bundle=BOB.bundle,
            secrets=BOB.secrets,
            verify=is_signature_valid,
            kem=PycaKem(),
            is_fresh=never,
        )
