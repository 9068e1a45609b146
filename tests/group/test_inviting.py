"""The steps by which a contact comes into a group, and what is no such step."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError
from mesh.group.inviting import (
    GroupAccept,
    GroupInvite,
    GroupWelcome,
    decode_accept,
    decode_invite,
    decode_welcome,
    encode_step,
)
from mesh.group.operations import NO_CONSENT, Record, consent
from mesh.group.posts import GroupId, SignedPost
from mesh.group.wraps import FIRST_BYTES
from mesh.ids import UnixSeconds
from mesh.ratchet.identity import IdentityKeys, make_bundle
from tests.entropy import SeededEntropy

GROUP = GroupId(bytes([7]) * 32)
KEM = PycaKem()
INVITE = GroupInvite(1, GROUP, "Crew", bytes(32), 3, "Come along")
WELCOME = GroupWelcome(
    1, GROUP, SignedPost(bytes(32), msgspec.msgpack.encode([1, 2]), bytes(64)), bytes(FIRST_BYTES)
)


def accepted(seed: int = 1) -> GroupAccept:
    entropy = SeededEntropy(seed)
    keys = IdentityKeys.from_seed(entropy.draw(32))
    bundle, _ = make_bundle(
        keys, valid_from=UnixSeconds(1), valid_to=UnixSeconds(2), entropy=entropy, kem=KEM
    )
    record = Record(keys.verify_key, keys.identity_key, bundle.digest, bytes(16), "Ann", NO_CONSENT)
    signed = consent(SigningKey.from_seed(keys.signing_seed), GROUP, record)
    return GroupAccept(1, GROUP, signed, bundle.encode())


ACCEPT = accepted()


def read_accept(data: bytes) -> GroupAccept:
    return decode_accept(data, verify=is_signature_valid, entropy=SeededEntropy(2), kem=KEM)[0]


def test_each_step_comes_as_it_went() -> None:
    assert decode_invite(encode_step(INVITE)) == INVITE
    assert decode_welcome(encode_step(WELCOME)) == WELCOME
    assert read_accept(encode_step(ACCEPT)) == ACCEPT


def test_a_record_of_another_or_without_consent_is_no_answer() -> None:
    other, replace = accepted(3), msgspec.structs.replace
    others: list[GroupAccept] = [
        replace(ACCEPT, bundle=other.bundle),
        replace(ACCEPT, record=replace(ACCEPT.record, bundle_hash=other.record.bundle_hash)),
        replace(ACCEPT, record=replace(ACCEPT.record, consent=bytes(64))),
        replace(ACCEPT, gid=bytes(32)),
        replace(ACCEPT, record=replace(ACCEPT.record, entrance=bytes([1]) * 16)),
        replace(ACCEPT, record=replace(ACCEPT.record, name="")),
        replace(ACCEPT, record=replace(ACCEPT.record, key=other.record.key)),
    ]
    for wrong in others:
        with pytest.raises(PeerError):
            read_accept(encode_step(wrong))


def test_what_is_too_long_is_no_invite() -> None:
    longer: list[GroupInvite] = [
        msgspec.structs.replace(INVITE, name="n" * 65),
        msgspec.structs.replace(INVITE, note="n" * 513),
        msgspec.structs.replace(INVITE, size=0),
    ]
    for wrong in longer:
        with pytest.raises(PeerError):
            decode_invite(encode_step(wrong))


@given(st.data())
def test_whatever_comes_is_read_or_refused(data: st.DataObject) -> None:
    steps: list[GroupInvite | GroupAccept | GroupWelcome] = [INVITE, ACCEPT, WELCOME]
    whole = data.draw(st.sampled_from(steps))
    changed = bytearray(encode_step(whole))
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    for bytes_ in (cut, data.draw(st.binary(max_size=64))):
        for read in (decode_invite, read_accept, decode_welcome):
            try:
                read(bytes_)
            except PeerError:
                continue
