"""The large files of contacts that are to be had, and what is asked for over which link.

Implements `docs/protocol/direct-files.md`, sections "Asking" and "Keeping". A live machine. One
file goes over a link at a time, and over one link. What was asked for and is not safe on the disk
yet stays below a window, so a slow disk slows the other side down and nothing piles up. A block is
checked by its path before it is handed on; a false one is the fault of the link that brought it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mesh.commands.file_places import BlobPlace
from mesh.content.file_tree import Proofs, blocks_count
from mesh.effects import WriteBlock
from mesh.errors import PeerError
from mesh.ids import Instant, LinkId, Monotonic, earliest
from mesh.limits.direct_files import (
    FILE_ASK_AGAIN_MS,
    FILE_ASK_BLOCKS_MAX,
    FILE_FALSE_BLOCKS_MAX,
    FILE_SILENCE_MS,
    FILE_WINDOW_BLOCKS,
    FILES_WINDOW_BLOCKS,
)
from mesh.wire.frames import FileAsk, FileBlock, FileRefuse


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a contact that is to be had, and where it is to lie."""

    number: int
    handle: bytes = field(repr=False)
    root: bytes = field(repr=False)
    size: int
    place: BlobPlace
    blocks: int
    """The bits of the blocks that are here."""


@dataclass(frozen=True, slots=True)
class Known:
    """The bits of the blocks of a file that are safe in the sealed file of this name."""

    name: bytes
    blocks: int


@dataclass(slots=True)
class _Pause:
    """A time for which a link is not asked for a file."""

    until: Monotonic
    pause_ms: int


@dataclass(slots=True)
class _Coming:
    """A file that is asked for over one link."""

    wanted: Wanted
    link: LinkId
    heard_at: Monotonic
    blocks: int
    proofs: Proofs
    cursor: int = 0
    # Dicts stand for ordered sets.
    asked: dict[int, None] = field(default_factory=dict)
    writing: dict[int, None] = field(default_factory=dict)
    is_unnoted: bool = False

    @property
    def count(self) -> int:
        return blocks_count(self.wanted.size)

    @property
    def is_whole(self) -> bool:
        return self.blocks == (1 << self.count) - 1

    @property
    def waiting_count(self) -> int:
        return len(self.asked) + len(self.writing)

    def next_run(self) -> range:
        """The next blocks that nobody asked for, in one piece; empty if there are none."""
        while self.cursor < self.count and not self._is_missing(self.cursor):
            self.cursor += 1
        end = self.cursor
        while end < min(self.count, self.cursor + FILE_ASK_BLOCKS_MAX) and self._is_missing(end):
            end += 1
        return range(self.cursor, end)

    def _is_missing(self, index: int) -> bool:
        is_here = self.blocks >> index & 1
        return not is_here and index not in self.writing and index not in self.asked


@dataclass(slots=True)
class _Link:
    wanted: Mapping[int, Wanted] = field(default_factory=dict)
    pauses: dict[int, _Pause] = field(default_factory=dict)
    # So many blocks that were asked for may come though nobody waits for them any more.
    let_go_count: int = 0


class Fetching:
    """All links, and the files that come over some of them."""

    def __init__(self) -> None:
        self._links: dict[LinkId, _Link] = {}
        self._coming: dict[int, _Coming] = {}
        self._false_counts: dict[int, int] = {}
        self._given_up: dict[int, None] = {}
        self._frames: list[tuple[LinkId, FileAsk]] = []
        self._effects: list[WriteBlock] = []
        # What is known of files that go over no link now and is not written down.
        self._unnoted: dict[int, Known] = {}
        # The links that may be asked, as `ask` was told last.
        self._may_ask: Mapping[LinkId, None] = {}

    def link_up(self, link: LinkId) -> None:
        """A link is ready; nothing is asked there until it is known where it leads."""
        self._links[link] = _Link()

    def link_down(self, link: LinkId) -> None:
        """A link ended: what it brought stays, and goes on over another one."""
        self._links.pop(link, None)
        for coming in [one for one in self._coming.values() if one.link == link]:
            self._stop(coming)

    def want(self, link: LinkId, wanted: Sequence[Wanted]) -> None:
        """These files, in this order, are to be had over a link."""
        one = self._links.get(link)
        if one is None:
            return
        one.wanted = {each.number: each for each in wanted}
        one.pauses = {n: pause for n, pause in one.pauses.items() if n in one.wanted}
        for coming in list(self._coming.values()):
            now_wanted = one.wanted.get(coming.wanted.number)
            is_other = now_wanted is None or now_wanted.place != coming.wanted.place
            if coming.link == link and is_other:
                self._stop(coming)

    # --- What comes ---------------------------------------------------------------------------

    def came(self, link: LinkId, frame: FileBlock, now: Instant) -> None:
        """A block came; PeerError if nobody asked for it, or if it is not of the file."""
        coming = self._find(link, frame.handle)
        if coming is None or frame.index not in coming.asked:
            one = self._links.get(link)
            if one is None or not one.let_go_count:
                raise PeerError("a block that nobody asked for")
            one.let_go_count -= 1
            return
        wanted = coming.wanted
        try:
            coming.proofs.check(frame.index, frame.path, frame.block)
        except PeerError:
            count = self._false_counts.get(wanted.number, 0) + 1
            self._false_counts[wanted.number] = count
            if count >= FILE_FALSE_BLOCKS_MAX:
                del self._false_counts[wanted.number]
                self._given_up[wanted.number] = None
            raise
        del coming.asked[frame.index]
        coming.writing[frame.index] = None
        coming.heard_at = now.monotonic
        self._effects.append(WriteBlock(wanted.place, frame.index, frame.block))
        self._links[link].pauses.pop(wanted.number, None)

    def refused(self, link: LinkId, frame: FileRefuse, now: Instant) -> None:
        """The other side does not give a file, for now."""
        coming = self._find(link, frame.handle)
        if coming is not None:
            # Whoever refuses has let go of all that was asked for.
            coming.asked.clear()
            self._pause(coming, now)

    def written(self, name: bytes, indices: Sequence[int]) -> None:
        """Blocks are safe on the disk."""
        for coming in self._coming.values():
            if coming.wanted.place.name == name:
                for index in indices:
                    if index in coming.writing:
                        del coming.writing[index]
                        coming.blocks |= 1 << index
                        coming.is_unnoted = True

    def failed(self, name: bytes) -> int | None:
        """Blocks could not be kept: nothing more of that file is asked for. Return its number."""
        for coming in list(self._coming.values()):
            if coming.wanted.place.name == name:
                self._stop(coming)
                return coming.wanted.number
        return None

    # --- What leaves --------------------------------------------------------------------------

    def ask(self, now: Instant, *, may_ask: Mapping[LinkId, None]) -> None:
        """Begin what can begin on the links that may be asked, and ask for what has room."""
        self._may_ask = may_ask
        if self.is_idle:
            return
        for coming in list(self._coming.values()):
            is_silent = coming.heard_at + FILE_SILENCE_MS * 1_000 <= now.monotonic
            if coming.link not in may_ask or (coming.asked and is_silent):
                self._pause(coming, now)
        busy = {one.link: None for one in self._coming.values()}
        for link, one in self._links.items():
            if link in may_ask and link not in busy:
                self._begin(link, one, now)
        for coming in self._coming.values():
            self._ask(coming, now)

    def deadline(self) -> Monotonic | None:
        """Return when `ask` wants to be called, though nothing happened."""
        if self.is_idle:
            return None
        silent = [
            Monotonic(one.heard_at + FILE_SILENCE_MS * 1_000)
            for one in self._coming.values()
            if one.asked
        ]
        busy = {one.link: None for one in self._coming.values()}
        again = [
            one.pauses[number].until
            for link, one in self._links.items()
            if link in self._may_ask and link not in busy
            for number in one.wanted
            if number in one.pauses and not self._is_taken(number)
        ]
        return earliest((*silent, *again))

    @property
    def is_idle(self) -> bool:
        """Say whether nothing comes, and nothing is to be had over any link."""
        if self._coming:
            return False
        for one in self._links.values():  # noqa: SIM110 (asked often: a generator costs more)
            if one.wanted:
                return False
        return True

    def take_frames(self) -> list[tuple[LinkId, FileAsk]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    def take_effects(self) -> list[WriteBlock]:
        """The blocks to be written, in order."""
        taken, self._effects = self._effects, []
        return taken

    @property
    def has_unnoted(self) -> bool:
        """Say whether blocks are here that are not written down."""
        if self._unnoted or not self._coming:
            return bool(self._unnoted)
        return any(one.is_unnoted for one in self._coming.values())

    @property
    def has_whole(self) -> bool:
        """Say whether a file is all here and it is not written down, or was given up."""
        if self._given_up or not self._coming:
            return bool(self._given_up)
        return any(one.is_whole for one in self._coming.values())

    def take_unnoted(self) -> list[tuple[int, Known]]:
        """Files of which more is here; whole ones are done."""
        taken, self._unnoted = self._unnoted, {}
        for number, coming in list(self._coming.items()):
            if coming.is_unnoted or coming.is_whole:
                taken[number] = Known(coming.wanted.place.name, coming.blocks)
                coming.is_unnoted = False
            if coming.is_whole:
                del self._coming[number]
                for one in self._links.values():
                    one.wanted = {n: each for n, each in one.wanted.items() if n != number}
        return list(taken.items())

    def take_given_up(self) -> list[int]:
        """Files of which too many blocks were false."""
        taken, self._given_up = list(self._given_up), {}
        return taken

    def forget(self) -> None:
        """The vault closes: nothing is known of any file."""
        for coming in list(self._coming.values()):
            self._stop(coming)
        for one in self._links.values():
            one.wanted, one.pauses = {}, {}
        self._unnoted.clear()
        self._false_counts.clear()
        self._given_up.clear()
        self._frames.clear()

    # --- Below --------------------------------------------------------------------------------

    def _find(self, link: LinkId, handle: bytes) -> _Coming | None:
        for coming in self._coming.values():
            if coming.link == link and coming.wanted.handle == handle:
                return coming
        return None

    def _begin(self, link: LinkId, one: _Link, now: Instant) -> None:
        for number, wanted in one.wanted.items():
            pause = one.pauses.get(number)
            is_paused = pause is not None and pause.until > now.monotonic
            if is_paused or self._is_taken(number):
                continue
            proofs = Proofs(wanted.root, wanted.size)
            coming = _Coming(wanted, link, now.monotonic, wanted.blocks, proofs)
            known = self._unnoted.get(number)
            if known is not None and known.name == wanted.place.name:
                coming.blocks |= known.blocks
            self._coming[number] = coming
            return

    def _is_taken(self, number: int) -> bool:
        return number in self._coming or number in self._given_up

    def _ask(self, coming: _Coming, now: Instant) -> None:
        window = min(FILE_WINDOW_BLOCKS, FILES_WINDOW_BLOCKS // len(self._coming))
        while True:
            run = coming.next_run()
            if not run or coming.waiting_count + len(run) > window:
                return
            if not coming.asked:
                coming.heard_at = now.monotonic
            coming.asked |= dict.fromkeys(run)
            self._frames.append((coming.link, FileAsk(coming.wanted.handle, run.start, len(run))))

    def _pause(self, coming: _Coming, now: Instant) -> None:
        one = self._links.get(coming.link)
        if one is not None:
            number = coming.wanted.number
            least_ms, most_ms = FILE_ASK_AGAIN_MS
            former = one.pauses.get(number)
            pause_ms = least_ms if former is None else min(most_ms, 2 * former.pause_ms)
            one.pauses[number] = _Pause(now.after(pause_ms), pause_ms)
        self._stop(coming)

    def _stop(self, coming: _Coming) -> None:
        """Ask for no more; what is being written is asked for again if it is not heard of."""
        self._coming.pop(coming.wanted.number, None)
        one = self._links.get(coming.link)
        if one is not None:
            one.let_go_count += len(coming.asked)
        if coming.is_unnoted:
            known = Known(coming.wanted.place.name, coming.blocks)
            self._unnoted[coming.wanted.number] = known
