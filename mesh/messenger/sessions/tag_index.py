"""Tags that we would recognise, in memory: a look-up for every envelope that enters the node."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mesh.ids import ContactId, ConversationId, InviteId, Tag

_INDEX_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class OfInvite:
    """A first contact by an invite of ours."""

    invite: InviteId


@dataclass(frozen=True, slots=True)
class OfBundle:
    """The bundle that a contact's QR code promised."""

    contact: ContactId


@dataclass(frozen=True, slots=True)
class OfSession:
    """A message of a contact, under one generation of the tags of a session."""

    session: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class OfRendezvous:
    """A first contact by somebody who lost a session, by the ways of one of its generations."""

    session: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class OfClosedInvite:
    """The answer that the invite of a contact is closed."""

    contact: ContactId


@dataclass(frozen=True, slots=True)
class OfSelf:
    """A note of another machine with this identity."""


@dataclass(frozen=True, slots=True)
class OfFile:
    """A block of a file of a contact, under its newest posting."""

    file: int


@dataclass(frozen=True, slots=True)
class OfChain:
    """Something that a member of a group writes in an epoch; the index is its number there."""

    chain: int


@dataclass(frozen=True, slots=True)
class OfHello:
    """A hello of a member of a group in an epoch."""

    chain: int


@dataclass(frozen=True, slots=True)
class OfGroupLink:
    """Somebody at a link of ours into a group."""

    link: int


@dataclass(frozen=True, slots=True)
class OfLinkBundle:
    """The bundle of a link by which we join a group."""

    conversation: ConversationId


@dataclass(frozen=True, slots=True)
class OfEntrance:
    """A letter to us as a member of a group, or as who wants to be one."""

    conversation: ConversationId


Owner = (
    OfInvite
    | OfBundle
    | OfSession
    | OfRendezvous
    | OfClosedInvite
    | OfSelf
    | OfFile
    | OfChain
    | OfHello
    | OfGroupLink
    | OfLinkBundle
    | OfEntrance
)


class TagIndex:
    """From a tag to its owner and index. A quarter of a million tags take about 40 MB."""

    def __init__(self) -> None:
        # One integer a tag: the number of the owner above the index.
        self._places: dict[Tag, int] = {}
        self._owners: list[Owner] = []
        self._numbers: dict[Owner, int] = {}
        self._wanted: list[Tag] = []

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._places

    def __len__(self) -> int:
        return len(self._places)

    def all(self) -> Iterable[Tag]:
        """Every tag, in no order that means anything."""
        return self._places.keys()

    def find(self, tag: Tag) -> tuple[Owner, int] | None:
        """Return whose tag it is, and its index."""
        place = self._places.get(tag)
        if place is None:
            return None
        return self._owners[place >> _INDEX_BITS], place & ((1 << _INDEX_BITS) - 1)

    def expect(
        self, owner: Owner, tags: Iterable[tuple[int, Tag]], *, is_wanted: bool = False
    ) -> None:
        """Expect these (index, tag); wanted ones may stand among the stored envelopes already."""
        number = self._numbers.get(owner)
        if number is None:
            number = self._numbers[owner] = len(self._owners)
            self._owners.append(owner)
        first = number << _INDEX_BITS
        fresh = {tag: first | index for index, tag in tags}
        self._places.update(fresh)
        if is_wanted:
            self._wanted.extend(fresh)

    def want(self, tags: Iterable[Tag]) -> None:
        """Envelopes with these tags may be in the store, and open now."""
        self._wanted.extend(tags)

    def forget(self, tags: Iterable[Tag]) -> None:
        """These are used up."""
        for tag in tags:
            self._places.pop(tag, None)

    def forget_owners(self, owners: Iterable[Owner]) -> None:
        """Forget all that these own. All tags are looked at, so this is for what is rare."""
        gone = {self._numbers.pop(owner) for owner in owners if owner in self._numbers}
        if gone:
            tags = [tag for tag, place in self._places.items() if place >> _INDEX_BITS in gone]
            self.forget(tags)

    def take_wanted(self) -> list[Tag]:
        """The wanted tags since the last call."""
        taken, self._wanted = self._wanted, []
        return taken
