"""Letters between a group and a joiner are decoded whole, or refused."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import Id
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.knocking import decode_knock, decode_letter, encode_knock, encode_letter
from mesh.group.operations import NO_CONSENT, Record, consent
from mesh.group.posts import GroupId
from mesh.ids import UnixSeconds
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.wire.invite import Invite, parse_group_link, parse_invite
from tests.entropy import SeededEntropy

KEYS = IdentityKeys.from_seed(bytes(32))
BUNDLE, _ = make_bundle(
    KEYS,
    valid_from=UnixSeconds(1),
    valid_to=UnixSeconds(2),
    entropy=SeededEntropy(1),
    kem=PycaKem(),
)
GID: Id = bytes(range(32))
RECORD = consent(
    SigningKey.from_seed(KEYS.signing_seed),
    GroupId(GID),
    Record(
        KEYS.verify_key,
        KEYS.identity_key,
        blake2b_256(BUNDLE.encode()),
        bytes(16),
        "Ben",
        NO_CONSENT,
    ),
)
LINK = Invite(
    verify_key=KEYS.verify_key,
    secret=bytes(16),
    expires=UnixSeconds(9),
    bundle=BUNDLE,
    bundle_hash=BUNDLE.digest,
    name="Crew",
    gid=GID,
    needs_approval=True,
)


def test_a_knock_is_read_as_it_was_written() -> None:
    knock = decode_knock(
        encode_knock(GroupId(GID), RECORD, "hi"), BUNDLE, verify=is_signature_valid
    )
    assert (knock.gid, knock.record, knock.note) == (GID, RECORD, "hi")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Mal", "consent": bytes(64)},
        {"bundle_hash": bytes(32)},
        {"entrance": bytes([1]) * 16},
        {"key": bytes(32)},
        {"name": ""},
        {"name": "n" * 65},
    ],
)
def test_a_record_that_its_owner_did_not_sign_is_refused(changes: dict[str, object]) -> None:
    record = msgspec.structs.replace(RECORD, **changes)
    with pytest.raises(PeerError):
        decode_knock(encode_knock(GroupId(GID), record, ""), BUNDLE, verify=is_signature_valid)


def test_a_knock_for_another_group_is_refused() -> None:
    with pytest.raises(PeerError):
        decode_knock(
            encode_knock(GroupId(bytes(32)), RECORD, ""), BUNDLE, verify=is_signature_valid
        )


@given(st.binary(max_size=600))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        decode_letter(data)
    with contextlib.suppress(PeerError):
        decode_knock(data, BUNDLE, verify=is_signature_valid)


@given(st.integers(0, 255), st.binary(max_size=100))
def test_a_letter_is_read_as_it_was_written(kind: int, data: bytes) -> None:
    letter = decode_letter(encode_letter(kind, data))
    assert (letter.kind, letter.data) == (kind, data)


def test_links_are_read_as_they_were_written() -> None:
    for text in (LINK.link(KEYS.signing_seed), LINK.qr(), LINK.short_link()):
        read = parse_group_link(text, is_signature_valid)
        assert (read.gid, read.needs_approval, read.secret) == (GID, True, bytes(16))
        assert read.name == ("Crew" if read.bundle is not None else "")
    assert len(LINK.qr()) == 203


def test_a_link_and_an_invite_are_not_taken_for_each_other() -> None:
    with pytest.raises(UserError, match="mesh group join"):
        parse_invite(LINK.link(KEYS.signing_seed), is_signature_valid)
    invite = Invite(KEYS.verify_key, bytes(16), UnixSeconds(9), BUNDLE, BUNDLE.digest)
    with pytest.raises(UserError, match="mesh add"):
        parse_group_link(invite.link(KEYS.signing_seed), is_signature_valid)


@given(st.integers(0, 1_970), st.sampled_from("ABCDab01-_"))
def test_a_link_that_was_changed_is_refused(at: int, letter: str) -> None:
    text = LINK.link(KEYS.signing_seed)
    at = min(at, len(text) - 1)
    if text[at] == letter:
        return
    with pytest.raises(UserError):
        parse_group_link(text[:at] + letter + text[at + 1 :], is_signature_valid)
