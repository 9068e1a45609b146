"""Making an epoch: its seed and announcement, a wrap for each member, and the pages for them.

Implements `docs/protocol/group-keys.md`, sections "Wraps" and "Pages". What was drawn is returned
with what is posted: the caller keeps both in one transaction, or neither.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mesh.crypto.agreement import X25519_BYTES, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey
from mesh.group.epochs import SEED_BYTES, EpochId, commitment_of, make_announcement
from mesh.group.leaves import ShortLeaf, wrapped_to
from mesh.group.paging import Addressed, PlannedPage, planned_pages
from mesh.group.placed_posts import (
    KeyPage,
    PostPlace,
    encode_placed,
    make_wraps_field,
    removed_by,
)
from mesh.group.posts import GroupId, SignedPost, sign_post
from mesh.group.wraps import EpochMaker, Wraps
from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.content import CLOCK_BITS
from mesh.limits.group_keys import CHAIN_NUMBERS_MAX
from mesh.wire.bundle import Bundle

_WRAPS_LENGTHS_BYTES = 4
"""Lengths of two full strings of wraps take so much more than those of two empty ones."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The secret by which we wrap for a member, and when a first wrap of ours has founded it."""

    secret: bytes = field(repr=False)
    founded: UnixSeconds


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member for whom there is a leaf, as the maker knows him. Times are mesh time."""

    member: VerifyKey
    under: EpochId
    """The epoch that he is known to hold."""

    bundle: Bundle
    short: ShortLeaf | None
    heard: UnixSeconds
    """The `created` of what he wrote last."""

    shared: Shared | None
    """None also where he has said that he lacks it."""

    has_shared: bool = False
    """He wrote under the epoch by whose wrap it was founded, so he has it."""


@dataclass(frozen=True, slots=True)
class MadeEpoch:
    """An epoch that was drawn here."""

    signed: SignedPost
    maker: EpochMaker


@dataclass(frozen=True, slots=True)
class MadePages:
    """The pages of an epoch, and the secrets that its first wraps have founded."""

    pages: Sequence[PlannedPage]
    founded: Mapping[VerifyKey, Shared] = field(repr=False)


def draw_epoch(
    key: SigningKey,
    group: GroupId,
    *,
    clock: int,
    seq: int,
    heads: Sequence[bytes],
    turn: int,
    members: Collection[VerifyKey],
    without: Collection[VerifyKey],
    entropy: Entropy,
) -> MadeEpoch:
    """Draw an epoch for the members after some heads; `without` are those who have no leaf."""
    private, seed = entropy.draw(X25519_BYTES), entropy.draw(SEED_BYTES)
    ephemeral = x25519_public(private)
    announcement = make_announcement(
        clock=clock,
        seq=seq,
        heads=list(heads),
        turn=turn,
        ephemeral=ephemeral,
        commitment=commitment_of(seed, group),
        count=len(members) - len(without),
        without=sorted(without),
    )
    signed = sign_post(key, group, announcement.encode())
    maker = VerifyKey(key.verify_key)
    return MadeEpoch(signed, EpochMaker(group, maker, EpochId(signed.id), ephemeral, private, seed))


def make_pages(
    made: MadeEpoch,
    recipients: Sequence[Recipient],
    *,
    operations_under: Callable[[EpochId], Sequence[SignedPost]],
    mesh_now: UnixSeconds,
    entropy: Entropy,
    kem: Kem,
) -> MadePages:
    """Wrap the seed for all, and plan the pages; PeerError if a leaf that was kept is bad."""
    addressed: list[Addressed] = []
    founded: dict[VerifyKey, Shared] = {}
    for each in recipients:
        mark, key = wrapped_to(each.short, each.bundle, heard=each.heard, mesh_now=mesh_now)
        shared = each.shared
        if shared is not None and (each.has_shared or is_linked(shared, each.heard)):
            wrap = made.maker.linked(each.member, shared.secret, mark=mark, key=key)
        else:
            wrap, secret = made.maker.first(
                each.member, each.bundle, mark=mark, key=key, entropy=entropy, kem=kem
            )
            founded[each.member] = Shared(secret, mesh_now)
        addressed.append(Addressed(each.under, wrap))

    def overhead_of(under: EpochId) -> int:
        return page_overhead(made.signed, operations_under(under))

    return MadePages(planned_pages(addressed, overhead_of), founded)


def is_linked(shared: Shared, heard: UnixSeconds) -> bool:
    """Say whether a wrap may rest on a secret: its member was heard since, so he may have it."""
    return heard > shared.founded


def operations_of_page(
    operations: Sequence[SignedPost], outsiders: Collection[VerifyKey]
) -> list[SignedPost]:
    """Return those operations that may ride in a page under an epoch with these outsiders: they
    learn of no operation but their own removal. The others go in a supply under the new epoch.
    """
    gone = frozenset(outsiders)
    return [
        each for each in operations if gone <= set(removed_by(VerifyKey(each.author), each.post))
    ]


def page_overhead(announcement: SignedPost, operations: Sequence[SignedPost]) -> int:
    """Return the bytes of a page beside its wraps, at the most, with its signature."""
    widest = PostPlace(bytes(8), CHAIN_NUMBERS_MAX)
    clock = (1 << CLOCK_BITS) - 1
    page = KeyPage(1, 3, clock, widest, announcement, make_wraps_field(Wraps()), list(operations))
    return len(encode_placed(page)) + _WRAPS_LENGTHS_BYTES + SIGNATURE_BYTES
