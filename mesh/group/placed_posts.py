"""Posts that say where they stand: key pages, hands, needs, supplies, hellos, bundles, knocks.

Implements `docs/protocol/group-keys.md`, section "Posts with a place". Each names its epoch and its
number there, so that nobody can seal it again elsewhere. Operations and announcements name no
place: they ride in these, and never stand alone.
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Final, Literal

import msgspec

from mesh.content.entry import Id
from mesh.content.fields import InvalidContentError, Key, require_bytes
from mesh.crypto.signing import SIGNATURE_BYTES
from mesh.errors import PeerError
from mesh.group.cuts import Had, check_had
from mesh.group.epochs import EPOCH_PREFIX_BYTES, EpochId, prefix_of
from mesh.group.leaves import SHORT_LEAF_BYTES
from mesh.group.operations import Leave, Record, Remove, decode_operation
from mesh.group.posts import PostKind, SignedPost, post_kind
from mesh.group.who_tokens import TOKEN_BYTES
from mesh.group.wraps import FIRST_BYTES, LINKED_BYTES, Trouble, Wraps
from mesh.ids import VerifyKey
from mesh.limits.content import CLOCK_BITS
from mesh.limits.group_keys import (
    ENTRY_HEADS_MAX,
    NEED_CANNOT_MAX,
    NEED_HELD_MAX,
    NEED_IDS_MAX,
    PAGE_POSTS_MAX,
    SUPPLY_BUNDLES_MAX,
    SUPPLY_ENTRIES_MAX,
    SUPPLY_HAD_MAX,
    SUPPLY_POSTS_MAX,
    WHO_TOKENS_MAX,
    WHO_TOKENS_STEP,
)
from mesh.limits.groups import (
    HEADS_ANNOUNCED_MAX,
    INVITE_NOTE_BYTES_MAX,
    MEMBER_NAME_BYTES_MAX,
    POST_BYTES_MAX,
)
from mesh.wire.bundle import BUNDLE_BYTES

NEED_PREFIX_BYTES: Final = 8
MEMBER_PREFIX_BYTES: Final = 8

_Clock = Annotated[int, msgspec.Meta(ge=0, lt=1 << CLOCK_BITS)]
_U32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Prefix = Annotated[
    bytes, msgspec.Meta(min_length=EPOCH_PREFIX_BYTES, max_length=EPOCH_PREFIX_BYTES)
]
_Bundle = Annotated[bytes, msgspec.Meta(min_length=BUNDLE_BYTES, max_length=BUNDLE_BYTES)]
_Signature = Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
_OperationHeads = Annotated[list[Id], msgspec.Meta(max_length=HEADS_ANNOUNCED_MAX)]
_EntryHeads = Annotated[list[Id], msgspec.Meta(max_length=ENTRY_HEADS_MAX)]


class PostPlace(msgspec.Struct, frozen=True, array_like=True):
    """An epoch, and the number in its author's chain; of a hello its index."""

    epoch_prefix: _Prefix
    number: _U32


class _WrapsField(msgspec.Struct, frozen=True, array_like=True):
    linked: Annotated[bytes, msgspec.Meta(max_length=POST_BYTES_MAX)]
    first: Annotated[bytes, msgspec.Meta(max_length=POST_BYTES_MAX)]


class KeyPage(msgspec.Struct, frozen=True, array_like=True):
    """The seed of an epoch for some of its members; a hand is the same for one."""

    version: Literal[1]
    kind: Literal[3, 4]
    clock: _Clock
    place: PostPlace
    announcement: SignedPost | None
    """None where only operations are told."""

    wraps_field: _WrapsField
    operations: Annotated[list[SignedPost], msgspec.Meta(max_length=PAGE_POSTS_MAX)]

    @property
    def wraps(self) -> Wraps:
        """The wraps, of both kinds."""
        return Wraps(self.wraps_field.linked, self.wraps_field.first)

    def check(self) -> None:
        """Raise PeerError where a bound is broken that no type holds."""
        linked, first = len(self.wraps_field.linked), len(self.wraps_field.first)
        if linked % LINKED_BYTES or first % FIRST_BYTES:
            raise PeerError("wraps of a wrong length")
        count = linked // LINKED_BYTES + first // FIRST_BYTES
        if count and self.announcement is None:
            raise PeerError("wraps of no epoch")
        if PostKind(self.kind) is PostKind.HAND and count != 1:
            raise PeerError("a hand is for one person")
        if self.announcement is not None:
            _require_kind(self.announcement, PostKind.ANNOUNCEMENT)
        for each in self.operations:
            _require_kind(each, PostKind.OPERATION)


class Cannot(msgspec.Struct, frozen=True, array_like=True):
    """An epoch that does not open, and why."""

    epoch_prefix: _Prefix
    trouble: Trouble


class Need(msgspec.Struct, frozen=True, array_like=True):
    """The author lacks something, and says what he holds."""

    version: Literal[1]
    kind: Literal[5]
    clock: _Clock
    place: PostPlace
    missing: Annotated[list[Id], msgspec.Meta(max_length=NEED_IDS_MAX)] | None
    """Ids of operations, announcements and entries, hashes of bundles; None: what others had of
    everybody.
    """

    cannot: Annotated[list[Cannot], msgspec.Meta(max_length=NEED_CANNOT_MAX)]
    held: Annotated[list[_Prefix], msgspec.Meta(max_length=NEED_HELD_MAX)]
    operation_heads: _OperationHeads
    entry_heads: _EntryHeads
    leaf: bytes
    """The author's short leaf, or nothing."""

    def check(self) -> None:
        """Raise PeerError where a bound is broken that no type holds."""
        if len(self.leaf) not in (0, SHORT_LEAF_BYTES):
            raise PeerError("short leaf of a wrong length")


class SuppliedEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry of anybody with its signature."""

    author: Key
    entry: bytes
    signature: _Signature


class SuppliedHad(msgspec.Struct, frozen=True, array_like=True):
    """The entries of one member that the author of a supply has."""

    member_prefix: Annotated[
        bytes, msgspec.Meta(min_length=MEMBER_PREFIX_BYTES, max_length=MEMBER_PREFIX_BYTES)
    ]
    had: Had


class Supply(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a need, or what a newcomer needs: all of it can be checked by who reads it."""

    version: Literal[1]
    kind: Literal[6]
    clock: _Clock
    place: PostPlace
    need_prefix: Annotated[bytes, msgspec.Meta(max_length=NEED_PREFIX_BYTES)]
    """Of the id of the need; empty: nobody asked."""

    posts: Annotated[list[SignedPost], msgspec.Meta(max_length=SUPPLY_POSTS_MAX)]
    entries: Annotated[list[SuppliedEntry], msgspec.Meta(max_length=SUPPLY_ENTRIES_MAX)]
    had: Annotated[list[SuppliedHad], msgspec.Meta(max_length=SUPPLY_HAD_MAX)]
    bundles: Annotated[list[_Bundle], msgspec.Meta(max_length=SUPPLY_BUNDLES_MAX)]

    def check(self) -> None:
        """Raise PeerError where a bound is broken that no type holds."""
        if len(self.need_prefix) not in (0, NEED_PREFIX_BYTES):
            raise PeerError("malformed name of a need")
        for each in self.posts:
            _require_kind(each, PostKind.OPERATION, PostKind.ANNOUNCEMENT)
        for one in self.had:
            check_had(one.had)


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """A word by which its author is found again, whatever was missed."""

    version: Literal[1]
    kind: Literal[7]
    clock: _Clock
    place: PostPlace
    next: _U32
    """The number that his chain in this epoch writes next."""

    operation_heads: _OperationHeads
    entry_heads: _EntryHeads
    leaf: Annotated[bytes, msgspec.Meta(min_length=SHORT_LEAF_BYTES, max_length=SHORT_LEAF_BYTES)]
    tokens: bytes | None
    """By which his contacts know him (`mesh/group/who_tokens.py`); None where he says nothing."""

    def check(self) -> None:
        """Raise PeerError where a bound is broken that no type holds."""
        count, rest = divmod(len(self.tokens or b""), TOKEN_BYTES)
        if rest or count % WHO_TOKENS_STEP or count > WHO_TOKENS_MAX or self.tokens == b"":
            raise PeerError("malformed tokens of a hello")


class BundlePost(msgspec.Struct, frozen=True, array_like=True):
    """The author's new long leaf."""

    version: Literal[1]
    kind: Literal[8]
    clock: _Clock
    place: PostPlace
    bundle: _Bundle

    def check(self) -> None:
        """Everything is held by types."""


class Knock(msgspec.Struct, frozen=True, array_like=True):
    """Somebody stands at a link of the author and asks to be let in."""

    version: Literal[1]
    kind: Literal[9]
    clock: _Clock
    place: PostPlace
    record: Record
    bundle: _Bundle
    note: str

    def check(self) -> None:
        """Raise PeerError where a bound is broken that no type holds."""
        require_bytes(self.record.name, MEMBER_NAME_BYTES_MAX, least=1)
        require_bytes(self.note, INVITE_NOTE_BYTES_MAX)


class UnknownPost(msgspec.Struct, frozen=True, array_like=True):
    """A kind of a newer version. It names its place like all, so it uses up no other."""

    version: Literal[1]
    kind: int
    clock: _Clock
    place: PostPlace

    def check(self) -> None:
        """Everything is held by types."""


PlacedPost = KeyPage | Need | Supply | Hello | BundlePost | Knock | UnknownPost


class _KeptWraps(msgspec.Struct, frozen=True, array_like=True):
    """As many wraps as there are, of pages without number."""

    linked: bytes
    first: bytes


_encoder = msgspec.msgpack.Encoder()
_kept_wraps: msgspec.msgpack.Decoder[_KeptWraps] = msgspec.msgpack.Decoder(_KeptWraps)
_unknown: msgspec.msgpack.Decoder[PlacedPost] = msgspec.msgpack.Decoder(UnknownPost)
_decoders: Final[dict[int, msgspec.msgpack.Decoder[PlacedPost]]] = {
    PostKind.KEY_PAGE: msgspec.msgpack.Decoder(KeyPage),
    PostKind.HAND: msgspec.msgpack.Decoder(KeyPage),
    PostKind.NEED: msgspec.msgpack.Decoder(Need),
    PostKind.SUPPLY: msgspec.msgpack.Decoder(Supply),
    PostKind.HELLO: msgspec.msgpack.Decoder(Hello),
    PostKind.BUNDLE: msgspec.msgpack.Decoder(BundlePost),
    PostKind.KNOCK: msgspec.msgpack.Decoder(Knock),
}


def encode_placed(post: PlacedPost) -> bytes:
    """Return the bytes that are signed."""
    return _encoder.encode(post)


def decode_placed(post: bytes) -> PlacedPost:
    """The post, also one of a kind that this version does not know.

    PeerError on anything else: also on an operation or an announcement, which stand in no envelope
    by themselves. What rides in it is looked at no further than its form.
    """
    kind = post_kind(post)
    if kind <= PostKind.ANNOUNCEMENT:
        raise PeerError("a post that has no place stands alone")
    try:
        placed = _decoders.get(kind, _unknown).decode(post)
        placed.check()
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        InvalidContentError,
    ) as error:
        raise PeerError("malformed post of a group") from error
    return placed


def check_place(post: PlacedPost, epoch: EpochId, number: int, *, is_hello: bool) -> None:
    """Raise PeerError unless a post stands where its author put it.

    A hello stands under the tags of hellos and nothing else does: indices of hellos and numbers of
    chains are different things that may be equal.
    """
    if post.place != PostPlace(prefix_of(epoch), number) or is_hello != isinstance(post, Hello):
        raise PeerError("a post that stands where its author did not put it")


def may_stand_under(
    post: PlacedPost, *, is_fit: bool, outsiders: Collection[VerifyKey] = ()
) -> bool:
    """Say whether we may write a post under an epoch.

    `outsiders` are those of its readers who are no members: they learn no names, no texts, no
    ids of entries but those asked for, and no operation but their own removal.
    """
    match post:
        case KeyPage():
            return all(
                set(outsiders) <= set(removed_by(VerifyKey(each.author), each.post))
                for each in post.operations
            )
        case Need():
            return not outsiders or not post.entry_heads
        case Hello():
            return not outsiders or (post.tokens is None and not post.entry_heads)
        case Supply():
            return is_fit or (gives_entries_alone(post) and not outsiders)
        case BundlePost() | Knock():
            return is_fit
        case UnknownPost():
            raise AssertionError("nobody writes what he does not know")


def gives_entries_alone(supply: Supply) -> bool:
    """Say whether a supply answers a need by entries, and tells nothing else."""
    return bool(supply.need_prefix) and not (supply.posts or supply.had or supply.bundles)


def removed_by(author: VerifyKey, post: bytes) -> list[VerifyKey]:
    """Return whom an operation removes; a leave its author."""
    action = decode_operation(author, post).action
    match action:
        case Remove():
            return [VerifyKey(each.key) for each in action.removals]
        case Leave():
            return [author]
        case _:
            return []


def make_wraps_field(wraps: Wraps) -> _WrapsField:
    """Return wraps as they stand in a page."""
    return _WrapsField(wraps.linked, wraps.first)


def encode_wraps(pages: Sequence[Wraps]) -> bytes:
    """Return the wraps of all pages of an epoch as its maker keeps them."""
    linked = b"".join(each.linked for each in pages)
    return _encoder.encode(_KeptWraps(linked, b"".join(each.first for each in pages)))


def decode_wraps(data: bytes) -> Wraps:
    """Return what `encode_wraps` made."""
    kept = _kept_wraps.decode(data)
    return Wraps(kept.linked, kept.first)


def _require_kind(signed: SignedPost, *kinds: PostKind) -> None:
    if post_kind(signed.post) not in kinds:
        raise PeerError("a post rides where it may not")
