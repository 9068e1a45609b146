"""Receipts in groups: members tell what they hold of each other's words, where they want to.

Implements `docs/protocol/groups.md`, section "Receipts". A receipt waits for minutes, so that one
tells of much, and nobody learns by it who is awake. It tells only of what counts.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from mesh.commands.groups import GroupAnswer, SetGroupReceipts
from mesh.crypto.entropy import Entropy
from mesh.errors import UserError
from mesh.group.bodies import content_size_class
from mesh.group.payload import RECEIPT, SignedEntry, payload_bytes
from mesh.group.receipts import (
    Range,
    Receipt,
    ToldAt,
    are_receipts_told,
    decode_ranges,
    decode_receipts,
    encode_receipts,
    holds,
    joined_ranges,
    longest_pause_of_receipt,
    pause_of_receipt,
    prefix_of_member,
    ranges_below,
    read_of,
)
from mesh.ids import ConversationId, Instant, Monotonic, UnixSeconds, VerifyKey
from mesh.limits.group_receipts import (
    RECEIPT_AGAIN_AFTER,
    RECEIPT_ITEMS_TOLD_MAX,
    RECEIPT_RANGES_MAX,
    RECEIPTS_MAX,
)
from mesh.limits.messages import CONTROLS_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.group_rules import Told
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import GroupAnswers
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.which_group import WhichGroup
from mesh.messenger.pauses import Pause
from mesh.storage.vault.authors import AuthorRow
from mesh.storage.vault.group_receipts import OwedRow, ReceiptsRow, TellerRow
from mesh.storage.vault.rows import OURSELVES, EntryRow
from mesh.wire.envelope import LIFETIME_DAY, LIFETIME_WEEK

_SMALLEST: Final = 0
"""The size class that a receipt by itself fills."""

Controls = list[tuple[int, bytes]]


class GroupReceipts:
    """Tells what is held here, and hears what others hold of ours."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        answers: GroupAnswers,
    ) -> None:
        self._rows = account.vault.group_receipts
        self._named_rows = account.vault.group_people
        self._authors = account.vault.authors
        self._people = account.vault.contacts
        self._entropy: Entropy = account.entropy
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._which = WhichGroup(keepers.groups, answers.removed_by)
        self._posting = posting
        self._answers = answers
        # What members hold of our runs, as it stands in the vault: a page of items asks for it
        # once for each of them.
        self._held: dict[
            tuple[ConversationId, int], dict[VerifyKey, tuple[int, tuple[Range, ...]]]
        ] = {}
        # The author of whom each group was told last: the next one is first then.
        self._last_told: dict[ConversationId, int] = {}
        # What was due in the last run is looked at at once.
        self._next: Monotonic | None = Monotonic(0) if self._rows.due() else None

    def feature(self) -> Feature:
        """The choice of our person, and telling what is owed when it is time."""
        return Feature(
            commands=[command(SetGroupReceipts, self._set)],
            chores=[Chore(self._tell_due)],
            deadline=lambda: self._next,
        )

    def tells(self, group: Group) -> bool:
        """Say whether anything of what is here is told to the members of a group."""
        return is_wished(group) and self._rows.settings(group.conversation).tells != "nothing"

    # --- Our person ---------------------------------------------------------------------------

    def _set(self, asked: SetGroupReceipts, now: Instant) -> GroupAnswer:
        group = self._which.group(asked.group)
        if group.row.state not in ("in", "joining", "invited"):
            raise UserError("gone", "You are not in this group any more.")
        row = self._rows.settings(group.conversation)
        self._rows.put_settings(replace(row, tells=asked.tells))
        if asked.tells == "nothing":
            self._rows.put_settings(ReceiptsRow(group.conversation, "nothing"))
            self._rows.forget_owed(group.conversation)
            if row.tells != "nothing" and group.row.state == "in" and is_wished(group):
                # Else its silence would look like a device that is away.
                self._posting.note(group, [(RECEIPT, b"")], pause=Pause.LATER, now=now)
        elif asked.tells != row.tells:
            for author in self._authors.of(group.conversation):
                self._owe_newest(group, author, now)
        self._plan(now)
        self._pending_events.group_changed(group.conversation)
        return self._answers.group(group)

    def were_read(self, rows: Sequence[EntryRow], now: Instant) -> None:
        """Our person has read these; their authors learn it where he lets them."""
        for row in rows:
            group = self._groups.find(row.conversation)
            if group is None or row.is_mine:
                continue
            author = self._authors.author(row.author)
            is_told = self._rows.settings(group.conversation).tells == "read"
            if is_told and not self._is_blocked(group, author.key):
                self._owe(group, author, row.run, now)
        self._plan(now)

    # --- What is to be told -------------------------------------------------------------------

    def came(self, group: Group, row: EntryRow, now: Instant) -> None:
        """An entry of a member came, whoever brought it."""
        if row.author != OURSELVES:
            self._owe(group, self._authors.author(row.author), row.run, now)
            self._plan(now)

    def heard(self, group: Group, member: VerifyKey, before: UnixSeconds, now: Instant) -> None:
        """A member is heard who was not for a while: what was told meanwhile he may have missed."""
        if not before or now.mesh - before < RECEIPT_AGAIN_AFTER:
            return
        author = self._authors.find(group.conversation, member)
        if author is not None:
            self._owe_newest(group, author, now, is_again=True)
            self._plan(now)

    def _owe_newest(
        self, group: Group, author: AuthorRow, now: Instant, *, is_again: bool = False
    ) -> None:
        run = self._rows.newest_run(group.conversation, author.number)
        if run is not None:
            self._owe(group, author, run, now, is_again=is_again)

    def _owe(
        self, group: Group, author: AuthorRow, run: int, now: Instant, *, is_again: bool = False
    ) -> None:
        if not self.tells(group) or author.key not in group.members:
            return
        self._rows.owe(group.conversation, author.number, run, is_again=is_again)
        row = self._rows.settings(group.conversation)
        if row.due is None or self._is_too_far(group, row.due, now):
            due = UnixSeconds(now.mesh + self._pause_s(group))
            self._rows.put_settings(replace(row, due=due))

    def _is_too_far(self, group: Group, due: UnixSeconds, now: Instant) -> bool:
        """Say whether a wrong clock said when something is due, which nobody would wait for."""
        return due > now.mesh + longest_pause_of_receipt(len(group.members))

    def _pause_s(self, group: Group) -> int:
        return pause_of_receipt(len(group.members), self._entropy)

    def _tell_due(self, now: Instant) -> None:
        """Tell in one envelope what is due in each group; what finds no room waits for the next."""
        for row in self._rows.due():
            group = self._groups.find(row.conversation)
            if row.due is None or (
                row.due > now.mesh and not (group and self._is_too_far(group, row.due, now))
            ):
                continue
            self._rows.put_settings(replace(row, due=None))
            if group is None or not self.tells(group):
                self._rows.forget_owed(row.conversation)
                continue
            told, is_again = self._take(group, [], [])
            if told:
                # It has waited: nobody sees any more which entry it answers.
                lifetime = LIFETIME_WEEK if is_again else LIFETIME_DAY
                self._posting.note(group, told, pause=Pause.SOON, lifetime_class=lifetime, now=now)
            if self._rows.owed(row.conversation):
                due = UnixSeconds(now.mesh + self._pause_s(group))
                self._rows.put_settings(replace(row, due=due))
        self._plan(now)

    def riding(self, group: Group, controls: Controls, entries: list[SignedEntry]) -> Controls:
        """Return what is told beside an entry of ours, where it costs no larger size class. Who
        tells nothing says that: newcomers have not heard it.
        """
        if not is_wished(group):
            return []
        if not self.tells(group):
            return [(RECEIPT, b"")] if _is_free(controls, [(RECEIPT, b"")], entries) else []
        told, _ = self._take(group, controls, entries)
        if not self._rows.owed(group.conversation):
            self._rows.put_settings(replace(self._rows.settings(group.conversation), due=None))
        return told

    def _take(
        self, group: Group, controls: Controls, entries: list[SignedEntry]
    ) -> tuple[Controls, bool]:
        """Take from what is owed what fits beside something, or the smallest size by itself."""
        is_read_told = self._rows.settings(group.conversation).tells == "read"
        told: list[Receipt] = []
        is_again = False
        after = self._last_told.get(group.conversation, 0)
        for owed in self._rows.owed(group.conversation, after):
            receipt = self._receipt(group, owed, is_read_told=is_read_told)
            if receipt is not None:
                more = [(RECEIPT, encode_receipts([*told, receipt]))]
                if not _is_free(controls, more, entries) or len(controls) >= CONTROLS_MAX:
                    break
                told.append(receipt)
                self._last_told[group.conversation] = owed.author
                is_again |= owed.is_again
            self._rows.drop_owed(group.conversation, owed)
            if len(told) == RECEIPTS_MAX:
                break
        return ([(RECEIPT, encode_receipts(told))] if told else []), is_again

    def _receipt(self, group: Group, owed: OwedRow, *, is_read_told: bool) -> Receipt | None:
        """Return what is here of a run; None: nothing that counts, or it is nobody's business."""
        author = self._authors.author(owed.author)
        if author.key not in group.members:
            return None
        place = group.conversation, owed.author, owed.run
        ranges = self._rows.ranges(*place, RECEIPT_RANGES_MAX)
        if not ranges:
            return None
        # A receipt is for all: if it left out whom our person blocked, he and the others saw that.
        is_told = is_read_told and not self._is_blocked(group, author.key)
        read = self._rows.read(*place) if is_told else 0
        return Receipt(prefix_of_member(author.key), owed.run, read, ranges)

    def _is_blocked(self, group: Group, member: VerifyKey) -> bool:
        person = group.people.get(member)
        if person is None or person.contact is None:
            return False
        return self._people.contact(person.contact).is_blocked

    # --- What others tell ---------------------------------------------------------------------

    def take(self, group: Group, member: VerifyKey, data: bytes, at: ToldAt) -> None:
        """A member tells what he holds; what is not of ours concerns others."""
        receipts = decode_receipts(data)
        self._tells_or_not(group, member, at, is_silent=not receipts)
        ours = prefix_of_member(group.me)
        for each in receipts:
            if each.member_prefix == ours:
                self._held_there(group, member, each)

    def _tells_or_not(
        self, group: Group, member: VerifyKey, at: ToldAt, *, is_silent: bool
    ) -> None:
        """Note whether a member tells what he holds, unless he said something else after it."""
        before = self._rows.teller(group.conversation, member)
        if at.is_before(before.at):
            return
        row = TellerRow(is_silent, at.epoch_prefix, at.number, at.created)
        self._rows.put_teller(group.conversation, member, row)
        if is_silent != before.is_silent:
            self._pending_events.group_changed(group.conversation)

    def _held_there(self, group: Group, member: VerifyKey, receipt: Receipt) -> None:
        conversation, run = group.conversation, receipt.run
        own = self._rows.own_numbers(conversation, run, RECEIPT_ITEMS_TOLD_MAX)
        if not own:
            # A run that is none of ours: it would cost a row for each number that he draws.
            return
        # What we did not write yet nobody holds.
        end = own[0][1] + 1
        receipt = Receipt(
            receipt.member_prefix, run, min(receipt.read, end), ranges_below(receipt.ranges, end)
        )
        before_read, before = self._rows.find_held(conversation, run, member)
        # What was held once was there: that its reader made room since changes nothing.
        read = read_of((before_read, before), receipt)
        ranges = joined_ranges(before, receipt.ranges)
        if (read, ranges) == (before_read, before):
            return
        self._rows.put_held(conversation, run, member, read=read, ranges=ranges)
        self._held.pop((conversation, run), None)
        for number, seq in own:
            is_news = holds(ranges, seq) and not holds(before, seq)
            if is_news or min(before_read, read) <= seq < max(before_read, read):
                self._pending_events.message_changed(number)

    def told(self, row: EntryRow, members: Sequence[VerifyKey]) -> Told:
        """Return what these members told of an entry of ours; of others' nothing is known."""
        words = self.words(row, members)
        if not words:
            return Told()
        return Told(
            told=sum(each.told or 0 for each in words),
            silent=sum(each.silent or 0 for each in words),
            read=sum(each.read or 0 for each in words),
        )

    def words(self, row: EntryRow, members: Sequence[VerifyKey]) -> list[Told]:
        """Return what each of these members told of an entry of ours; none if nothing is known."""
        group = self._groups.find(row.conversation)
        if row.author != OURSELVES or group is None:
            return []
        named = frozenset(self._named_rows.told(row.number))
        held = self._held_of(row.conversation, row.run)
        silent = frozenset(self._rows.silent(row.conversation))
        words = []
        for member in members:
            upto, ranges = held.get(member, (0, ()))
            has = holds(ranges, row.seq)
            is_told = has or member in named
            is_read = has and row.seq < upto
            is_silent = member in silent and not is_told
            words.append(Told(told=int(is_told), silent=int(is_silent), read=int(is_read)))
        is_known = is_wished(group) or any(each.told for each in words)
        return words if is_known else []

    def _held_of(
        self, conversation: ConversationId, run: int
    ) -> dict[VerifyKey, tuple[int, tuple[Range, ...]]]:
        place = conversation, run
        if place not in self._held:
            self._held[place] = {
                row.member: (row.read, decode_ranges(row.ranges))
                for row in self._rows.held(conversation, run)
            }
        return self._held[place]

    def _plan(self, now: Instant) -> None:
        """See when the next one is due."""
        due = self._rows.due()
        self._next = None
        if due and due[0].due is not None:
            self._next = now.after(max(0, due[0].due - now.mesh) * 1_000)


def is_wished(group: Group) -> bool:
    """Say whether members of a group are to tell what they hold."""
    if group.membership is None or group.row.state != "in":
        return False
    return are_receipts_told(group.membership.settings.acks, len(group.members))


def _is_free(controls: Controls, more: Controls, entries: list[SignedEntry]) -> bool:
    """Say whether controls need no larger size class; by themselves they fill the smallest one."""
    without = content_size_class(payload_bytes(controls, entries)) if entries else _SMALLEST
    return content_size_class(payload_bytes([*controls, *more], entries)) == without
