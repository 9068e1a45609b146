"""Large files between contacts: joins `mesh.transfer` to links, contacts, the vault and the disk.

Implements `docs/protocol/direct-files.md`. What is offered and wanted on a link is read from the
vault when the link turns out to lead to a contact, and whenever a large file changes; how far
files have come is written there now and then. While the vault is closed nothing is offered or
wanted, and whoever asks is refused as by a stranger. Blocks leave when no mail waits on their link.
"""

from collections.abc import Callable, Mapping, Sequence

from mesh.content.file_tree import HashTree, is_carried
from mesh.database import Connection
from mesh.effects import DropBlobs, Effect, Emit, KeepBlobs
from mesh.engine.link_streams import Peer
from mesh.engine.part import Part
from mesh.events import FileChanged, GroupAdded, GroupChanged, GroupLeft
from mesh.ids import ContactId, Instant, LinkId, Monotonic, earliest
from mesh.inputs import BlobFailed, BlocksRead, BlocksWritten
from mesh.limits.direct_files import FILE_NOTE_MS
from mesh.messenger.conversations.direct_files import DirectFiles
from mesh.messenger.messenger import Messenger
from mesh.storage.vault.files import FileRow, FileState
from mesh.transfer.fetching import Fetching, Wanted
from mesh.transfer.giving import Giving, Offer, Source
from mesh.transfer.handles import handle_of
from mesh.transfer.pace import Pace
from mesh.wire.frames import FILES_VERSION, FileAsk, FileBlock, FileRefuse, Frame

ContactsByLink = Callable[[], Mapping[LinkId, ContactId]]


class DirectFileExchange(Part):
    """The large files that this node and those of contacts give each other."""

    frame_types = (FileAsk, FileBlock, FileRefuse)

    def __init__(
        self,
        *,
        ready: Mapping[LinkId, Peer],
        contacts_by_link: ContactsByLink,
        has_mail: Callable[[LinkId], bool],
        is_spared: Callable[[LinkId], bool],
        is_disk_full: Callable[[], bool],
    ) -> None:
        """`has_mail`: mail waits on a link. `is_spared`: a link costs, or the battery is low.
        `is_disk_full`: nothing is written to the vault.
        """
        self._ready = ready
        self._contacts_by_link = contacts_by_link
        self._has_mail = has_mail
        self._is_spared = is_spared
        self._is_disk_full = is_disk_full
        self._giving = Giving()
        self._fetching = Fetching()
        self._paces: dict[LinkId, Pace] = {}
        self._contacts: Mapping[LinkId, ContactId] = {}
        # What is offered and wanted is to be read anew.
        self._is_stale = False
        self._is_open = False
        # The vault was opened on a disk that was full, and there is room since.
        self._is_trying_again = False
        self._next_note = Monotonic(0)
        self._ended: dict[int, FileState] = {}
        self._effects: list[Effect] = []

    @property
    def is_idle(self) -> bool:
        """Say whether no large file is on its way, or to be had, also from contacts whose links
        were recognised since the last look at them.
        """
        is_seen = self._contacts is self._contacts_by_link()
        return is_seen and self._fetching.is_idle and not self._giving.is_busy

    # --- Links and time -----------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._giving.link_up(link)
        self._fetching.link_up(link)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended; what it brought is noted."""
        self._paces.pop(link, None)
        self._giving.link_down(link)
        self._fetching.link_down(link)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame about a file came; PeerError if no correct node could have sent it."""
        match frame:
            case FileAsk():
                self._giving.asked(link, frame)
            case FileBlock():
                self._fetching.came(link, frame, now)
            case _:
                assert isinstance(frame, FileRefuse)
                self._fetching.refused(link, frame, now)

    def disk_answered(self, answer: BlocksRead | BlocksWritten | BlobFailed) -> None:
        """The disk has done, or failed to do, what was asked of it."""
        match answer:
            case BlocksRead():
                self._giving.read(answer)
            case BlocksWritten(name, indices):
                self._fetching.written(name, indices)
            case BlobFailed(name, is_full):
                number = self._fetching.failed(name)
                if number is not None:
                    self._ended[number] = "no-room" if is_full else "paused"

    def tend(self, now: Instant) -> None:
        """See which links lead to whom."""
        contacts = self._contacts_by_link()
        if contacts is not self._contacts:
            self._contacts = contacts
            self._is_stale = self._is_open

    def deadline(self) -> Monotonic | None:
        """At once if a block waits and there is room for several."""
        if any(self._room_bytes(link) for link in self._giving.links_with_blocks()):
            return Monotonic(0)
        write_at = None
        if self._is_open and not self._is_disk_full():
            is_unnoted = self._fetching.has_unnoted or self._giving.has_unnoted
            write_at = self._next_note if is_unnoted else None
            write_at = Monotonic(0) if self._is_stale or self._is_urgent() else write_at
        return earliest((write_at, self._fetching.deadline()))

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, Frame]]:
        """Return what is said of files, then blocks where a link has nothing else to do."""
        if self._is_open and not self._fetching.is_idle:
            free = [link for link in self._contacts if not self._is_spared(link)]
            self._fetching.ask(now, may_ask=dict.fromkeys(free))
        frames: list[tuple[LinkId, Frame]] = [
            *self._giving.take_refusals(),
            *self._fetching.take_frames(),
        ]
        for link in self._giving.links_with_blocks():
            self._look_at_pace(link, now)
            room_bytes = self._room_bytes(link)
            while room_bytes > 0 and (block := self._giving.take_block(link)) is not None:
                frames.append((link, block))
                room_bytes -= len(block.block)
        # What has left makes room for what is to be read.
        self._giving.read_ahead()
        return frames

    def take_effects(self) -> Sequence[Effect]:
        """Return what is to be read, written and deleted."""
        effects, self._effects = self._effects, []
        return [*effects, *self._giving.take_effects(), *self._fetching.take_effects()]

    # --- The vault ----------------------------------------------------------------------------

    def vault_opened(self, messenger: Messenger, now: Instant) -> None:
        """Our person is back: what a crash left of files that went is deleted."""
        self._is_open = self._is_stale = True
        direct = _direct_of(messenger)
        self._is_trying_again = False
        if direct is None:
            return
        if self._is_disk_full():
            self._is_trying_again = True
        else:
            direct.try_again()
            direct.rows.take_dropped()
        self._effects.append(KeepBlobs(direct.rows.blobs()))

    def vault_closing(self, now: Instant) -> None:
        """Offer nothing and want nothing."""
        self._is_open = self._is_stale = False
        self._giving.forget()
        self._fetching.forget()
        self._ended.clear()

    def told(self, messenger: Messenger, effects: Sequence[Effect]) -> None:
        """See from what our person is told whether a large file is otherwise than before, or who
        is with us in a group.
        """
        for effect in effects:
            if not isinstance(effect, Emit):
                continue
            if isinstance(effect.event, FileChanged):
                self._is_stale = self._is_stale or effect.event.file.is_direct
            elif isinstance(effect.event, GroupAdded | GroupChanged | GroupLeft):
                self._is_stale = self._is_open

    def wants_vault(self, now: Instant) -> bool:
        """Say whether something is to be read there or written down."""
        is_unnoted = self._fetching.has_unnoted or self._giving.has_unnoted
        is_due = is_unnoted and self._next_note <= now.monotonic
        return self._is_stale or is_due or self._is_urgent()

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Write down how far files have come, and read what is offered and wanted."""
        direct = _direct_of(messenger)
        if direct is None:
            self._is_stale = False
            return
        if self._is_trying_again:
            self._is_trying_again = False
            direct.try_again()
        dropped = direct.rows.take_dropped()
        names = tuple(name for name in dropped if name is not None)
        if names:
            self._effects.append(DropBlobs(names))
        if self._next_note <= now.monotonic or self._is_urgent():
            self._note(direct, now)
        for number in self._giving.unknown():
            self._giving.found(number, _source_of(direct, messenger, number))
        if self._is_stale or dropped:
            self._is_stale = False
            self._refresh(direct)

    def _is_urgent(self) -> bool:
        return bool(
            self._ended
            or self._fetching.has_whole
            or self._giving.has_lost
            or self._giving.unknown()
        )

    def _note(self, direct: DirectFiles, now: Instant) -> None:
        self._next_note = now.after(FILE_NOTE_MS)
        for number, known in self._fetching.take_unnoted():
            direct.note(number, known.blocks, now, blob=known.name)
        for number, given in self._giving.take_unnoted():
            direct.note(number, given, now)
        for number in self._giving.take_lost():
            direct.ended(number, "lost")
        for number in self._fetching.take_given_up():
            direct.ended(number, "paused")
        ended, self._ended = self._ended, {}
        for number, state in ended.items():
            direct.ended(number, state)

    def _refresh(self, direct: DirectFiles) -> None:
        for link in self._ready:
            contact = self._contacts.get(link)
            peer = self._ready[link]
            if contact is None or peer.link.version < FILES_VERSION:
                self._giving.offer(link, {})
                self._fetching.want(link, ())
                continue
            self._giving.offer(
                link,
                {
                    _handle(row, peer, is_ours=False): Offer(row.number, row.size)
                    for row in direct.offered(contact)
                    if not is_carried(row.size)
                },
            )
            self._fetching.want(
                link, [_wanted(direct, row, peer) for row in direct.wanted(contact)]
            )

    # --- Room ---------------------------------------------------------------------------------

    def _room_bytes(self, link: LinkId) -> int:
        """Return for how many bytes of blocks there is room on a link, below mail; 0 until there is
        room for several blocks.
        """
        peer, pace = self._ready.get(link), self._paces.get(link)
        if peer is None or pace is None or self._has_mail(link) or self._is_spared(link):
            return 0
        room_bytes = pace.bytes_max - peer.sending_bytes
        return room_bytes if room_bytes >= pace.bytes_max // 2 else 0

    def _look_at_pace(self, link: LinkId, now: Instant) -> None:
        peer = self._ready.get(link)
        if peer is not None:
            written_bytes = peer.bytes_sent - peer.sending_bytes
            pace = self._paces.setdefault(link, Pace(written_bytes, now.monotonic))
            pace.look(written_bytes, now.monotonic)


def _direct_of(messenger: Messenger) -> DirectFiles | None:
    person = messenger.person
    return None if person is None else person.erasing.files.direct


def _handle(row: FileRow, peer: Peer, *, is_ours: bool) -> bytes:
    """Return the handle of a file on a link; `is_ours`: we are who asks."""
    is_asker_initiator = peer.link.is_initiator == is_ours
    return handle_of(row.key, peer.link.handshake_hash, is_asker_initiator=is_asker_initiator)


def _wanted(direct: DirectFiles, row: FileRow, peer: Peer) -> Wanted:
    place, blocks = direct.begin(row)
    return Wanted(row.number, _handle(row, peer, is_ours=True), row.root, row.size, place, blocks)


def _source_of(direct: DirectFiles, messenger: Messenger, number: int) -> Source | None:
    row = messenger.person.erasing.files.rows.find(number) if messenger.person else None
    found = direct.rows.find(number)
    leaves = direct.rows.leaves(number)
    if row is None or found is None or not leaves:
        return None
    given = int.from_bytes(found.blocks, "big")
    return Source(found.place(row.size), HashTree(row.size, leaves), given)
