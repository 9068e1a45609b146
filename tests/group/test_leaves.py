"""Leaves, entrances and the tokens by which contacts know a member."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.signing import is_signature_valid, sign
from mesh.errors import PeerError
from mesh.group.entrance import entrance_key, entrance_tags
from mesh.group.leaves import (
    LONG_LEAF_MARK,
    SHORT_LEAF_BYTES,
    OwnShortLeaf,
    ShortLeaf,
    check_long_leaf,
    decode_short_leaf,
    is_long_leaf_due,
    is_short_leaf_due,
    mark_of,
    next_leaf_number,
    sign_short_leaf,
    wrapped_to,
)
from mesh.group.posts import GroupId
from mesh.group.who_tokens import is_known_by, who_tokens
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import WHO_TOKENS_MAX
from mesh.ratchet.tags import tag_of
from mesh.wire.bundle import Bundle
from tests.entropy import SeededEntropy
from tests.group.people import GROUP, KEM, NOW, person

DAY = 86_400
ADA, BOB = person(1), person(2)


def read(data: bytes, *, group: GroupId = GROUP, member: VerifyKey = ADA.vk) -> ShortLeaf:
    return decode_short_leaf(data, group=group, member=member, verify=is_signature_valid)


def test_a_short_leaf_counts_in_its_group_for_its_owner_only() -> None:
    data = ADA.short.encode()
    assert len(data) == SHORT_LEAF_BYTES
    assert read(data) == ADA.short
    with pytest.raises(PeerError):
        read(data, group=GroupId(bytes(32)))
    with pytest.raises(PeerError):
        read(data, member=BOB.vk)


@given(st.integers(0, SHORT_LEAF_BYTES * 8 - 1))
def test_a_changed_short_leaf_is_refused(bit: int) -> None:
    data = bytearray(ADA.short.encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PeerError):
        read(bytes(data))


@given(st.binary(max_size=120))
def test_any_bytes_are_a_peers_fault(data: bytes) -> None:
    with pytest.raises(PeerError):
        read(data)


def test_a_short_leaf_of_low_order_is_refused_though_it_is_signed() -> None:
    signed = b"mesh.gleaf.1" + GROUP + ADA.vk + bytes(4) + bytes(32)
    with pytest.raises(PeerError, match="low order"):
        read(bytes(36) + sign(ADA.keys.signing_seed, signed))


@pytest.mark.parametrize(
    "bundle",
    [
        replace(ADA.bundle, identity_key=bytes(32)),
        replace(ADA.bundle, prekey=bytes(32)),
        replace(ADA.bundle, kem_key=b"\xff" * 1_184),
    ],
    ids=["identity key", "prekey", "KEM key"],
)
def test_a_long_leaf_is_tried_before_it_is_kept(bundle: Bundle) -> None:
    check_long_leaf(ADA.bundle, entropy=SeededEntropy(1), kem=KEM)
    with pytest.raises(PeerError):
        check_long_leaf(bundle, entropy=SeededEntropy(1), kem=KEM)


def test_numbers_of_leaves_rise_also_by_a_clock_that_was_put_back() -> None:
    assert next_leaf_number(None, NOW) == NOW
    assert next_leaf_number(NOW - 5, NOW) == NOW
    assert next_leaf_number(NOW + 1_000, NOW) == NOW + 1_001


def test_marks_tell_short_leaves_from_the_bundle() -> None:
    assert {mark_of(number) for number in range(1_000)} == set(range(1, 256))
    leaf = sign_short_leaf(ADA.keys.signing_seed, GROUP, ADA.vk, OwnShortLeaf(254, b"\x01" * 32))
    assert leaf.mark == 255


def test_who_was_not_heard_for_five_days_is_addressed_by_the_bundle() -> None:
    """He may have been cut off, have told a new leaf that nobody heard, and erased this one."""
    by_short, by_long = (ADA.short.mark, ADA.short.key), (LONG_LEAF_MARK, ADA.bundle.prekey)
    for days, found in ((0, by_short), (5, by_short), (5.01, by_long)):
        now = UnixSeconds(NOW + int(days * DAY))
        assert wrapped_to(ADA.short, ADA.bundle, heard=NOW, mesh_now=now) == found
    assert wrapped_to(None, ADA.bundle, heard=NOW, mesh_now=NOW) == by_long


def test_leaves_are_renewed_in_their_time() -> None:
    assert not is_short_leaf_due(NOW, UnixSeconds(NOW + DAY - 1))
    assert is_short_leaf_due(NOW, UnixSeconds(NOW + DAY))
    for count, days in ((250, 30), (251, 60)):
        ends = NOW + days * DAY
        assert not is_long_leaf_due(NOW, members_count=count, mesh_now=UnixSeconds(ends - 1))
        assert is_long_leaf_due(NOW, members_count=count, mesh_now=UnixSeconds(ends))


def test_an_entrance_has_sixteen_tags_of_its_own() -> None:
    tags = entrance_tags(b"\x01" * 16)
    assert [index for index, _ in tags] == list(range(16))
    assert tags[3] == (3, tag_of(entrance_key(b"\x01" * 16), 3))
    assert not {tag for _, tag in tags} & {tag for _, tag in entrance_tags(b"\x02" * 16)}


@pytest.mark.parametrize("contacts, count", [(0, 32), (1, 32), (32, 32), (33, 64), (300, 256)])
def test_tokens_do_not_count_contacts(contacts: int, count: int) -> None:
    keys = [bytes([1, number % 256, number // 256]) * 8 for number in range(contacts)]
    tokens = who_tokens(keys, GROUP, ADA.vk, SeededEntropy(1))
    assert len(tokens) == 8 * count
    for key in keys[:WHO_TOKENS_MAX]:
        assert is_known_by(tokens, key, GROUP, ADA.vk)
    assert not is_known_by(tokens, b"\x09" * 32, GROUP, ADA.vk)
    ordered = [tokens[start : start + 8] for start in range(0, len(tokens), 8)]
    assert ordered == sorted(ordered)


def test_a_token_says_nothing_of_another_member_or_group() -> None:
    tokens = who_tokens([b"\x01" * 32], GROUP, ADA.vk, SeededEntropy(1))
    assert not is_known_by(tokens, b"\x01" * 32, GROUP, BOB.vk)
    assert not is_known_by(tokens, b"\x01" * 32, GroupId(bytes(32)), ADA.vk)
