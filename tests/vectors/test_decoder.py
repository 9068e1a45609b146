"""The pages suffice: a reader written from them alone opens all that is frozen."""

import hashlib
from itertools import permutations

import msgspec
import pytest

from tests.vectors.decoder import (
    SIZES,
    Invite,
    Malformed,
    Opened,
    Session,
    check_invite,
    decode_envelope,
    invite_bytes_of,
    is_closed,
    is_invite_signed,
    open_bundle,
    plain,
)
from tests.vectors.shapes import (
    EnvelopeVector,
    FirstContactVector,
    InvitesVector,
    MessageVector,
    SessionVector,
    frozen_bytes,
)

FIRST = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector)
SESSION = msgspec.json.decode(frozen_bytes("session.json"), type=SessionVector)
ENVELOPES = msgspec.json.decode(frozen_bytes("envelope.json"), type=list[EnvelopeVector])
INVITES = msgspec.json.decode(frozen_bytes("invite.json"), type=InvitesVector)
MESSAGES = [*FIRST.repetitions, *SESSION.messages]
INVITE = Invite(
    secret=bytes.fromhex(FIRST.invite_secret),
    identity_private=bytes.fromhex(FIRST.reader.identity_private),
    bundle=bytes.fromhex(FIRST.reader_bundle.bundle),
    prekey_private=bytes.fromhex(FIRST.reader_bundle.prekey_private),
    kem_seed=bytes.fromhex(FIRST.reader_bundle.kem_seed),
)


def whole(message: MessageVector) -> bytes:
    return bytes.fromhex(message.header + message.body + message.signature)


def opened_first(message: MessageVector, known: dict[bytes, Session]) -> Opened:
    """A message that bears a tag of the invite, opened by the inviter."""
    found = INVITE.open(decode_envelope(whole(message)), known)
    assert found is not None
    vk, opened = found
    assert vk.hex() == FIRST.author.verify_key
    return opened


def test_envelopes_are_what_the_page_says() -> None:
    for vector in ENVELOPES:
        size = SIZES[vector.size_class]
        body = hashlib.shake_128(bytes.fromhex(vector.body_seed)).digest(size - 99 - 64)
        data = bytes.fromhex(vector.header) + body + bytes.fromhex(vector.signature)
        envelope = decode_envelope(data)
        assert envelope.id.hex() == vector.id
        assert len(envelope.stub) == 195
        assert plain(data).hex() == vector.envelope_hash
        with pytest.raises(Malformed):
            decode_envelope(data[:-1] + bytes([data[-1] ^ 1]))


def test_the_bundle_of_an_invite_is_opened_from_the_mesh() -> None:
    vector = FIRST.sealed_bundle
    header, body = bytes.fromhex(vector.header), bytes.fromhex(vector.body)
    found, signature = open_bundle(bytes.fromhex(FIRST.invite_secret), 5, header, body)
    assert found.hex() == FIRST.reader_bundle.bundle
    assert signature.hex() == vector.signature


def test_the_signatures_of_invites_are_checked_from_the_page_alone() -> None:
    for vector in INVITES.invites:
        link, short = invite_bytes_of(vector.link), invite_bytes_of(vector.qr)
        assert is_invite_signed(link) == is_invite_signed(short) == bool(vector.short_signature)
        if vector.short_signature:
            check_invite(link, link[-64:])
            check_invite(short, bytes.fromhex(vector.short_signature))
            with pytest.raises(Malformed):
                check_invite(short, link[-64:])


def test_the_answer_that_the_invite_is_closed_is_read_from_the_page_alone() -> None:
    vector = FIRST.closed
    header, body = bytes.fromhex(vector.header), bytes.fromhex(vector.body)
    assert is_closed(bytes.fromhex(FIRST.tag_root), header, body)
    assert not is_closed(bytes(32), header, body)
    assert header[23:39] == plain(bytes.fromhex(vector.read_token), 16)


def test_any_repetition_of_a_first_contact_founds_its_session() -> None:
    for order in permutations(FIRST.repetitions):
        known: dict[bytes, Session] = {}
        for message in order:
            opened = opened_first(message, known)
            assert opened.payload.hex() == message.payload
            assert opened.read_token.hex() == message.read_token
        assert list(known) == [bytes.fromhex(FIRST.ephemeral)]
        for message in order:
            with pytest.raises(Malformed):
                opened_first(message, known)


def test_both_sides_of_the_session_are_opened_from_the_pages_alone() -> None:
    known: dict[bytes, Session] = {}
    for message in FIRST.repetitions:
        opened_first(message, known)
    (of_other,) = known.values()
    of_founder = Session(
        root=bytes.fromhex(FIRST.repetitions[0].root),
        private=bytes.fromhex(FIRST.repetitions[0].chain_private),
        their_public=bytes.fromhex(FIRST.reader_bundle.bundle)[64:96],
        kem_seed=bytes.fromhex(FIRST.author_bundle.kem_seed),
        direction_in=1,
    )
    of_founder.expect_from(bytes.fromhex(FIRST.tag_root))
    kem_keys = {True: b"", False: bytes.fromhex(FIRST.author_bundle.bundle)[96:1_280]}
    for message in SESSION.messages:
        writer, reader = (of_founder, of_other) if message.by_founder else (of_other, of_founder)
        private = bytes.fromhex(message.chain_private)
        if writer.private != private:
            coin, seed = bytes.fromhex(message.kem_coin), bytes.fromhex(message.kem_seed)
            writer.write(private, coin, seed, kem_keys[message.by_founder])
        assert writer.root.hex() == message.root
        opened = reader.open(decode_envelope(whole(message)))
        assert opened is not None
        assert opened.payload.hex() == message.payload
        assert opened.read_token.hex() == message.read_token
        part = bytes.fromhex(message.ratchet_header)[45:]
        if part:
            kem_keys[not message.by_founder] = part[1_088:]
    assert len(of_other.generations) == len(of_founder.generations) == len(SESSION.generations)
    # What was lost could still come.
    assert {number for _, number in of_founder.kept} == {2, 3, *range(5, 16), *range(64)}
    assert not of_other.kept
