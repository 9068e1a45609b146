"""Invites: the frozen texts, what mail programs do to them, and what is said of broken ones."""

import base64
from dataclasses import replace

import msgspec
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import is_signature_valid
from mesh.errors import UserError
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.wire.bundle import decode_bundle
from mesh.wire.invite import (
    LINK_PREFIX,
    QR_PREFIX,
    Invite,
    is_short_signature_valid,
    parse_invite,
)
from tests.vectors.shapes import (
    FirstContactVector,
    InvitesVector,
    InviteVector,
    RefusedText,
    frozen_bytes,
)

VECTORS = msgspec.json.decode(frozen_bytes("invite.json"), type=InvitesVector)
FURTHER = ("[fd00::7]:41730", "10.0.0.3:41730")
BUNDLE = decode_bundle(bytes.fromhex(VECTORS.bundle), is_signature_valid)


SEED = bytes.fromhex(
    msgspec.json.decode(
        frozen_bytes("first-contact.json"), type=FirstContactVector
    ).reader.signing_seed
)


def invite_of(vector: InviteVector) -> Invite:
    return Invite(
        verify_key=VerifyKey(bytes.fromhex(vector.verify_key)),
        secret=bytes.fromhex(vector.secret),
        expires=UnixSeconds(vector.expires),
        bundle=BUNDLE,
        bundle_hash=BUNDLE.digest,
        psk=bytes.fromhex(vector.psk) or None,
        address_hint=vector.address_hint,
        name=vector.name,
    )


SIGNED = [vector for vector in VECTORS.invites if vector.short_signature]
INVITES = [invite_of(vector) for vector in SIGNED]


@pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector.name or "plain")
def test_the_frozen_texts_are_made_again_and_read(vector: InviteVector) -> None:
    invite = invite_of(vector)
    assert invite.link(SEED) == vector.link
    assert invite.qr() == vector.qr
    assert parse_invite(vector.link, is_signature_valid) == invite
    scanned = parse_invite(vector.qr, is_signature_valid)
    assert scanned.bundle is None
    assert scanned.name == ""
    assert scanned.bundle_hash == BUNDLE.digest
    assert (scanned.verify_key, scanned.secret, scanned.expires, scanned.psk) == (
        invite.verify_key,
        invite.secret,
        invite.expires,
        invite.psk,
    )
    assert scanned.address_hint == invite.address_hint
    assert scanned.qr() == vector.qr
    assert parse_invite(invite.short_link(), is_signature_valid) == scanned
    signature = invite.short_signature(SEED)
    assert signature.hex() == vector.short_signature
    assert scanned.text_hash is not None
    key = invite.verify_key
    assert is_short_signature_valid(key, scanned.text_hash, signature, is_signature_valid)
    for other in (b"", signature[:-1], bytes(64)):
        assert not is_short_signature_valid(key, scanned.text_hash, other, is_signature_valid)


def test_an_invite_of_before_is_read_and_nothing_unsigned_in_it_is_used() -> None:
    (vector,) = [one for one in VECTORS.invites if not one.short_signature]
    for text in (vector.link, vector.qr):
        invite = parse_invite(text, is_signature_valid)
        assert not invite.is_signed
        assert invite.text_hash is None
        assert (invite.signed_name, invite.signed_addresses) == ("", ())
        assert invite.address_hint == vector.address_hint
        assert invite.secret.hex() == vector.secret


@given(st.integers(0, 1_977 * 6 // 8 - 10), st.integers(1, 255))
def test_no_byte_of_a_link_can_be_changed_on_its_way(place: int, change: int) -> None:
    """The checksum is keyed by nothing: whoever changes a link makes it anew."""
    data = bytearray(checked_bytes(INVITES[0].link(SEED)))
    place %= len(data)
    data[place] ^= change
    checksum = blake2b(b"", bytes(data), b"mesh/inv/check", 4)
    encoded = base64.urlsafe_b64encode(bytes(data) + checksum).rstrip(b"=").decode()
    try:
        read = parse_invite(LINK_PREFIX + encoded, is_signature_valid)
    except UserError:
        return
    # Who takes the sign of the signature away gets an unsigned one, of which nothing is believed.
    assert not read.is_signed


def checked_bytes(link: str) -> bytes:
    encoded = link[len(LINK_PREFIX) :]
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))[:-4]


def test_the_short_link_can_be_typed() -> None:
    assert len(INVITES[0].short_link()) == 132
    assert len(INVITES[0].link(SEED)) > 1_800


@pytest.mark.parametrize("refused", VECTORS.refused, ids=lambda refused: refused.because)
def test_the_sentence_says_what_is_wrong(refused: RefusedText) -> None:
    with pytest.raises(UserError) as caught:
        parse_invite(refused.text, is_signature_valid)
    assert caught.value.kind == "bad-invite"
    assert refused.because in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_an_invite_or_told_in_words(text: str) -> None:
    for one in (text, LINK_PREFIX + text, QR_PREFIX + text):
        with pytest.raises(UserError):
            parse_invite(one, is_signature_valid)


@given(st.sampled_from(["link", "qr"]), st.data())
def test_a_cut_text_is_called_cut(form: str, data: st.DataObject) -> None:
    text = INVITES[0].link(SEED) if form == "link" else INVITES[0].qr()
    prefix = LINK_PREFIX if form == "link" else QR_PREFIX
    length = data.draw(st.integers(len(prefix), len(text) - 1))
    with pytest.raises(UserError, match="cut off"):
        parse_invite(text[:length], is_signature_valid)


@given(st.data())
def test_white_space_line_breaks_and_brackets_are_passed_over(data: st.DataObject) -> None:
    for text in (INVITES[1].link(SEED), INVITES[1].qr()):
        pieces = list(text)
        for _ in range(5):
            place = data.draw(st.integers(0, len(pieces)))
            inserted = data.draw(st.sampled_from([" ", "\n", "\r\n\t", "\u00a0", "\u200b", "\n> "]))
            pieces.insert(place, inserted)
        read = parse_invite("<" + "".join(pieces) + ">", is_signature_valid)
        assert read.verify_key == INVITES[1].verify_key


def test_the_case_of_a_scanned_text_and_of_a_prefix_does_not_matter() -> None:
    scanned = parse_invite(INVITES[0].qr().lower(), is_signature_valid)
    assert scanned.secret == INVITES[0].secret
    link = INVITES[0].link(SEED)
    read = parse_invite(LINK_PREFIX.upper() + link[len(LINK_PREFIX) :], is_signature_valid)
    assert read == INVITES[0]


def test_a_hint_of_a_later_version_is_passed_over() -> None:
    with_hint = Invite(
        verify_key=BUNDLE.verify_key,
        secret=bytes(16),
        expires=UnixSeconds(1),
        bundle=BUNDLE,
        bundle_hash=BUNDLE.digest,
        name="n" * NAME_BYTES_MAX,
    )
    assert parse_invite(with_hint.link(SEED), is_signature_valid) == with_hint


def test_a_qr_code_fits_a_terminal_of_24_rows() -> None:
    """Two rows of modules are one row of text; 23 rows leave one for the prompt."""
    plain = segno.make(INVITES[0].qr(), error="l", boost_error=False, micro=False)
    hinted = segno.make(
        with_address(INVITES[0], "192.168.178.123:45817").qr(),
        error="l",
        boost_error=False,
        micro=False,
    )
    assert plain.mode == hinted.mode == "alphanumeric"
    # With the quiet zone of 4 that the standard asks for, and of 2 that readers are content with.
    assert (plain.symbol_size(border=4)[1] + 1) // 2 <= 23
    assert (hinted.symbol_size(border=2)[1] + 1) // 2 <= 23


def with_address(invite: Invite, address_hint: str) -> Invite:
    return Invite(
        verify_key=invite.verify_key,
        secret=invite.secret,
        expires=invite.expires,
        bundle=invite.bundle,
        bundle_hash=invite.bundle_hash,
        address_hint=address_hint,
    )


def test_no_secret_of_an_invite_shows_in_its_repr() -> None:
    shown = repr(INVITES[1])
    assert repr(INVITES[1].secret) not in shown
    assert repr(INVITES[1].psk) not in shown


def test_a_link_tells_several_addresses_and_a_qr_code_the_first() -> None:
    invite = replace(with_address(INVITES[0], "192.168.7.3:41730"), further_addresses=FURTHER)
    (linked, scanned) = (
        parse_invite(text, is_signature_valid) for text in (invite.link(SEED), invite.qr())
    )
    assert linked.signed_addresses == ("192.168.7.3:41730", *FURTHER)
    assert scanned.signed_addresses == ("192.168.7.3:41730",)
    # More than a node tells are not dialled.
    many = replace(invite, further_addresses=FURTHER * 5)
    assert len(parse_invite(many.link(SEED), is_signature_valid).signed_addresses) == 4
