"""Groups: what changes of members and keys cost, in bytes on the mesh and in time.

The bytes are those of filled envelopes, of real posts with wraps of their length. What the node
does not speak yet (invites, accepts, knocks) is counted by the lengths of its fields.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Final, TypeVar

import msgspec

from mesh.content.entry import Entry, OperationId
from mesh.crypto.agreement import x25519_public
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.group.bodies import content_room, content_size_class, post_content
from mesh.group.chains import ReceivingChain, window_of
from mesh.group.cuts import RunHad
from mesh.group.epochs import (
    Announcement,
    EpochId,
    chain_keys,
    commitment_of,
    make_announcement,
    read_announcement,
)
from mesh.group.inviting import GroupWelcome, encode_step
from mesh.group.knocking import KNOCK, WELCOME, encode_letter
from mesh.group.leaves import OwnLeaves, OwnLongLeaf, OwnShortLeaf
from mesh.group.making import page_overhead
from mesh.group.membership import Membership
from mesh.group.operations import (
    Action,
    Add,
    Record,
    Removal,
    Remove,
    encode_operation,
)
from mesh.group.paging import Addressed, planned_pages
from mesh.group.payload import SignedEntry, payload_bytes
from mesh.group.placed_posts import (
    BundlePost,
    Hello,
    KeyPage,
    PlacedPost,
    PostPlace,
    SuppliedHad,
    Supply,
    encode_placed,
    make_wraps_field,
)
from mesh.group.posts import GroupId, SignedPost, sign_post
from mesh.group.wraps import (
    FIRST_BYTES,
    LINKED_BYTES,
    EpochMaker,
    Reader,
    Unwrapped,
    Wraps,
    joined_wraps,
)
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import LARGE_GROUP_MEMBERS
from mesh.limits.groups import KNOCKS_AT_ONCE_MAX, PERSONS_PER_OPERATION_MAX
from mesh.node.system_entropy import SystemEntropy
from mesh.ratchet.identity import IdentityKeys, make_bundle
from mesh.ratchet.letter import KIND_LETTER, KIND_SHORT_LETTER, letter_size_class
from mesh.ratchet.sealed_message import session_size_class
from mesh.wire.bundle import BUNDLE_BYTES, Bundle
from mesh.wire.envelope import SIZE_BYTES
from tests.bench.table import Row
from tests.group.scenarios import adds_and_settings, random_story

SIZES: Final = (5, 50, 250, 1_000)
OPERATIONS: Final = 2_000
ROUNDS: Final = 7
KIB: Final = 1_024
CLOCK: Final = 117_964_800_000_000_000
KEY: Final = SigningKey.from_seed(bytes([1]) * 32)
ID: Final = OperationId(bytes([2]) * 32)
GROUP: Final = GroupId(bytes([3]) * 32)
PLACE: Final = PostPlace(bytes(8), 1_000)
NOW: Final = UnixSeconds(1_800_000_000)
SENIOR_COUNT: Final = 16
"""Members whose bundles a newcomer gets at once."""

_Result = TypeVar("_Result")

DESIGN: Final = {
    "message": (1 * KIB,) * 4,
    "create": (58_000, 570_000, 2_700_000, 10_700_000),
    "add one": (31_000, 80_000, 109_000, 340_000),
    "remove": (1 * KIB, 4 * KIB, 16 * KIB, 64 * KIB),
    "remove, first": (16 * KIB, 64 * KIB, 320 * KIB, 1_152 * KIB),
    "join by link, a head": (14_000, 11_000, 11_000, 13_000),
    "hellos and bundles, a month": (41 * KIB, 400 * KIB, 2_100_000, 6_400_000),
}
"""The bytes that were to be reached, for 5, 50, 250 and 1,000 members."""


def rows() -> list[Row]:
    """All figures."""
    found = [
        Row(f"{size} members", what, count / KIB, "KiB", f"design: {DESIGN[what][place] / KIB:.4g}")
        for place, size in enumerate(SIZES)
        for what, count in counted(size).items()
    ]
    for size in SIZES:
        found += _times(size)
    return [*found, *_settling()]


def _settling() -> list[Row]:
    """The graph of so many operations, built and settled."""
    stories = {
        "hostile operations": random_story(Random(5), OPERATIONS),
        "adds and settings": adds_and_settings(OPERATIONS),
    }
    found = []
    for what, operations in stories.items():
        began = time.process_time()
        Membership.of(operations)
        took = 1000 * (time.process_time() - began)
        found.append(Row("Mesh", f"{OPERATIONS:,} {what} settled", took, "ms", "design: 100"))
    return found


# --- Bytes ---------------------------------------------------------------------------------------


def counted(size: int) -> dict[str, int]:
    """The bytes on the mesh of each operation in a group of so many."""
    others = size - 1
    joining = _invited() + _welcome() + _hello(others)
    return {
        "message": _message(),
        "create": others * joining + _roster(size),
        "add one": _pages(others, LINKED_BYTES, []) + joining + _roster(size),
        "remove": _pages(others, LINKED_BYTES, [_removal()]),
        "remove, first": _pages(others, FIRST_BYTES, [_removal()]),
        "join by link, a head": _joined(size) // others,
        "hellos and bundles, a month": size * _month(size),
    }


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


def _envelope(content_bytes: int) -> int:
    size_class = content_size_class(content_bytes)
    assert size_class is not None
    return SIZE_BYTES[size_class]


def _posted(post: PlacedPost) -> int:
    return _envelope(len(post_content(KEY, GROUP, encode_placed(post))))


def _message() -> int:
    """A text of 200 bytes with a reply, two parents and one operation."""
    text: list[object] = ["x" * 200, [], [], ID, [], None]
    entry = Entry(0, CLOCK, 1 << 31, 1_234, [ID, ID], [ID], b"", [], 0, _raw(text))
    return _envelope(payload_bytes([], [SignedEntry(entry.encode(), bytes(64))]))


def _operation(action: Action) -> SignedPost:
    post = encode_operation(action, clock=CLOCK, seq=1_000, parents=(ID,), seen=(ID,))
    return sign_post(KEY, GROUP, post)


def _removal() -> SignedPost:
    return _operation(Remove((Removal(bytes(32), None, (RunHad(1 << 31, 1_234),)),)))


def _record() -> Record:
    return Record(bytes(32), bytes(32), bytes(32), bytes(16), "A name of 16 b.", bytes(64))


def _announced(count: int) -> SignedPost:
    return sign_post(KEY, GROUP, _announcement(count, bytes(32), bytes(32)).encode())


def _announcement(count: int, ephemeral: bytes, commitment: bytes) -> Announcement:
    return make_announcement(
        clock=CLOCK,
        seq=1_000,
        heads=[ID],
        turn=1_000,
        ephemeral=ephemeral,
        commitment=commitment,
        count=count,
        without=[],
    )


def _pages(wraps_count: int, wrap_bytes: int, operations: list[SignedPost]) -> int:
    """The pages of an epoch whose recipients hold one epoch, each as it would be posted."""
    announced = _announced(wraps_count + 1)

    def page(wraps: Wraps) -> KeyPage:
        return KeyPage(1, 3, CLOCK, PLACE, announced, make_wraps_field(wraps), operations)

    overhead = page_overhead(announced, operations)
    addressed = [Addressed(EpochId(ID), bytes(wrap_bytes)) for _ in range(wraps_count)]
    return sum(
        _posted(page(planned.wraps)) for planned in planned_pages(addressed, lambda _: overhead)
    )


def _welcome() -> int:
    """The announcement and a first wrap, in a session."""
    size_class = session_size_class(
        len(_announced(1_000).encode()) + FIRST_BYTES, has_long_header=False
    )
    assert size_class is not None
    return SIZE_BYTES[size_class]


def _welcome_content() -> bytes:
    return encode_step(GroupWelcome(1, GROUP, _announced(1_000), bytes(FIRST_BYTES)))


def _letter(kind: int, data: bytes) -> int:
    form = KIND_LETTER if kind == KNOCK else KIND_SHORT_LETTER
    size_class = letter_size_class(len(encode_letter(kind, bytes(data))), form)
    assert size_class is not None
    return SIZE_BYTES[size_class]


def _invited() -> int:
    """An invite (group, name, key, size, a note) and its answer (record, bundle), in a session."""
    record_bytes = len(bytes(_raw(_record())))
    found = 0
    for length in (32 + 64 + 32 + 2 + 200, record_bytes + BUNDLE_BYTES):
        size_class = session_size_class(length, has_long_header=False)
        assert size_class is not None
        found += SIZE_BYTES[size_class]
    return found


def _hello(contacts: int) -> int:
    """Somebody who joins tells his leaf, and lets up to 32 contacts know him."""
    tokens = bytes(8 * 32) if contacts else None
    return _posted(Hello(1, 7, CLOCK, PLACE, 0, [ID], [ID], bytes(100), tokens))


def _roster(size: int, *, newcomers: int = 1) -> int:
    """Newcomers are given all operations, what is had of all, bundles of the most senior; all
    others those of the newcomers.
    """
    fulls, rest = divmod(size - 1, PERSONS_PER_OPERATION_MAX)
    counts = [PERSONS_PER_OPERATION_MAX] * fulls + ([rest] if rest else [])
    posts = [_operation(Add((_record(),) * count)) for count in counts]
    return _supplied(posts, had_count=size, bundles_count=min(size, SENIOR_COUNT - 1 + newcomers))


def _supplied(posts: list[SignedPost], *, had_count: int, bundles_count: int) -> int:
    """The envelopes of all that is supplied, as full as they can be."""
    had = SuppliedHad(bytes(8), (RunHad(1 << 31, 1_234, ()),))
    pieces = [len(one.encode()) for one in posts]
    pieces += [len(bytes(_raw(had)))] * had_count + [BUNDLE_BYTES + 3] * bundles_count
    empty = Supply(1, 6, CLOCK, PLACE, b"", [], [], [], [])
    overhead = len(post_content(KEY, GROUP, encode_placed(empty))) + 8
    rooms: list[int] = []
    for piece in sorted(pieces, reverse=True):
        place = next((one for one, room in enumerate(rooms) if room >= piece), len(rooms))
        if place == len(rooms):
            rooms.append(content_room(len(SIZE_BYTES) - 1) - overhead)
        rooms[place] -= piece
    return sum(_envelope(content_room(len(SIZE_BYTES) - 1) - room) for room in rooms)


def _joined(size: int) -> int:
    """All but one come by one link, in batches of 128: each knocks, and is welcomed."""
    others, found, inside = size - 1, 0, 1
    knock = _letter(KNOCK, _raw([1, bytes(32), _record(), ""]))
    found += others * (knock + _letter(WELCOME, _welcome_content()) + _hello(0))
    while inside < size:
        batch = min(KNOCKS_AT_ONCE_MAX, size - inside)
        found += _pages(inside - 1, LINKED_BYTES, []) if inside > 1 else 0
        inside += batch
        found += _roster(inside, newcomers=batch)
    return found


def _month(size: int) -> int:
    """A silent member: a hello a week, and a bundle a month, or every second one."""
    bundle = _posted(BundlePost(1, 8, CLOCK, PLACE, bytes(BUNDLE_BYTES)))
    months = 2 if size > LARGE_GROUP_MEMBERS else 1
    return _hello(0) * 30 // 7 + bundle // months


# --- Time ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Other:
    """A member as the maker knows him, and what he opens by."""

    vk: VerifyKey
    bundle: Bundle
    leaves: OwnLeaves
    short_key: bytes


def _others(count: int) -> list[_Other]:
    """Members; all but the first share their keys, whose making is slow."""
    entropy, kem = SystemEntropy(), PycaKem()
    keys = IdentityKeys.from_seed(entropy.draw(32))
    bundle, secrets = make_bundle(keys, valid_from=NOW, valid_to=NOW, entropy=entropy, kem=kem)
    short = OwnShortLeaf(1, entropy.draw(32))
    leaves = OwnLeaves((short,), (OwnLongLeaf(NOW, secrets),))
    one = _Other(keys.verify_key, bundle, leaves, x25519_public(short.private))
    return [one] + [replace(one, vk=VerifyKey(entropy.draw(32))) for _ in range(count - 1)]


def _times(size: int) -> Iterable[Row]:
    others = _others(size - 1)
    secrets = {one.vk: SystemEntropy().draw(32) for one in others}
    who = f"{size} members"
    linked = [_made(others, secrets) for _ in range(ROUNDS)]
    yield Row(who, "make an epoch", median(one.seconds for one in linked) * 1_000, "ms", "linked")
    first = [_made(others, {}) for _ in range(ROUNDS)]
    yield Row(who, "make an epoch", median(one.seconds for one in first) * 1_000, "ms", "first")
    members = [VerifyKey(KEY.verify_key), *secrets]
    opened = [_opened(one, others[0], secrets[others[0].vk], members) for one in linked]
    yield Row(who, "open an epoch", median(opened) * 1_000, "ms", "50 is the bound, for 1,000")


@dataclass(frozen=True)
class _Made:
    """An epoch that was made, and how long that took."""

    seconds: float
    signed: SignedPost
    announcement: Announcement
    wraps: Wraps


def _made(others: list[_Other], secrets: dict[VerifyKey, bytes]) -> _Made:
    """An epoch for all: the announcement, a wrap for each, and the chains."""
    entropy, kem = SystemEntropy(), PycaKem()

    def made() -> _Made:
        private, seed = entropy.draw(32), entropy.draw(32)
        ephemeral = x25519_public(private)
        announcement = _announcement(len(others) + 1, ephemeral, commitment_of(seed, GROUP))
        signed = sign_post(KEY, GROUP, announcement.encode())
        epoch = EpochId(signed.id)
        maker = VerifyKey(KEY.verify_key)
        making = EpochMaker(GROUP, maker, epoch, ephemeral, private, seed)
        linked, first = [], []
        for one in others:
            secret = secrets.get(one.vk)
            if secret is not None:
                linked.append(making.linked(one.vk, secret, mark=2, key=one.short_key))
            else:
                bundle = one.bundle
                wrap, _ = making.first(
                    one.vk, bundle, mark=0, key=bundle.prekey, entropy=entropy, kem=kem
                )
                first.append(wrap)
            chain_keys(seed, epoch, one.vk)
        return _Made(0, signed, announcement, joined_wraps(linked, first))

    seconds, found = _timed(made)
    return replace(found, seconds=seconds)


def _opened(made: _Made, me: _Other, secret: bytes, members: list[VerifyKey]) -> float:
    """Seconds of a recipient: the signature, the wrap, all chains, and the tags expected."""
    window = window_of(len(members), is_recent=False)

    def opened() -> int:
        announcement = read_announcement(made.signed, GROUP, is_signature_valid)
        epoch, maker = EpochId(made.signed.id), VerifyKey(made.signed.author)
        reader = Reader(GROUP, me.vk, me.leaves, (secret,))
        found = reader.unwrap(
            made.wraps, announcement=announcement, epoch=epoch, maker=maker, kem=PycaKem()
        )
        assert isinstance(found, Unwrapped)
        tags = {
            tag: (member, number)
            for member in members
            for number, tag in ReceivingChain.start(chain_keys(found.seed, epoch, member)).expected(
                window
            )
        }
        return len(tags)

    seconds, count = _timed(opened)
    assert count == len(members) * window
    return seconds


def _timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    began = time.thread_time()
    found = work()
    return time.thread_time() - began, found
