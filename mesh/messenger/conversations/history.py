"""The history: what was written and received, in an order that both sides share.

Implements `docs/protocol/conversations.md`. A message names the heads of the conversation as its
parents and carries a clock. Its *position* is the greater of its clock and what follows the
positions of its parents; (position, id) orders the conversation. The position depends on the set
of messages only, never on the order in which they came, so both sides see the same: when a parent
comes late, those that follow it move down. A lying clock cannot put a message above its parents.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.limits.messages import MESSAGES_REORDERED_MAX, PARENTS_MAX
from mesh.limits.timekeeping import CLOCK_AHEAD_MS_MAX
from mesh.storage.vault.rows import HeadRow, MessageRow
from mesh.storage.vault.vault import Vault
from mesh.wire.payload import HLC_COUNTER_BITS

ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The place of a new message in the conversation, as it says itself."""

    parents: list[MessageId]
    clock: int


class History:
    """Messages enter here, each once."""

    def __init__(self, vault: Vault) -> None:
        self._rows = vault.history
        self._messages = vault.messages
        self._conversations = vault.conversations

    def ancestry_of_next(self, conversation: ConversationId, mesh_ms: int) -> Ancestry:
        """Parents and clock of a message written now, after all that is known."""
        heads = self._rows.heads(conversation, PARENTS_MAX)
        wall = mesh_ms << HLC_COUNTER_BITS
        ahead_max = (mesh_ms + CLOCK_AHEAD_MS_MAX) << HLC_COUNTER_BITS
        seen = max((head.position for head in heads if head.position <= ahead_max), default=-1)
        return Ancestry([head.id for head in heads], max(wall, seen + 1))

    def has(self, conversation: ConversationId, id_: MessageId) -> bool:
        """Say whether a message was received or written before."""
        return self._rows.find_position(conversation, id_) is not None

    def add(self, message: MessageRow) -> MessageRow:
        """Add a message that is new in its conversation; return it with its number and place.

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
        is_late = not message.is_mine and position < self._read_position(conversation)
        row = self._messages.insert(replace(message, position=position, is_late=is_late))
        for parent, parent_position in known.items():
            self._rows.remove_head(conversation, HeadRow(parent_position, parent))
        for parent in missing:
            self._rows.add_gap(conversation, parent, row.number)
        # What we write follows heads that are all known: nothing can have waited for it.
        children = [] if row.is_mine else self._rows.close_gap(conversation, row.id)
        if not children:
            self._rows.add_head(conversation, HeadRow(position, row.id))
        else:
            self._push_down(row, children)
        return row

    def _read_position(self, conversation: ConversationId) -> int:
        return self._conversations.conversation(conversation).read_position

    def _push_down(self, parent: MessageRow, children: Sequence[MessageRow]) -> None:
        """Move what follows a late parent below it, and what follows those, and so on.

        One pass in the present order suffices: all other parents stand above their children.
        """
        first = min(child.position for child in children)
        if first > parent.position:
            return
        moved = {parent.id: parent.position}
        following = self._messages.from_place(
            parent.conversation, first, b"", MESSAGES_REORDERED_MAX
        )
        for row in following:
            floor = max((moved.get(one, -1) for one in split_parents(row.parents)), default=-1) + 1
            if floor <= row.position:
                continue
            self._rows.set_position(row.number, floor)
            if self._rows.remove_head(row.conversation, HeadRow(row.position, row.id)):
                self._rows.add_head(row.conversation, HeadRow(floor, row.id))
            moved[row.id] = floor


def split_parents(parents: bytes) -> list[MessageId]:
    """The ids that stand one behind the other."""
    return [
        MessageId(parents[start : start + ID_BYTES]) for start in range(0, len(parents), ID_BYTES)
    ]


def unix_seconds_of(clock: int) -> UnixSeconds:
    """The calendar time in a message's clock."""
    return UnixSeconds((clock >> HLC_COUNTER_BITS) // 1000)
