"""The large files of ours for which contacts ask, and what of them leaves.

Implements `docs/protocol/direct-files.md`, sections "Asking" and "Giving". A live machine that
opens no file: it says which blocks are to be read, is told them, and sees that they are what they
were. What nobody may ask for has one answer, whyever: a refusal, at once.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.content.file_tree import HashTree, blocks_count
from mesh.effects import ReadBlocks
from mesh.errors import PeerError
from mesh.ids import LinkId
from mesh.inputs import BlocksRead
from mesh.limits.direct_files import (
    FILE_ASK_BLOCKS_MAX,
    FILE_ASKS_WAITING_MAX,
    FILE_READ_AHEAD_BLOCKS,
    FILES_READ_AHEAD_BLOCKS,
)
from mesh.wire.frames import FileAsk, FileBlock, FileRefuse


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that the other side of a link may ask for."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file of ours, and all that its blocks are checked and proved by."""

    place: BlobPlace | DiskPlace
    tree: HashTree
    given: int = 0
    """The bits of the blocks that were given before."""


@dataclass(slots=True)
class _Link:
    """The asks of one link: blocks of one file at a time."""

    offers: Mapping[bytes, Offer] = field(default_factory=dict)
    handle: bytes = b""
    number: int = 0
    # The file before: its source is kept, so that to go to and fro between two costs nothing.
    former: int = 0
    asks: deque[FileAsk] = field(default_factory=deque)
    reading: deque[ReadBlocks] = field(default_factory=deque)
    ready: deque[FileBlock] = field(default_factory=deque)

    @property
    def ahead_count(self) -> int:
        return sum(one.count for one in self.reading) + len(self.ready)

    def drop(self) -> None:
        """Let go of all that was asked for; what is being read has been noted before."""
        self.handle, self.number = b"", 0
        self.asks.clear()
        self.ready.clear()
        self.reading.clear()


class Giving:
    """All links, and the files of ours that are given over some of them."""

    def __init__(self) -> None:
        self._links: dict[LinkId, _Link] = {}
        self._sources: dict[int, Source] = {}
        self._given: dict[int, int] = {}
        self._lost: dict[int, None] = {}
        self._frames: list[tuple[LinkId, FileRefuse]] = []
        self._effects: list[ReadBlocks] = []
        self._unnoted: dict[int, None] = {}
        self._reads_count = 0
        # Reads that nobody waits for any more, by their numbers, and for whom they were: they take
        # memory until their answers come.
        self._let_go: dict[int, tuple[LinkId, int]] = {}

    def link_up(self, link: LinkId) -> None:
        """A link is ready; nothing is offered there until it is known where it leads."""
        self._links[link] = _Link()

    def link_down(self, link: LinkId) -> None:
        """A link ended."""
        one = self._links.pop(link, None)
        if one is not None:
            self._drop(link, one)
        self._forget_sources()

    def offer(self, link: LinkId, offers: Mapping[bytes, Offer]) -> None:
        """From now on these files, by their handles, may be asked for over a link."""
        one = self._links.get(link)
        if one is None:
            return
        one.offers = offers
        if one.handle and one.handle not in offers:
            self._refuse(link, one, one.handle)
        if all(offer.number != one.former for offer in offers.values()):
            one.former = 0
        self._forget_sources()

    def asked(self, link: LinkId, ask: FileAsk) -> None:
        """Somebody asks for blocks; PeerError if no correct node would ask so."""
        one = self._links.get(link)
        offer = None if one is None else one.offers.get(ask.handle)
        if one is None or offer is None:
            self._frames.append((link, FileRefuse(ask.handle)))
            return
        if ask.first + ask.count > blocks_count(offer.size):
            raise PeerError("an ask for blocks that the file does not have")
        if ask.handle != one.handle:
            former = one.number or one.former
            self._drop(link, one)
            one.handle, one.number, one.former = ask.handle, offer.number, former
            self._forget_sources()
        if len(one.asks) >= FILE_ASKS_WAITING_MAX:
            raise PeerError("more asks for blocks than are answered at a time")
        one.asks.append(ask)

    @property
    def is_busy(self) -> bool:
        """Say whether somebody waits for blocks."""
        return any(one.asks or one.reading or one.ready for one in self._links.values())

    # --- Where the bytes come from ------------------------------------------------------------

    def unknown(self) -> list[int]:
        """Files that are asked for, and whose bytes it has not been told how to get.

        Nothing is looked up for a link whose reads of another file are not over: so one that goes
        from file to file costs a tree for each turn of the disk, and not for each ask.
        """
        unknown: dict[int, None] = {}
        for link, one in self._links.items():
            if one.asks and one.number not in self._sources and not self._is_read_for(link):
                unknown[one.number] = None
        return list(unknown)

    def _is_read_for(self, link: LinkId) -> bool:
        return any(link == busy for busy, _ in self._let_go.values())

    def found(self, number: int, source: Source | None) -> None:
        """The bytes of a file lie there; None: it cannot be given."""
        if source is not None:
            self._sources[number] = source
            self._given[number] = source.given
        else:
            self._end(number)

    def read(self, found: BlocksRead) -> None:
        """Blocks were read: they are what was asked for, or the file is lost. An answer for which
        nobody waits any more is passed over.
        """
        if self._let_go.pop(found.number, None) is not None:
            return
        for one in self._links.values():
            if not one.reading or one.number not in self._sources:
                continue
            wanted = one.reading[0]
            if wanted.number != found.number:
                continue
            one.reading.popleft()
            tree = self._sources[one.number].tree
            indices = range(wanted.first, wanted.first + wanted.count)
            if len(found.blocks) != wanted.count or not all(
                tree.is_block(index, block)
                for index, block in zip(indices, found.blocks, strict=True)
            ):
                self._lost[one.number] = None
                self._end(one.number)
                return
            one.ready.extend(
                FileBlock(one.handle, index, tree.path(index), block)
                for index, block in zip(indices, found.blocks, strict=True)
            )
            return

    # --- What leaves --------------------------------------------------------------------------

    def read_ahead(self) -> None:
        """Have blocks read for all links that wait for some."""
        for link, one in self._links.items():
            if one.asks:
                self._read_ahead(link, one)

    def links_with_blocks(self) -> list[LinkId]:
        """The links for which blocks are here, in the order in which they opened."""
        return [link for link, one in self._links.items() if one.ready]

    def take_block(self, link: LinkId) -> FileBlock | None:
        """The next block for a link, which leaves now."""
        one = self._links.get(link)
        if one is None or not one.ready:
            return None
        block = one.ready.popleft()
        self._given[one.number] |= 1 << block.index
        self._unnoted[one.number] = None
        return block

    def take_refusals(self) -> list[tuple[LinkId, FileRefuse]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    def take_effects(self) -> list[ReadBlocks]:
        """The blocks to be read, in order."""
        taken, self._effects = self._effects, []
        return taken

    @property
    def has_unnoted(self) -> bool:
        """Say whether something was given, or lost, that is not written down."""
        return bool(self._unnoted or self._lost)

    @property
    def has_lost(self) -> bool:
        """Say whether a file turned out not to be what it was."""
        return bool(self._lost)

    def take_unnoted(self) -> list[tuple[int, int]]:
        """Files of which blocks were given, with the bits of all that were."""
        taken, self._unnoted = list(self._unnoted), {}
        noted = [(number, self._given[number]) for number in taken if number in self._given]
        for number in taken:
            if number not in self._sources:
                self._given.pop(number, None)
        return noted

    def take_lost(self) -> list[int]:
        """Files of ours that are not what they were."""
        taken, self._lost = list(self._lost), {}
        return taken

    def forget(self) -> None:
        """The vault closes: nothing is offered to anybody."""
        for link, one in self._links.items():
            one.offers, one.former = {}, 0
            if one.handle:
                self._refuse(link, one, one.handle)
        self._sources.clear()
        self._given.clear()
        self._unnoted.clear()
        self._lost.clear()

    def _end(self, number: int) -> None:
        for link, one in self._links.items():
            if one.handle and one.number == number:
                self._refuse(link, one, one.handle)
            if one.former == number:
                one.former = 0
        self._forget_sources()

    def _refuse(self, link: LinkId, one: _Link, handle: bytes) -> None:
        self._drop(link, one)
        self._frames.append((link, FileRefuse(handle)))

    def _drop(self, link: LinkId, one: _Link) -> None:
        self._let_go |= {wanted.number: (link, wanted.count) for wanted in one.reading}
        one.drop()

    def _read_ahead(self, link: LinkId, one: _Link) -> None:
        source = self._sources.get(one.number)
        let_go_count = sum(count for of, count in self._let_go.values() if of == link)
        if one.ahead_count + let_go_count > FILE_READ_AHEAD_BLOCKS - 2 * FILE_ASK_BLOCKS_MAX:
            # Two asks are read at once: a wake-up of the disk's thread costs as much as a block.
            return
        while source is not None and one.asks:
            ask = one.asks[0]
            all_count = sum(each.ahead_count for each in self._links.values())
            all_count += sum(count for _, count in self._let_go.values())
            is_full = one.ahead_count + let_go_count + ask.count > FILE_READ_AHEAD_BLOCKS
            if is_full or all_count + ask.count > FILES_READ_AHEAD_BLOCKS:
                return
            one.asks.popleft()
            self._reads_count += 1
            wanted = ReadBlocks(source.place, ask.first, ask.count, self._reads_count)
            one.reading.append(wanted)
            self._effects.append(wanted)

    def _forget_sources(self) -> None:
        used = {n: None for one in self._links.values() for n in (one.number, one.former) if n}
        self._sources = {n: source for n, source in self._sources.items() if n in used}
        kept = self._sources | self._unnoted
        self._given = {number: bits for number, bits in self._given.items() if number in kept}
