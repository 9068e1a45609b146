"""The frozen first contact and session: made again byte by byte, and opened, by both KEMs."""

from collections.abc import Sequence

import msgspec
import pytest

from mesh.crypto.hashing import blake2b_128
from mesh.crypto.kem import Kem, PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.ids import UnixSeconds
from mesh.limits.sessions import POST_QUANTUM_SECONDS
from mesh.ratchet.closed_invite import check_closed, closed_key_of, closed_tag_of, seal_closed
from mesh.ratchet.double_ratchet import Ratchet, Receiving
from mesh.ratchet.first_contact import (
    begin_first_contact,
    open_bundle,
    open_opening,
    open_outside,
    seal_bundle,
    seal_first_contact,
)
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets
from mesh.ratchet.sealed_message import (
    nonce_of,
    open_header,
    open_payload,
    read_hash_of,
    read_token_of,
    seal_boxes,
    split_nonce,
)
from mesh.ratchet.tags import chain_start, link_key_of, rendezvous_key, tag_of
from mesh.wire.bundle import decode_bundle
from mesh.wire.envelope import body_bytes, decode_envelope, sign_envelope
from mesh.wire.ratchet_header import decode_ratchet_header
from sim.hosts.kem import KyberPyKem
from tests.entropy import ListedEntropy
from tests.vectors.shapes import (
    BundleVector,
    FirstContactVector,
    MessageVector,
    SessionVector,
    frozen_bytes,
)

FIRST = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
SESSION = msgspec.json.decode(frozen_bytes("session.json"), type=SessionVector)
MESSAGES = [*FIRST.repetitions, *SESSION.messages]
KEMS: list[Kem] = [PycaKem(), KyberPyKem()]
AUTHOR, READER = (
    IdentityKeys.from_seed(bytes.fromhex(one.seed)) for one in (FIRST.author, FIRST.reader)
)
AUTHOR_BUNDLE, READER_BUNDLE = (
    decode_bundle(bytes.fromhex(one.bundle), is_signature_valid)
    for one in (FIRST.author_bundle, FIRST.reader_bundle)
)
NOW = UnixSeconds(1_800_000_000)


def secrets_of(vector: BundleVector) -> PrekeySecrets:
    return PrekeySecrets(bytes.fromhex(vector.prekey_private), bytes.fromhex(vector.kem_seed))


def founder() -> Ratchet:
    """The ratchet of who began."""
    kem_seed = secrets_of(FIRST.author_bundle).kem_seed
    return Ratchet.initiator(
        bytes.fromhex(FIRST.root), READER_BUNDLE.prekey, kem_seed=kem_seed, mesh_now=NOW
    )


def other(kem: Kem) -> Ratchet:
    """The ratchet of who was written to, from the opening."""
    first = open_outside(
        bytes.fromhex(MESSAGES[0].body),
        box_key=bytes.fromhex(MESSAGES[0].place.box_key),
        associated=bytes.fromhex(MESSAGES[0].header),
    )
    author, roots = open_opening(
        first.opening,
        identity=READER,
        bundle=READER_BUNDLE,
        secrets=secrets_of(FIRST.reader_bundle),
        verify=is_signature_valid,
        kem=kem,
    )
    assert author.bundle == AUTHOR_BUNDLE
    assert roots.header_key.hex() == FIRST.header_key
    assert roots.session_id.hex() == FIRST.session_id
    return Ratchet.responder(
        roots.ratchet,
        secrets_of(FIRST.reader_bundle).prekey_private,
        their_kem_key=author.bundle.kem_key,
        mesh_now=NOW,
    )


def times() -> list[UnixSeconds]:
    """Return when each message was written: the founder's step is made because a day has passed."""
    found, now = [], NOW
    for one in MESSAGES:
        if one.by_founder and one.kem_coin:
            now = UnixSeconds(NOW + POST_QUANTUM_SECONDS)
        found.append(now)
    return found


def test_the_frozen_opening_is_begun_again() -> None:
    entropy = ListedEntropy([bytes.fromhex(FIRST.ephemeral_private), bytes.fromhex(FIRST.kem_coin)])
    opening = begin_first_contact(
        AUTHOR, AUTHOR_BUNDLE, READER_BUNDLE, entropy=entropy, kem=KyberPyKem()
    )
    assert entropy.is_used_up
    assert opening.data.hex() == FIRST.ephemeral + FIRST.ciphertext + FIRST.box
    assert opening.roots.ratchet.hex() == FIRST.root
    assert opening.roots.tags.hex() == FIRST.tag_root
    assert opening.roots.header_key.hex() == FIRST.header_key
    assert opening.roots.session_id.hex() == FIRST.session_id


def test_the_frozen_session_is_written_again() -> None:
    kem = KyberPyKem()
    writers = {True: founder(), False: other(kem)}
    roots: list[bytes] = []
    for message, now in zip(MESSAGES, times(), strict=True):
        writer, reader = message.by_founder, not message.by_founder
        expected = decode_ratchet_header(bytes.fromhex(message.ratchet_header))
        draws: list[bytes] = []
        if writers[writer].sending is None:
            draws = [bytes.fromhex(message.chain_private)]
            if expected.is_post_quantum:
                draws += [bytes.fromhex(message.kem_coin), bytes.fromhex(message.kem_seed)]
        entropy = ListedEntropy(draws)
        while True:
            sending = writers[writer].next_sending(
                entropy=entropy, kem=kem, mesh_now=now, tags_before=expected.tags_before
            )
            writers[writer] = sending.ratchet
            roots += [sending.tag_root] if sending.tag_root else []
            # Those before it were lost.
            if sending.header.number == expected.number:
                break
        assert entropy.is_used_up
        assert sending.header == expected
        assert sending.ratchet.root.hex() == message.root
        assert sending.message_key.hex() == message.message_key
        assert sealed_again(message) == bytes.fromhex(message.body)
        received = writers[reader].receive(
            expected, kem=kem, mesh_now=now, find_skipped=lambda _public, _number: None
        )
        assert isinstance(received, Receiving)
        writers[reader] = received.ratchet
        if received.tag_root:
            assert received.tag_root == roots[-1]
    assert [root.hex() for root in roots] == [one.tag_root for one in SESSION.generations[1:]]


def sealed_again(message: MessageVector) -> bytes:
    """The body, from the keys that the vector has."""
    header = bytes.fromhex(message.header)
    key, payload = bytes.fromhex(message.message_key), bytes.fromhex(message.payload)
    ratchet_header = decode_ratchet_header(bytes.fromhex(message.ratchet_header))
    entropy = ListedEntropy([bytes.fromhex(message.hedge)])
    assert read_hash_of(key) == header[23:39]
    assert read_token_of(key).hex() == message.read_token
    assert blake2b_128(bytes.fromhex(message.withdraw_token)) == header[39:55]
    if message.generation is None:
        return seal_first_contact(
            bytes.fromhex(FIRST.ephemeral + FIRST.ciphertext + FIRST.box),
            ratchet_header,
            key,
            payload,
            first_header_key=bytes.fromhex(message.header_key),
            box_key=bytes.fromhex(message.place.box_key),
            associated=header,
            size_class=message.size_class,
            entropy=entropy,
        )
    nonce = nonce_of(key, payload, entropy)
    assert nonce.hex() == message.nonce
    return nonce + seal_boxes(
        ratchet_header,
        key,
        payload,
        header_key=bytes.fromhex(message.header_key),
        associated=header,
        nonce=nonce,
        room=body_bytes(message.size_class),
    )


@pytest.mark.parametrize("kem", KEMS, ids=["pyca", "kyber-py"])
def test_the_frozen_messages_are_opened_in_any_order_that_can_be(kem: Kem) -> None:
    ratchet, kept = other(kem), dict[tuple[bytes, int], bytes]()
    founders = [one for one in MESSAGES if one.by_founder and not one.kem_coin][:4]
    # The reader's first chain, which the later ones answer, is taken from the vector.
    ratchet = opened_all(ratchet, founders[1::-1], kem, kept)
    assert not kept
    answer = MESSAGES[2]
    draws = (answer.chain_private, answer.kem_coin, answer.kem_seed)
    ratchet = ratchet.next_sending(
        entropy=ListedEntropy([bytes.fromhex(one) for one in draws]),
        kem=KyberPyKem(),
        mesh_now=NOW,
    ).ratchet
    opened_all(ratchet, founders[:1:-1], kem, kept)
    assert not kept


def opened_all(
    ratchet: Ratchet,
    messages: Sequence[MessageVector],
    kem: Kem,
    kept: dict[tuple[bytes, int], bytes],
) -> Ratchet:
    """Open messages from their bodies; what is skipped is kept."""
    for message in messages:
        header, body = bytes.fromhex(message.header), bytes.fromhex(message.body)
        nonce, boxes = split_nonce(body)
        if message.generation is None:
            box_key = bytes.fromhex(message.place.box_key)
            boxes = open_outside(body, box_key=box_key, associated=header).boxes
        ratchet_header, header_box, message_box = open_header(
            boxes, header_key=bytes.fromhex(message.header_key), associated=header, nonce=nonce
        )
        received = ratchet.receive(
            ratchet_header,
            kem=kem,
            mesh_now=NOW,
            find_skipped=lambda public, number: kept.pop((public, number), None),
        )
        assert isinstance(received, Receiving)
        payload = open_payload(
            received.message_key,
            associated=header,
            nonce=nonce,
            header_box=header_box,
            message_box=message_box,
        )
        assert payload.hex() == message.payload
        ratchet = received.ratchet
        kept.update({(one.name.public, one.name.number): one.key for one in received.skipped})
    return ratchet


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_a_frozen_envelope_is_signed_again(message: MessageVector) -> None:
    whole = bytes.fromhex(message.header + message.body + message.signature)
    envelope = decode_envelope(whole)
    assert sign_envelope(envelope.header, envelope.body, bytes.fromhex(message.posting_seed)) == (
        envelope
    )


def test_the_frozen_tags_of_a_session_grow_from_its_roots() -> None:
    for generation in SESSION.generations:
        root = bytes.fromhex(generation.tag_root)
        assert chain_start(root, 0).hex() == generation.from_founder
        assert chain_start(root, 1).hex() == generation.to_founder
        assert link_key_of(root).hex() == generation.link_key
        for direction, frozen in enumerate(
            (generation.rendezvous_from_founder, generation.rendezvous_to_founder)
        ):
            key = rendezvous_key(root, direction)
            assert [tag_of(key, one.index).hex() for one in frozen] == [one.tag for one in frozen]
    assert SESSION.generations[0].tag_root == FIRST.tag_root


def test_the_frozen_answer_that_the_invite_is_closed_is_sealed_again_and_read() -> None:
    vector = FIRST.closed
    key, header = closed_key_of(bytes.fromhex(FIRST.tag_root)), bytes.fromhex(vector.header)
    assert (key.hex(), closed_tag_of(key).hex()) == (vector.place.key, vector.place.tag)
    assert read_token_of(key).hex() == vector.read_token
    entropy = ListedEntropy([bytes.fromhex(vector.hedge)])
    body = seal_closed(key, associated=header, entropy=entropy)
    assert body.hex() == vector.body
    check_closed(body, key=key, associated=header)


def test_the_frozen_bundle_on_the_mesh_is_sealed_again_and_opened() -> None:
    vector = FIRST.sealed_bundle
    signature = bytes.fromhex(vector.signature)
    box_key, header = bytes.fromhex(vector.box_key), bytes.fromhex(vector.header)
    body = seal_bundle(
        READER_BUNDLE,
        signature,
        box_key=box_key,
        header=header,
        size_class=1,
        entropy=ListedEntropy([bytes.fromhex(vector.nonce)]),
    )
    assert body.hex() == vector.body
    opened = open_bundle(body, box_key=box_key, header=header)
    assert opened == (READER_BUNDLE.encode(), signature)
