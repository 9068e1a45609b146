"""The briefing of a newcomer: the board, what was said lately, and what is had of each member.

Implements `docs/protocol/groups.md`, section "What a newcomer gets". Entries are passed on with the
signatures of their authors, so a newcomer judges them as everybody else does.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from mesh.content.entry import Kind, is_change
from mesh.group.cuts import had_since
from mesh.group.payload import SignedEntry
from mesh.group.placed_posts import MEMBER_PREFIX_BYTES, SuppliedEntry, SuppliedHad
from mesh.ids import Instant, MessageId, UnixSeconds
from mesh.limits.group_names import NAMES_OF_NEWCOMER_MAX
from mesh.limits.groups import (
    BRIEFING_BYTES_MAX,
    BRIEFING_BYTES_PER_INTERVAL_MAX,
    BRIEFING_ENTRIES_READ_MAX,
    BRIEFING_INTERVAL_SECONDS,
)
from mesh.messenger.account import Account
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.speech import GroupSpeech
from mesh.messenger.pauses import Pause
from mesh.storage.vault.group_links import BriefingRow
from mesh.storage.vault.rows import EntryRow
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.payload import HLC_COUNTER_BITS

_EVER_MS = 1 << 62
_SIGNED_BYTES = 128
"""About what an entry takes in a supply beside its bytes: author, signature and frame."""


class Briefings:
    """Tells newcomers what they need of the time before them."""

    def __init__(
        self,
        account: Account,
        *,
        posting: GroupPosting,
        speech: GroupSpeech,
        group_entries: GroupEntries,
    ) -> None:
        self._rows = account.vault.entries
        self._changes = account.vault.changes
        self._at_hand = account.vault.at_hand
        self._registers = account.vault.registers
        self._names = account.vault.member_names
        self._links = account.vault.group_links
        self._posting = posting
        self._speech = speech
        self._group_entries = group_entries
        # What was read for one briefing.
        self._signed: dict[int, SignedEntry | None] = {}

    def tell(self, group: Group, now: Instant) -> None:
        """Post it under the epoch in use, once for all who come in together. Where too much was
        told in this hour, it is owed.
        """
        rules = self._speech.rules(group.conversation)
        rows = {row.number: row for row in self._chosen(group, now)}
        entries = [
            SuppliedEntry(rules.key_of(row.author), signed.entry, signed.signature)
            for _, row in sorted(rows.items())
            if (signed := self._find_signed(row)) is not None
        ]
        self._signed.clear()
        told = self._links.briefing(group.conversation)
        if now.mesh - told.since >= BRIEFING_INTERVAL_SECONDS:
            told = BriefingRow(group.conversation, now.mesh)
        size = sum(len(each.entry) + _SIGNED_BYTES for each in entries)
        if is_too_much(told.bytes, size):
            self._links.put_briefing(replace(told, is_owed=True))
            return
        self._links.put_briefing(replace(told, bytes=told.bytes + size, is_owed=False))
        self._posting.supply(group, entries=entries, had=self._had(group), now=now)

    def tell_owed(self, group: Group, now: Instant) -> UnixSeconds | None:
        """Tell who came when too much had been told; return when that is due, if it is not yet."""
        told = self._links.briefing(group.conversation)
        due = UnixSeconds(told.since + BRIEFING_INTERVAL_SECONDS)
        if not told.is_owed or due > now.mesh:
            return due if told.is_owed else None
        self.tell(group, now)
        self._posting.flush(group, now, pause=Pause.SOON)
        return None

    def _had(self, group: Group) -> list[SuppliedHad]:
        """Return what is here of each member: by it a newcomer cuts for the time before him."""
        found = []
        for key in group.members:
            had = had_since(self._speech.known(group.conversation, key), _EVER_MS)
            if had:
                found.append(SuppliedHad(key[:MEMBER_PREFIX_BYTES], had))
        return found

    # --- Which entries ------------------------------------------------------------------------

    def _chosen(self, group: Group, now: Instant) -> list[EntryRow]:
        membership = group.membership
        assert membership is not None
        # Who does not know the timer writes what stays; of names there may be as many as members.
        chosen = [row for row in self._last_words(group, b"") if row.kind != Kind.NAME]
        chosen += self._member_names(group)
        if membership.settings.board == "on":
            chosen += self._board(group, now)
        if membership.settings.history:
            chosen += self._lately(group, membership.settings.history, now)
        return chosen

    def _board(self, group: Group, now: Instant) -> list[EntryRow]:
        """Return what stands open and what is pinned, the newest, each with what stands of it."""
        conversation = group.conversation
        found: list[EntryRow] = []
        room = BRIEFING_BYTES_MAX
        clock = now.mesh_ms << HLC_COUNTER_BITS
        rows = self._at_hand.opened(conversation, clock, BRIEFING_ENTRIES_READ_MAX)
        rows += self._at_hand.pinned(conversation, BRIEFING_ENTRIES_READ_MAX)
        for row in sorted(rows, key=lambda each: each.position, reverse=True):
            if row.timer or row.is_apart or row.verdict != "valid":
                continue
            taken = [row, *self._last_words(group, row.id)]
            room -= self._bytes(taken)
            if room < 0:
                break
            found += taken
        return found

    def _last_words(self, group: Group, target: bytes) -> list[EntryRow]:
        """Return the last word of each author in each register of an object, or of the group."""
        numbers = self._registers.last_entries(group.conversation, target)
        return [row for number in numbers if not (row := self._rows.message(number)).is_apart]

    def _member_names(self, group: Group) -> list[EntryRow]:
        """Return the names that members told since they were added, those told last."""
        found: list[EntryRow] = []
        room, roles = BRIEFING_BYTES_MAX, group.roles
        for number in self._names.newest(group.conversation, NAMES_OF_NEWCOMER_MAX):
            row = self._rows.message(number)
            if self._group_entries.key_of(row) not in roles:
                continue
            room -= self._bytes([row])
            if room < 0:
                break
            found.append(row)
        return found

    def _lately(self, group: Group, days: int, now: Instant) -> list[EntryRow]:
        """Return what was said in the last days, the newest; nothing that is to disappear."""
        since = (now.mesh_ms - days * SECONDS_PER_DAY * 1_000) << HLC_COUNTER_BITS
        found: list[EntryRow] = []
        room = BRIEFING_BYTES_MAX
        rows = self._changes.said_since(group.conversation, since, BRIEFING_ENTRIES_READ_MAX)
        for row in rows:
            if self._is_kept_from(row):
                continue
            room -= self._bytes([row])
            if room < 0:
                break
            found.append(row)
        return found

    def _is_kept_from(self, row: EntryRow) -> bool:
        """Say whether an entry is not for who came later: it, or what it is about, is to disappear,
        was taken back, or is hidden.
        """
        if row.kind == Kind.RETRACT or self._is_to_go(row):
            return True
        if not is_change(row.kind) or not row.target:
            return False
        target = self._rows.find_by_id(row.conversation, MessageId(row.target))
        return target is None or self._is_to_go(target)

    def _is_to_go(self, row: EntryRow) -> bool:
        is_gone = bool(row.timer or row.gone)
        return is_gone or self._group_entries.entries.find_hidden(row) is not None

    def _find_signed(self, row: EntryRow) -> SignedEntry | None:
        """Return an entry as it is passed on: whether there is room for it is asked first."""
        if row.number not in self._signed:
            self._signed[row.number] = self._group_entries.find_signed(row)
        return self._signed[row.number]

    def _bytes(self, rows: Iterable[EntryRow]) -> int:
        signed = (self._find_signed(row) for row in rows)
        return sum(len(each.entry) + _SIGNED_BYTES for each in signed if each is not None)


def is_too_much(told_bytes: int, more_bytes: int) -> bool:
    """Say whether more of the board is not told in this hour, of which so much was."""
    return told_bytes > 0 and told_bytes + more_bytes > BRIEFING_BYTES_PER_INTERVAL_MAX
