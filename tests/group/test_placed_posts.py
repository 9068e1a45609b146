"""Posts with a place: their bounds, what may ride in which, and who may learn what by them."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.errors import PeerError
from mesh.group.cuts import Hole, RunHad
from mesh.group.epochs import EpochId, decode_announcement, prefix_of
from mesh.group.operations import Leave, Record, Removal, Remove, encode_operation
from mesh.group.placed_posts import (
    BundlePost,
    Cannot,
    Hello,
    KeyPage,
    Knock,
    Need,
    PlacedPost,
    PostPlace,
    SuppliedEntry,
    SuppliedHad,
    Supply,
    UnknownPost,
    check_place,
    decode_placed,
    encode_placed,
    make_wraps_field,
    may_stand_under,
)
from mesh.group.posts import PostKind, SignedPost, sign_post
from mesh.group.wraps import FIRST_BYTES, LINKED_BYTES, Trouble, Wraps
from mesh.ids import VerifyKey
from tests.group.people import GROUP, HEAD, make_epoch, person

ADA, EVE = person(1), person(2)
EPOCH = EpochId(b"\x05" * 32)
PLACE = PostPlace(prefix_of(EPOCH), 4)
CLOCK = 117_964_800_000_000_000
ANNOUNCED = make_epoch(ADA, 2, chance=1).signed
ID = b"\x09" * 32
RECORD = Record(ADA.vk, bytes(32), ADA.bundle.digest, bytes(16), "Ada", bytes(64))


def removal_of(*keys: VerifyKey) -> SignedPost:
    action = Remove(tuple(Removal(key, None, ()) for key in keys))
    post = encode_operation(action, clock=CLOCK, seq=1, parents=(OperationId(HEAD),))
    return sign_post(ADA.signing, GROUP, post)


LEAVE = sign_post(
    EVE.signing,
    GROUP,
    encode_operation(Leave(()), clock=CLOCK, seq=1, parents=(OperationId(HEAD),)),
)
WRAPS = Wraps(linked=bytes(2 * LINKED_BYTES), first=bytes(FIRST_BYTES))


def page(
    wraps: Wraps = WRAPS,
    *,
    announcement: SignedPost | None = ANNOUNCED,
    operations: list[SignedPost] | None = None,
) -> KeyPage:
    return KeyPage(1, 3, CLOCK, PLACE, announcement, make_wraps_field(wraps), operations or [])


HAND = KeyPage(
    1, 4, CLOCK, PLACE, ANNOUNCED, make_wraps_field(Wraps(linked=bytes(LINKED_BYTES))), []
)
NEED = Need(
    1,
    5,
    CLOCK,
    PLACE,
    [ID],
    [Cannot(prefix_of(EPOCH), Trouble.NO_SECRET)],
    [prefix_of(EPOCH)],
    [HEAD],
    [ID],
    ADA.short.encode(),
)
SUPPLY = Supply(
    1,
    6,
    CLOCK,
    PLACE,
    bytes(8),
    [removal_of(EVE.vk), ANNOUNCED],
    [SuppliedEntry(ADA.vk, b"\x90", bytes(64))],
    [SuppliedHad(ADA.vk[:8], (RunHad(1, 9, (Hole(2, 3),)),))],
    [ADA.bundle.encode()],
)
HELLO = Hello(1, 7, CLOCK, PLACE, 12, [HEAD], [ID], ADA.short.encode(), bytes(8 * 32))
BUNDLE = BundlePost(1, 8, CLOCK, PLACE, ADA.bundle.encode())
KNOCK = Knock(1, 9, CLOCK, PLACE, RECORD, ADA.bundle.encode(), "Let me in")
POSTS: list[PlacedPost] = [
    page(),
    page(operations=[removal_of(EVE.vk)]),
    page(Wraps(), announcement=None, operations=[removal_of(EVE.vk)]),
    HAND,
    NEED,
    msgspec.structs.replace(NEED, missing=None, leaf=b""),
    SUPPLY,
    msgspec.structs.replace(SUPPLY, need_prefix=b""),
    HELLO,
    msgspec.structs.replace(HELLO, tokens=None),
    BUNDLE,
    KNOCK,
]


@pytest.mark.parametrize("post", POSTS, ids=lambda post: PostKind(post.kind).name)
def test_a_post_is_read_as_it_was_made(post: PlacedPost) -> None:
    assert decode_placed(encode_placed(post)) == post


@given(st.sampled_from(POSTS), st.data())
def test_a_damaged_post_is_a_post_or_a_peers_fault(post: PlacedPost, data: st.DataObject) -> None:
    encoded = bytearray(encode_placed(post))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PeerError):
        decode_placed(bytes(encoded))


@given(
    st.integers(0, 12),
    st.recursive(
        st.none() | st.integers() | st.binary(max_size=70) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=5),
        max_leaves=20,
    ),
)
def test_any_fields_are_a_post_or_a_peers_fault(kind: int, fields: object) -> None:
    rest = fields if isinstance(fields, list) else [fields]
    with suppress(PeerError, OverflowError):
        decode_placed(msgspec.msgpack.encode([1, kind, CLOCK, [bytes(8), 1], *rest]))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_post_or_a_peers_fault(data: bytes) -> None:
    with suppress(PeerError):
        decode_placed(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_announcement_or_a_peers_fault(data: bytes) -> None:
    with suppress(PeerError):
        decode_announcement(data)


REFUSED = {
    "wraps of no epoch": page(announcement=None),
    "half a linked wrap": page(Wraps(linked=bytes(LINKED_BYTES + 1))),
    "half a first wrap": page(Wraps(first=bytes(FIRST_BYTES - 1))),
    "an operation that announces": page(announcement=removal_of(EVE.vk)),
    "an announcement among operations": page(operations=[ANNOUNCED]),
    "too many operations": page(operations=[LEAVE] * 65),
    "a hand for two": msgspec.structs.replace(
        HAND, wraps_field=make_wraps_field(Wraps(linked=bytes(2 * LINKED_BYTES)))
    ),
    "a hand for nobody": msgspec.structs.replace(HAND, wraps_field=make_wraps_field(Wraps())),
    "too many ids": msgspec.structs.replace(NEED, missing=[ID] * 65),
    "too many troubles": msgspec.structs.replace(NEED, cannot=NEED.cannot * 65),
    "too many epochs": msgspec.structs.replace(NEED, held=NEED.held * 65),
    "too many heads of operations": msgspec.structs.replace(NEED, operation_heads=[ID] * 65),
    "too many heads of entries": msgspec.structs.replace(NEED, entry_heads=[ID] * 65),
    "a short id": msgspec.structs.replace(NEED, missing=[ID[:-1]]),
    "half a leaf": msgspec.structs.replace(NEED, leaf=bytes(99)),
    "half a name of a need": msgspec.structs.replace(SUPPLY, need_prefix=bytes(7)),
    "a hello that rides": msgspec.structs.replace(
        SUPPLY, posts=[sign_post(ADA.signing, GROUP, encode_placed(HELLO))]
    ),
    "half a bundle": msgspec.structs.replace(SUPPLY, bundles=[bytes(1_351)]),
    "too many bundles": msgspec.structs.replace(SUPPLY, bundles=[bytes(1_352)] * 48),
    "runs that stand there twice": msgspec.structs.replace(
        SUPPLY, had=[SuppliedHad(bytes(8), (RunHad(1, 2), RunHad(1, 3)))]
    ),
    "31 tokens": msgspec.structs.replace(HELLO, tokens=bytes(8 * 31)),
    "no tokens": msgspec.structs.replace(HELLO, tokens=b""),
    "288 tokens": msgspec.structs.replace(HELLO, tokens=bytes(8 * 288)),
    "half a token": msgspec.structs.replace(HELLO, tokens=bytes(8 * 32 + 1)),
    "a hello without a leaf": msgspec.structs.replace(HELLO, leaf=b""),
    "a late clock": msgspec.structs.replace(HELLO, clock=1 << 62),
    "a long number": msgspec.structs.replace(HELLO, place=PostPlace(bytes(8), 1 << 32)),
    "a short place": msgspec.structs.replace(HELLO, place=PostPlace(bytes(7), 1)),
    "half a bundle of one's own": msgspec.structs.replace(BUNDLE, bundle=bytes(1_351)),
    "nobody who knocks": msgspec.structs.replace(
        KNOCK, record=msgspec.structs.replace(RECORD, name="")
    ),
    "a long name": msgspec.structs.replace(
        KNOCK, record=msgspec.structs.replace(RECORD, name="x" * 65)
    ),
}


@pytest.mark.parametrize("post", REFUSED.values(), ids=REFUSED.keys())
def test_every_bound_is_held(post: PlacedPost) -> None:
    with pytest.raises(PeerError):
        decode_placed(encode_placed(post))


@pytest.mark.parametrize("signed", [removal_of(EVE.vk), ANNOUNCED], ids=["operation", "epoch"])
def test_what_names_no_place_never_stands_alone(signed: SignedPost) -> None:
    """Any member could seal old ones under somebody's next numbers."""
    with pytest.raises(PeerError, match="stands alone"):
        decode_placed(signed.post)


def test_a_kind_of_a_newer_version_has_a_place_too() -> None:
    known = decode_placed(msgspec.msgpack.encode([1, 10, CLOCK, PLACE, "of later"]))
    assert known == UnknownPost(1, 10, CLOCK, PLACE)
    check_place(known, EPOCH, 4, is_hello=False)
    with pytest.raises(PeerError):
        decode_placed(msgspec.msgpack.encode([1, 10, CLOCK, "nowhere"]))


def test_a_post_stands_where_it_says_and_nowhere_else() -> None:
    check_place(NEED, EPOCH, 4, is_hello=False)
    check_place(HELLO, EPOCH, 4, is_hello=True)
    for post, epoch, number, is_hello in (
        (NEED, EPOCH, 5, False),
        (NEED, EpochId(b"\x06" * 32), 4, False),
        (NEED, EPOCH, 4, True),
        (HELLO, EPOCH, 4, False),
    ):
        with pytest.raises(PeerError, match="did not put it"):
            check_place(post, epoch, number, is_hello=is_hello)


@pytest.mark.parametrize("post", [SUPPLY, BUNDLE, KNOCK], ids=["supply", "bundle", "knock"])
def test_what_shows_words_or_names_goes_under_a_fit_epoch_only(post: PlacedPost) -> None:
    assert may_stand_under(post, is_fit=True)
    assert not may_stand_under(post, is_fit=False)


def test_entries_that_were_asked_for_go_under_keys_of_before_by_themselves() -> None:
    answer = msgspec.structs.replace(SUPPLY, posts=[], had=[], bundles=[])
    assert SUPPLY.entries
    assert SUPPLY.need_prefix
    assert may_stand_under(answer, is_fit=False)
    assert not may_stand_under(answer, is_fit=False, outsiders=(EVE.vk,))
    for beside in ({"posts": SUPPLY.posts}, {"had": SUPPLY.had}, {"bundles": SUPPLY.bundles}):
        (told,) = beside.values()
        assert told
        assert not may_stand_under(msgspec.structs.replace(answer, **beside), is_fit=False)
    unasked = msgspec.structs.replace(answer, need_prefix=b"")
    assert not may_stand_under(unasked, is_fit=False)


def test_who_is_no_member_learns_no_ids_of_entries_and_no_tokens() -> None:
    outsiders = (EVE.vk,)
    for post in (
        NEED,
        HELLO,
        msgspec.structs.replace(HELLO, tokens=None),
        msgspec.structs.replace(HELLO, entry_heads=[]),
    ):
        assert not may_stand_under(post, is_fit=False, outsiders=outsiders)
        assert may_stand_under(post, is_fit=False), "an epoch of members that lacks somebody"
    for post in (
        msgspec.structs.replace(NEED, entry_heads=[]),
        msgspec.structs.replace(HELLO, tokens=None, entry_heads=[]),
    ):
        assert may_stand_under(post, is_fit=False, outsiders=outsiders)


def test_an_operation_rides_where_only_members_and_whom_it_removes_can_read() -> None:
    bob = person(3)

    def may(operations: list[SignedPost], *outsiders: VerifyKey) -> bool:
        return may_stand_under(page(operations=operations), is_fit=False, outsiders=outsiders)

    assert may([removal_of(EVE.vk)])
    assert may([removal_of(EVE.vk)], EVE.vk)
    assert may([removal_of(EVE.vk, bob.vk)], EVE.vk)
    assert may([LEAVE], EVE.vk)
    assert may([], EVE.vk, bob.vk)
    assert not may([removal_of(EVE.vk)], EVE.vk, bob.vk), "Bob was removed before, and learns of it"
    assert not may([removal_of(EVE.vk), LEAVE, removal_of(bob.vk)], EVE.vk)
    add = sign_post(ADA.signing, GROUP, encode_placed(HELLO))
    with pytest.raises(PeerError):
        may([add], EVE.vk)
