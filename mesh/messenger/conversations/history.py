"""The history: what was written and received, in an order that both sides share.

Implements `docs/protocol/conversations.md`. A message names heads of the conversation as its
parents and carries a clock. Its *position* is the greater of its clock and what follows the
positions of its parents; (position, id) orders the conversation. The position depends on the set
of messages only, never on the order in which they came, so both sides see the same: when a parent
comes late, those that follow it move down. A lying clock cannot put a message above its parents.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from msgspec.structs import replace

from mesh.ids import ConversationId, Instant, MessageId, UnixSeconds
from mesh.limits.messages import (
    HEADS_OF_AUTHOR_MAX,
    MESSAGES_COMPARED_PER_STEP,
    PARENTS_MAX,
)
from mesh.limits.timekeeping import CLOCK_AHEAD_MS_MAX
from mesh.storage.vault.entries import Place
from mesh.storage.vault.history import HeadRow
from mesh.storage.vault.rows import EntryRow
from mesh.storage.vault.vault import Vault
from mesh.wire.payload import HLC_COUNTER_BITS

ID_BYTES = 32
_CHILDREN_LOOKED_AT = 16


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The place of a new message in the conversation, as it says itself."""

    parents: list[MessageId]
    clock: int


class History:
    """Messages enter here, each once."""

    def __init__(self, vault: Vault) -> None:
        self._rows = vault.history
        self._messages = vault.entries
        self._conversations = vault.conversations
        self.is_no_head: Callable[[EntryRow], bool] = lambda _: False
        """Says of an entry that nothing names it as a parent, and that its parents stay heads."""

    def ancestry_of_next(self, conversation: ConversationId, mesh_ms: int) -> Ancestry:
        """Parents and clock of a message written now, after all that is known."""
        heads = parents_of_next(self._rows.heads(conversation))
        wall = mesh_ms << HLC_COUNTER_BITS
        ahead_max = (mesh_ms + CLOCK_AHEAD_MS_MAX) << HLC_COUNTER_BITS
        seen = max((head.position for head in heads if head.position <= ahead_max), default=-1)
        return Ancestry([head.id for head in heads], max(wall, seen + 1))

    def has(self, conversation: ConversationId, id_: MessageId) -> bool:
        """Say whether a message was received or written before."""
        return self._rows.find_position(conversation, id_) is not None

    def add(self, message: EntryRow) -> tuple[EntryRow, bool]:
        """Add a message that is new in its conversation; return it with its number and place, and
        whether some that follow it were here before it.

        Its place follows from its clock and its parents; what is late was not written here and
        stands above what was read.
        """
        conversation = message.conversation
        known: dict[MessageId, int] = {}
        missing: list[MessageId] = []
        for parent in split_parents(message.parents):
            found = self._rows.find_position(conversation, parent)
            if found is None:
                missing.append(parent)
            else:
                known[parent] = found
        position = max(message.clock, max(known.values(), default=-1) + 1)
        is_late = (
            message.place and not message.is_mine and position < self._read_position(conversation)
        )
        row = self._messages.insert(replace(message, position=position, is_late=is_late))
        for parent in missing:
            self._rows.add_gap(conversation, parent, row.number)
        children = self._rows.close_gap(conversation, row.id)
        if not self.is_no_head(row):
            followed = [
                self._rows.remove_head(conversation, parent_position, parent)
                for parent, parent_position in known.items()
            ]
            if all(map(self.is_no_head, children)):
                self._add_head(row, is_one_more=row.author not in followed)
        if children:
            self._compare_from(conversation, position, children)
        return row, bool(children)

    def judged(self, row: EntryRow) -> None:
        """An entry of a group that waited was judged: it may be a head now, or none any more, and
        what it follows is one, or is none, as if it had come so.
        """
        head = self._rows.find_head(row.conversation, row.id)
        is_none = self.is_no_head(row)
        if head is not None and is_none:
            self._rows.remove_head(row.conversation, head.position, row.id)
        for parent in split_parents(row.parents):
            above = self._rows.find_head(row.conversation, parent)
            if above is not None and not is_none:
                self._rows.remove_head(row.conversation, above.position, parent)
            elif above is None and is_none:
                found = self._messages.find_by_id(row.conversation, parent)
                if found is not None and not self._is_followed(found):
                    self._add_head(found, is_one_more=True)
        if head is None and not self._is_followed(row):
            self._add_head(row, is_one_more=True)

    def _is_followed(self, row: EntryRow) -> bool:
        """Say whether an entry is no head: something names it, or nothing may. In doubt it is one:
        that takes a place among parents, no more.
        """
        children = self._rows.children(row.conversation, row.position, row.id, _CHILDREN_LOOKED_AT)
        return self.is_no_head(row) or not all(map(self.is_no_head, children))

    def placed(self, row: EntryRow) -> EntryRow:
        """An object that waited stands in the stream since now; return it with its new number."""
        is_late = not row.is_mine and row.position < self._read_position(row.conversation)
        return self._rows.place(row, is_late=is_late)

    @property
    def is_behind(self) -> bool:
        """Say whether messages are still to be moved below their parents."""
        return bool(self._rows.out_of_order())

    def move_down(self) -> None:
        """Go on with what is to be moved, one step in each conversation."""
        for conversation in self._rows.out_of_order():
            self._step(conversation)

    def _read_position(self, conversation: ConversationId) -> int:
        return self._conversations.conversation(conversation).read_position

    def _add_head(self, row: EntryRow, *, is_one_more: bool) -> None:
        """Nothing follows this one yet. Of one author only the latest heads are remembered.

        `is_one_more`: it takes the place of no other one of its author.
        """
        self._rows.add_head(row.conversation, HeadRow(row.position, row.id, row.author))
        if not is_one_more:
            return
        same = self._rows.heads_of(row.conversation, row.author)
        for head in same[:-HEADS_OF_AUTHOR_MAX]:
            self._rows.remove_head(row.conversation, head.position, head.id)

    # --- What follows a late parent -----------------------------------------------------------

    def _compare_from(
        self, conversation: ConversationId, position: int, children: Sequence[EntryRow]
    ) -> None:
        """A parent came late: those of its children that do not stand below it move down.

        How many follow them has no bound, so the work is done in steps and never dropped.
        """
        places = [(child.position, child.id) for child in children if child.position <= position]
        if not places:
            return
        cursor = self._rows.find_cursor(conversation)
        self._rows.set_cursor(conversation, min(places if cursor is None else [*places, cursor]))
        self._step(conversation)

    def _step(self, conversation: ConversationId) -> None:
        """Compare some messages, from the cursor on, with their parents as they stand now."""
        cursor = self._rows.find_cursor(conversation)
        assert cursor is not None
        rows = self._messages.from_place(conversation, *cursor, MESSAGES_COMPARED_PER_STEP)
        is_last = len(rows) < MESSAGES_COMPARED_PER_STEP
        waiting: list[tuple[int, bytes, EntryRow]] = [(row.position, row.id, row) for row in rows]
        heapify(waiting)
        end: Place = (0, b"") if is_last else (rows[-1].position, rows[-1].id)
        for _ in range(MESSAGES_COMPARED_PER_STEP):
            if not waiting:
                break
            position, id_, row = heappop(waiting)
            floor = self._floor(row)
            if floor <= position:
                continue
            moved = replace(row, position=floor)
            self._rows.set_position(row.number, floor)
            if self._rows.remove_head(conversation, position, row.id) is not None:
                self._rows.add_head(conversation, HeadRow(floor, row.id, row.author))
            # Beyond the end it is among those of the next step.
            if is_last or (floor, id_) <= end:
                heappush(waiting, (floor, id_, moved))
        if waiting:
            self._rows.set_cursor(conversation, waiting[0][:2])
        else:
            # The least place behind the end.
            self._rows.set_cursor(conversation, None if is_last else (end[0], end[1] + bytes(1)))

    def _floor(self, row: EntryRow) -> int:
        found = [
            self._rows.find_position(row.conversation, parent)
            for parent in split_parents(row.parents)
        ]
        return max((position for position in found if position is not None), default=-1) + 1


def row_of_own(conversation: ConversationId, place: Ancestry, now: Instant) -> EntryRow:
    """Return the row of what our person writes now at a place, to be composed; it is only kept."""
    return EntryRow(
        number=0,
        conversation=conversation,
        id=MessageId(b""),
        is_mine=True,
        parents=b"".join(place.parents),
        clock=place.clock,
        position=place.clock,
        received=now.mesh,
        state="kept",
        is_read=True,
    )


def parents_of_next(heads: Sequence[HeadRow]) -> list[HeadRow]:
    """Choose the heads that a new message names: one of each author, however many he has.

    `heads` stand in order. One's own comes first, then the two highest of others, then the lowest
    of somebody else; so nobody fills the places of all others.
    """
    chosen: dict[int, HeadRow] = {}
    latest = heads[::-1]
    own = [head for head in latest if head.is_mine]
    for head in (*own, *latest):
        if len(chosen) < PARENTS_MAX - 1:
            chosen.setdefault(head.author, head)
    for head in heads:
        if len(chosen) < PARENTS_MAX:
            chosen.setdefault(head.author, head)
    return list(chosen.values())


def split_ids(ids: bytes) -> list[bytes]:
    """The ids that stand one behind the other."""
    return [ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES)]


def split_parents(parents: bytes) -> list[MessageId]:
    """The ids that stand one behind the other."""
    return [
        MessageId(parents[start : start + ID_BYTES]) for start in range(0, len(parents), ID_BYTES)
    ]


def unix_seconds_of(clock: int) -> UnixSeconds:
    """The calendar time in a message's clock."""
    return UnixSeconds((clock >> HLC_COUNTER_BITS) // 1000)
