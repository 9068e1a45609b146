"""First contacts: what opens, and all that somebody on the way, or an author, could forge."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.crypto.kem import Kem, PycaKem
from mesh.crypto.signing import is_signature_valid, sign
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.ratchet.double_ratchet import Awaiting, Ratchet
from mesh.ratchet.first_contact import (
    KIND_FIRST_CONTACT,
    OPENING_BYTES,
    Author,
    Opening,
    Roots,
    begin_first_contact,
    first_contact_size_class,
    open_bundle,
    open_opening,
    open_outside,
    seal_bundle,
    seal_first_contact,
)
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, make_bundle, tie_message
from mesh.ratchet.sealed_message import open_header, open_payload
from mesh.wire.bundle import Bundle, sign_bundle
from mesh.wire.envelope import HEADER_BYTES, body_bytes
from sim.hosts.kem import KyberPyKem
from tests.entropy import SeededEntropy

KEMS: list[Kem] = [PycaKem(), KyberPyKem()]
NOW = UnixSeconds(1_700_000_000)


def bundle_of(identity: IdentityKeys, seed: int) -> tuple[Bundle, PrekeySecrets]:
    return make_bundle(
        identity,
        valid_from=NOW,
        valid_to=UnixSeconds(NOW + 86_400),
        entropy=SeededEntropy(seed),
        kem=PycaKem(),
    )


AUTHOR, READER = (IdentityKeys.from_seed(bytes((byte,)) * 32) for byte in (1, 2))
AUTHOR_BUNDLE, _ = bundle_of(AUTHOR, 10)
READER_BUNDLE, SECRETS = bundle_of(READER, 11)
OTHER_BUNDLE, OTHER_SECRETS = bundle_of(READER, 12)
HEADER, BOX_KEY = bytes(range(HEADER_BYTES)), bytes(range(32))
LOW_ORDER = bytes(32)


@dataclass(frozen=True)
class Whole:
    """A first contact that was opened to its end."""

    author: Author
    roots: Roots
    payload: bytes
    message_key: bytes


def opening_of(
    identity: IdentityKeys = AUTHOR, bundle: Bundle = AUTHOR_BUNDLE, kem: Kem = KEMS[0]
) -> Opening:
    return begin_first_contact(identity, bundle, READER_BUNDLE, entropy=SeededEntropy(1), kem=kem)


def initiator(opening: Opening) -> Ratchet:
    return Ratchet.initiator(
        opening.roots.ratchet, READER_BUNDLE.prekey, kem_seed=None, mesh_now=NOW
    )


def sealed(
    opening: Opening,
    payload: bytes = b"hello",
    *,
    number: int = 0,
    size_class: int = 1,
    header: bytes = HEADER,
    seed: int = 2,
) -> bytes:
    """The body of the repetition of a number."""
    ratchet = initiator(opening)
    entropy = SeededEntropy(seed)
    sending = ratchet.next_sending(entropy=entropy, kem=KEMS[0], mesh_now=NOW)
    for _ in range(number):
        sending = sending.ratchet.next_sending(entropy=entropy, kem=KEMS[0], mesh_now=NOW)
    return seal_first_contact(
        opening.data,
        sending.header,
        sending.message_key,
        payload,
        first_header_key=opening.roots.header_key,
        box_key=BOX_KEY,
        associated=header,
        size_class=size_class,
        entropy=entropy,
    )


def opened(
    body: bytes,
    *,
    box_key: bytes = BOX_KEY,
    header: bytes = HEADER,
    identity: IdentityKeys = READER,
    bundle: Bundle = READER_BUNDLE,
    secrets: PrekeySecrets = SECRETS,
    kem: Kem = KEMS[0],
) -> Whole:
    """Open all layers of a body, as a reader does who has not seen its opening before."""
    first = open_outside(body, box_key=box_key, associated=header)
    author, roots = open_opening(
        first.opening,
        identity=identity,
        bundle=bundle,
        secrets=secrets,
        verify=is_signature_valid,
        kem=kem,
    )
    ratchet_header, header_box, message_box = open_header(
        first.boxes, header_key=roots.header_key, associated=header, nonce=first.nonce
    )
    receiving = Ratchet.responder(
        roots.ratchet,
        secrets.prekey_private,
        their_kem_key=author.bundle.kem_key,
        mesh_now=NOW,
    ).receive(ratchet_header, kem=kem, mesh_now=NOW, find_skipped=lambda _public, _number: None)
    assert not isinstance(receiving, Awaiting)
    payload = open_payload(
        receiving.message_key,
        associated=header,
        nonce=first.nonce,
        header_box=header_box,
        message_box=message_box,
    )
    return Whole(author, roots, payload, receiving.message_key)


BODY = sealed(opening_of())
INSIDE = aead.open_sealed(BOX_KEY, BODY[:12], HEADER, BODY[12:])


def rewrapped(inside: bytes, *, header: bytes = HEADER, nonce: bytes = BODY[:12]) -> bytes:
    """Return what somebody who knows the invite can make: the outside is sealed anew."""
    return nonce + aead.seal(BOX_KEY, nonce, header, inside)


@pytest.mark.parametrize("author_kem", KEMS, ids=["pyca", "kyber-py"])
@pytest.mark.parametrize("reader_kem", KEMS, ids=["pyca", "kyber-py"])
def test_both_sides_have_the_same_keys(author_kem: Kem, reader_kem: Kem) -> None:
    opening = opening_of(kem=author_kem)
    whole = opened(sealed(opening), kem=reader_kem)
    assert whole.payload == b"hello"
    assert whole.roots == opening.roots
    assert whole.author == Author(AUTHOR.verify_key, AUTHOR.identity_key, AUTHOR_BUNDLE)
    assert len({opening.roots.ratchet, opening.roots.tags, opening.roots.header_key}) == 3
    assert (len(opening.data), len(opening.roots.session_id)) == (OPENING_BYTES, 16)


def test_the_sizes_are_those_of_the_protocol() -> None:
    sizes = (0, 1_273, 1_274, 13_561, 13_562, 62_713, 62_714)
    assert [first_contact_size_class(size) for size in sizes] == [1, 1, 2, 2, 3, 3, None]


@given(st.binary(max_size=1_273), st.integers(0, 40), st.sampled_from([1, 2, 3]))
def test_a_first_contact_fills_its_body_and_any_repetition_opens_it(
    payload: bytes, number: int, size_class: int
) -> None:
    body = sealed(opening_of(), payload, number=number, size_class=size_class)
    assert len(body) == body_bytes(size_class)
    assert opened(body).payload == payload


def test_repetitions_share_all_roots_and_no_message_key() -> None:
    opening = opening_of()
    wholes = [opened(sealed(opening, b"x", number=number)) for number in (2, 0, 1)]
    assert {one.roots.session_id for one in wholes} == {opening.roots.session_id}
    assert all(one.roots == opening.roots for one in wholes)
    assert len({one.message_key for one in wholes}) == 3
    openings = [
        open_outside(sealed(opening, number=number), box_key=BOX_KEY, associated=HEADER).opening
        for number in (0, 1)
    ]
    assert openings[0] == openings[1] == opening.data


def test_the_same_number_sealed_twice_never_uses_a_nonce_again() -> None:
    opening = opening_of()
    nonces = [
        sealed(opening, payload, seed=seed)[:12]
        # A disk that was rolled back brings the same chance, or the same payload.
        for seed, payload in ((3, b"one"), (4, b"one"), (3, b"two"))
    ]
    assert len(set(nonces)) == 3


def test_each_byte_of_a_body_is_authentic() -> None:
    for place in range(len(BODY)):
        changed = bytearray(BODY)
        changed[place] ^= 0x80
        with pytest.raises(PeerError):
            opened(bytes(changed))


def test_each_byte_inside_is_authentic_even_to_who_knows_the_invite() -> None:
    assert opened(rewrapped(INSIDE)).payload == b"hello"
    for place in range(len(INSIDE)):
        changed = bytearray(INSIDE)
        changed[place] ^= 0x80
        with pytest.raises(PeerError):
            opened(rewrapped(bytes(changed)))


def test_each_byte_of_the_header_is_bound_to_the_body() -> None:
    for place in range(len(HEADER)):
        changed = bytearray(HEADER)
        changed[place] ^= 1
        with pytest.raises(PeerError):
            opened(BODY, header=bytes(changed))
        with pytest.raises(PeerError):
            opened(rewrapped(INSIDE, header=bytes(changed)), header=bytes(changed))


def test_a_nonce_that_is_not_the_messages_own_does_not_open_it() -> None:
    with pytest.raises(PeerError):
        opened(rewrapped(INSIDE, nonce=bytes(12)))


@given(st.binary(max_size=64), st.binary(max_size=3_000))
def test_any_bytes_are_a_peers_fault(body: bytes, inside: bytes) -> None:
    opening = bytes((KIND_FIRST_CONTACT,)) + inside.ljust(OPENING_BYTES + 1, b"\0")
    for one in (body, rewrapped(inside), rewrapped(opening)):
        with pytest.raises(PeerError):
            opened(one)
        with pytest.raises(PeerError):
            open_bundle(one[:-1], box_key=BOX_KEY, header=HEADER)


def test_a_first_contact_to_somebody_else_or_under_another_tag_does_not_open() -> None:
    with pytest.raises(PeerError):
        opened(BODY, box_key=bytes(32))
    with pytest.raises(PeerError):
        opened(BODY, identity=AUTHOR)
    with pytest.raises(PeerError):
        opened(BODY, bundle=AUTHOR_BUNDLE)
    for secrets in (
        replace(SECRETS, prekey_private=bytes(32)),
        replace(SECRETS, kem_seed=bytes(64)),
    ):
        with pytest.raises(PeerError):
            opened(BODY, secrets=secrets)


def test_another_bundle_of_the_same_reader_does_not_open_it() -> None:
    for bundle, secrets in (
        (OTHER_BUNDLE, OTHER_SECRETS),
        (OTHER_BUNDLE, SECRETS),
        (READER_BUNDLE, OTHER_SECRETS),
    ):
        with pytest.raises(PeerError):
            opened(BODY, bundle=bundle, secrets=secrets)


def test_nobody_writes_as_another() -> None:
    mallory = IdentityKeys.from_seed(bytes(32))
    own_prekeys = sign_bundle(
        mallory.signing_seed,
        verify_key=AUTHOR.verify_key,
        identity_key=AUTHOR.identity_key,
        prekey=AUTHOR_BUNDLE.prekey,
        kem_key=AUTHOR_BUNDLE.kem_key,
        valid_from=AUTHOR_BUNDLE.valid_from,
        valid_to=AUTHOR_BUNDLE.valid_to,
    )
    pretended = [
        # The author's name and signing key with a key of his own, which the tie does not tie.
        (replace(mallory, verify_key=AUTHOR.verify_key), AUTHOR_BUNDLE),
        # Everything public of the author: the box opens, but the roots need the private half.
        (replace(AUTHOR, identity_private=mallory.identity_private), AUTHOR_BUNDLE),
        # Prekeys that the author did not sign.
        (AUTHOR, own_prekeys),
        # His own name over the author's key and prekeys.
        (replace(AUTHOR, verify_key=mallory.verify_key, tie=mallory.tie), AUTHOR_BUNDLE),
        # A key that he ties to his name by a true signature, but that is the author's.
        _with_identity_key(mallory, AUTHOR.identity_key),
        # And one whose agreement everybody knows.
        _with_identity_key(mallory, LOW_ORDER),
    ]
    for identity, bundle in pretended:
        with pytest.raises(PeerError):
            opened(sealed(opening_of(identity, bundle)))


def _with_identity_key(liar: IdentityKeys, identity_key: bytes) -> tuple[IdentityKeys, Bundle]:
    """Keys and a bundle of somebody who signs that an identity key is his."""
    tie = sign(liar.signing_seed, tie_message(identity_key))
    bundle = sign_bundle(
        liar.signing_seed,
        verify_key=liar.verify_key,
        identity_key=identity_key,
        prekey=AUTHOR_BUNDLE.prekey,
        kem_key=AUTHOR_BUNDLE.kem_key,
        valid_from=AUTHOR_BUNDLE.valid_from,
        valid_to=AUTHOR_BUNDLE.valid_to,
    )
    return replace(liar, identity_key=identity_key, tie=tie), bundle


def test_keys_of_low_order_are_dropped() -> None:
    for identity_key, prekey in (
        (LOW_ORDER, READER_BUNDLE.prekey),
        (READER_BUNDLE.identity_key, LOW_ORDER),
    ):
        hostile = replace(READER_BUNDLE, identity_key=identity_key, prekey=prekey)
        with pytest.raises(PeerError):
            begin_first_contact(
                AUTHOR, AUTHOR_BUNDLE, hostile, entropy=SeededEntropy(1), kem=PycaKem()
            )
    with pytest.raises(PeerError):
        opened(rewrapped(INSIDE[:1] + LOW_ORDER + INSIDE[33:]))


@pytest.mark.parametrize("kem", KEMS, ids=["pyca", "kyber-py"])
def test_a_malformed_kem_key_is_dropped(kem: Kem) -> None:
    hostile = replace(READER_BUNDLE, kem_key=b"\xff" * 1_184)
    with pytest.raises(PeerError):
        begin_first_contact(AUTHOR, AUTHOR_BUNDLE, hostile, entropy=SeededEntropy(1), kem=kem)


@pytest.mark.parametrize("kind", [0, 2, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(PeerError, match="not a first contact"):
        opened(rewrapped(bytes((kind,)) + INSIDE[1:]))


def test_an_opening_without_a_message_behind_it_is_refused() -> None:
    with pytest.raises(PeerError, match="not a first contact"):
        opened(rewrapped(INSIDE[: 1 + OPENING_BYTES]))


def test_a_bundle_on_the_mesh_is_opened_and_each_byte_is_authentic() -> None:
    signature = bytes(range(64))
    body = seal_bundle(
        READER_BUNDLE,
        signature,
        box_key=BOX_KEY,
        header=HEADER,
        size_class=1,
        entropy=SeededEntropy(3),
    )
    assert len(body) == body_bytes(1)
    opened_bundle = open_bundle(body, box_key=BOX_KEY, header=HEADER)
    assert opened_bundle == (READER_BUNDLE.encode(), signature)
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        with pytest.raises(PeerError):
            open_bundle(bytes(changed), box_key=BOX_KEY, header=HEADER)
    with pytest.raises(PeerError):
        open_bundle(body, box_key=BOX_KEY, header=bytes(HEADER_BYTES))


def test_no_key_shows_in_a_repr() -> None:
    opening = opening_of()
    first = open_outside(BODY, box_key=BOX_KEY, associated=HEADER)
    for secret in (opening.roots.ratchet, opening.roots.tags, opening.roots.header_key):
        assert repr(secret) not in repr(opening)
    assert repr(first.opening) not in repr(first)
    assert repr(first.boxes) not in repr(first)
