"""Letters: the frozen ones, and everything that somebody on the way, or an author, could forge."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto import aead
from mesh.crypto.hashing import blake2b, blake2b_128
from mesh.crypto.kem import Kem, PycaKem
from mesh.crypto.signing import is_signature_valid, sign
from mesh.errors import PeerError
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, tie_message
from mesh.ratchet.letters import (
    KIND_LETTER,
    OpenedLetter,
    Opening,
    begin_letter,
    letter_size_class,
    open_bundle,
    open_letter,
    payload_bytes_max,
    read_hash_of,
    seal_bundle,
    seal_letter,
)
from mesh.wire.bundle import Bundle, decode_bundle, sign_bundle
from mesh.wire.envelope import body_bytes, decode_header
from sim.kem import KyberPyKem
from tests.entropy import ListedEntropy, SeededEntropy
from tests.vectors.shapes import FirstContactVector, IdentityVector, LetterVector, frozen_bytes

VECTOR = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
KEMS: list[Kem] = [PycaKem(), KyberPyKem()]


def person(vector: IdentityVector) -> IdentityKeys:
    return IdentityKeys.from_seed(bytes.fromhex(vector.seed))


AUTHOR, READER = person(VECTOR.author), person(VECTOR.reader)
AUTHOR_BUNDLE = decode_bundle(bytes.fromhex(VECTOR.author_bundle.bundle), is_signature_valid)
READER_BUNDLE = decode_bundle(bytes.fromhex(VECTOR.reader_bundle.bundle), is_signature_valid)
SECRETS = PrekeySecrets(
    bytes.fromhex(VECTOR.reader_bundle.prekey_private),
    bytes.fromhex(VECTOR.reader_bundle.kem_seed),
)
LETTER = VECTOR.letters[0]
HEADER, BOX_KEY = bytes.fromhex(LETTER.header), bytes.fromhex(LETTER.box_key)
BODY = bytes.fromhex(LETTER.body)
INSIDE = aead.open_sealed(BOX_KEY, BODY[:12], HEADER, BODY[12:])
LOW_ORDER = bytes(32)


def opening_of(identity: IdentityKeys = AUTHOR, bundle: Bundle = AUTHOR_BUNDLE) -> Opening:
    """A first contact to the reader by chance of tests."""
    return begin_letter(identity, bundle, READER_BUNDLE, entropy=SeededEntropy(1), kem=PycaKem())


def sealed(opening: Opening, payload: bytes = b"hello", n: int = 0) -> bytes:
    return seal_letter(
        opening,
        n,
        payload,
        box_key=BOX_KEY,
        header=HEADER,
        size_class=1,
        entropy=SeededEntropy(2),
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
    is_fresh: bool = True,
) -> OpenedLetter:
    return open_letter(
        body,
        box_key=box_key,
        header=header,
        identity=identity,
        bundle=bundle,
        secrets=secrets,
        verify=is_signature_valid,
        kem=kem,
        is_fresh=lambda _ephemeral, _n: is_fresh,
    )


def rewrapped(inside: bytes, *, header: bytes = HEADER, nonce: bytes = BODY[:12]) -> bytes:
    """What somebody who knows the invite can make: the outside is sealed anew."""
    return nonce + aead.seal(BOX_KEY, nonce, header, inside)


def test_the_frozen_first_contact_is_begun_again() -> None:
    entropy = ListedEntropy(
        [bytes.fromhex(VECTOR.ephemeral_private), bytes.fromhex(VECTOR.kem_coin)]
    )
    opening = begin_letter(AUTHOR, AUTHOR_BUNDLE, READER_BUNDLE, entropy=entropy, kem=KyberPyKem())
    assert entropy.is_used_up
    assert opening.ephemeral.hex() == VECTOR.ephemeral
    assert opening.ciphertext.hex() == VECTOR.ciphertext
    assert opening.box.hex() == VECTOR.box
    assert opening.root.hex() == VECTOR.root
    assert opening.tag_root.hex() == VECTOR.tag_root
    assert opening.session_id.hex() == VECTOR.session_id
    for letter in VECTOR.letters:
        body = seal_letter(
            opening,
            letter.n,
            bytes.fromhex(letter.payload),
            box_key=bytes.fromhex(letter.box_key),
            header=bytes.fromhex(letter.header),
            size_class=letter.size_class,
            entropy=ListedEntropy([bytes.fromhex(letter.hedge)]),
        )
        assert body.hex() == letter.body
        assert read_hash_of(opening.root, letter.n).hex() == letter.read_hash


@pytest.mark.parametrize("kem", KEMS, ids=["pyca", "kyber-py"])
@pytest.mark.parametrize("letter", VECTOR.letters, ids=lambda letter: letter.n)
def test_the_frozen_letters_are_opened(letter: LetterVector, kem: Kem) -> None:
    header = bytes.fromhex(letter.header)
    letter_opened = opened(
        bytes.fromhex(letter.body), box_key=bytes.fromhex(letter.box_key), header=header, kem=kem
    )
    assert letter_opened.payload.hex() == letter.payload
    assert letter_opened.n == letter.n
    assert letter_opened.author.verify_key == AUTHOR.verify_key
    assert letter_opened.author.identity_key == AUTHOR.identity_key
    assert letter_opened.author.bundle == AUTHOR_BUNDLE
    assert letter_opened.ephemeral.hex() == VECTOR.ephemeral
    assert letter_opened.root.hex() == VECTOR.root
    assert letter_opened.tag_root.hex() == VECTOR.tag_root
    assert letter_opened.session_id.hex() == VECTOR.session_id
    assert letter_opened.read_token.hex() == letter.read_token
    # Only now can anybody tell the mesh that it was read.
    assert blake2b_128(letter_opened.read_token) == decode_header(header).read_hash


def test_the_sizes_are_those_of_the_protocol() -> None:
    assert [payload_bytes_max(size_class) for size_class in (1, 2, 3)] == [1_330, 13_618, 62_770]
    assert payload_bytes_max(0) < 0
    assert [
        letter_size_class(size) for size in (0, 1_330, 1_331, 13_618, 13_619, 62_770, 62_771)
    ] == [1, 1, 2, 2, 3, 3, None]


@given(st.binary(max_size=1_330), st.integers(0, (1 << 32) - 1), st.sampled_from([1, 2, 3]))
def test_a_letter_fills_its_body_and_opens(payload: bytes, n: int, size_class: int) -> None:
    header = HEADER[:1] + bytes((size_class,)) + HEADER[2:]
    body = seal_letter(
        opening_of(),
        n,
        payload,
        box_key=BOX_KEY,
        header=header,
        size_class=size_class,
        entropy=SeededEntropy(n),
    )
    assert len(body) == body_bytes(size_class)
    letter = opened(body, header=header)
    assert (letter.payload, letter.n) == (payload, n)


def test_letters_under_one_opening_open_in_any_order_with_keys_of_their_own() -> None:
    opening = opening_of()
    letters = [opened(sealed(opening, b"x", n)) for n in (2, 0, 1)]
    assert [letter.n for letter in letters] == [2, 0, 1]
    assert len({letter.read_token for letter in letters}) == 3
    assert {letter.session_id for letter in letters} == {opening.session_id}
    assert {letter.tag_root for letter in letters} == {opening.tag_root}


def test_the_same_letter_sealed_twice_never_uses_a_nonce_again() -> None:
    opening = opening_of()
    drawn = [
        seal_letter(
            opening,
            0,
            payload,
            box_key=BOX_KEY,
            header=HEADER,
            size_class=1,
            entropy=SeededEntropy(seed),
        )[:12]
        # A disk that was rolled back brings the same n, perhaps the same chance, another payload.
        for seed, payload in ((3, b"one"), (4, b"one"), (3, b"two"))
    ]
    assert len(set(drawn)) == 3


def test_each_byte_of_a_body_is_authentic() -> None:
    for place in range(len(BODY)):
        changed = bytearray(BODY)
        changed[place] ^= 0x80
        with pytest.raises(PeerError):
            opened(bytes(changed))


def test_each_byte_inside_is_authentic_even_to_who_knows_the_invite() -> None:
    assert opened(rewrapped(INSIDE)).payload.hex() == LETTER.payload
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


def test_a_nonce_that_is_not_the_letters_own_does_not_open_it() -> None:
    with pytest.raises(PeerError):
        opened(rewrapped(INSIDE, nonce=bytes(12)))


@given(st.binary(max_size=64), st.binary(max_size=3_000))
def test_any_bytes_are_a_peers_fault(body: bytes, inside: bytes) -> None:
    for one in (body, rewrapped(inside), rewrapped(bytes((KIND_LETTER,)) + inside)):
        with pytest.raises(PeerError):
            opened(one)
        with pytest.raises(PeerError):
            open_bundle(one[:-1], box_key=BOX_KEY, header=HEADER)


def test_a_letter_to_somebody_else_or_under_another_tag_does_not_open() -> None:
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


def test_a_repeat_is_refused_before_any_key_agreement() -> None:
    wrong = replace(SECRETS, prekey_private=bytes(32))
    with pytest.raises(PeerError, match="opened before"):
        opened(BODY, secrets=wrong, is_fresh=False)


def test_freshness_is_asked_of_the_key_and_number_of_the_letter() -> None:
    asked: list[tuple[str, int]] = []

    def is_fresh(ephemeral: bytes, n: int) -> bool:
        asked.append((ephemeral.hex(), n))
        return True

    for letter in VECTOR.letters:
        open_letter(
            bytes.fromhex(letter.body),
            box_key=bytes.fromhex(letter.box_key),
            header=bytes.fromhex(letter.header),
            identity=READER,
            bundle=READER_BUNDLE,
            secrets=SECRETS,
            verify=is_signature_valid,
            kem=PycaKem(),
            is_fresh=is_fresh,
        )
    assert asked == [(VECTOR.ephemeral, 0), (VECTOR.ephemeral, 1)]


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
        # Everything public of the author: the box opens, but the letter's key needs the private.
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
            begin_letter(AUTHOR, AUTHOR_BUNDLE, hostile, entropy=SeededEntropy(1), kem=PycaKem())
    with pytest.raises(PeerError):
        opened(rewrapped(INSIDE[:1] + LOW_ORDER + INSIDE[33:]))


def test_a_malformed_kem_key_is_dropped() -> None:
    hostile = replace(READER_BUNDLE, kem_key=b"\xff" * 1_184)
    for kem in KEMS:
        with pytest.raises(PeerError):
            begin_letter(AUTHOR, AUTHOR_BUNDLE, hostile, entropy=SeededEntropy(1), kem=kem)


@pytest.mark.parametrize("padding", ["nonzero", "too long", "none"])
def test_a_wrong_padding_is_refused(padding: str) -> None:
    room = payload_bytes_max(1)
    padded = {
        "nonzero": b"\0\1x" + bytes(room - 2) + b"\1",
        "too long": (room + 1).to_bytes(2, "big") + bytes(room),
        "none": b"\0",
    }[padding]
    opening, number = opening_of(), bytes(4)
    message_key = blake2b(opening.root, number, "mesh/fc/mk", 32)
    letter = aead.seal(message_key, bytes(12), HEADER + number, padded)
    start = bytes((KIND_LETTER,)) + opening.ephemeral + opening.ciphertext + opening.box
    with pytest.raises(PeerError):
        opened(rewrapped(start + number + letter, nonce=bytes(12)))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(PeerError, match="not a letter"):
        opened(rewrapped(b"\x01" + INSIDE[1:]))


def test_the_frozen_bundle_on_the_mesh_is_sealed_again_and_opened() -> None:
    frozen = VECTOR.sealed_bundle
    header, box_key = bytes.fromhex(frozen.header), bytes.fromhex(frozen.box_key)
    body = seal_bundle(
        READER_BUNDLE,
        box_key=box_key,
        header=header,
        size_class=1,
        entropy=ListedEntropy([bytes.fromhex(frozen.nonce)]),
    )
    assert body.hex() == frozen.body
    assert open_bundle(body, box_key=box_key, header=header) == READER_BUNDLE.encode()
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= 1
        with pytest.raises(PeerError):
            open_bundle(bytes(changed), box_key=box_key, header=header)
    with pytest.raises(PeerError):
        open_bundle(body, box_key=box_key, header=HEADER)


def test_no_key_shows_in_a_repr() -> None:
    opening, letter = opening_of(), opened(BODY)
    for secret in (opening.root, opening.tag_root):
        assert repr(secret) not in repr(opening)
    for secret in (letter.root, letter.tag_root, letter.payload, letter.read_token):
        assert repr(secret) not in repr(letter)
