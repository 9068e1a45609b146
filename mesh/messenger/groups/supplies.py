"""Supplies: what members ask for and what is here is given, by whoever's turn it is.

Implements `docs/protocol/groups.md`, section "Repair". Operations go to all; an entry only to who
was a member at the operations that it names, under the epoch in use if that is true of all who read
it, else under one of before. Nothing is answered at once, nor what somebody answered before.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mesh.content.entry import Kind, OperationId
from mesh.crypto.hashing import blake2b_256
from mesh.group.graph import Acts
from mesh.group.placed_posts import Need, SuppliedEntry, Supply
from mesh.group.posts import SignedPost
from mesh.group.repair import answered_after, may_have
from mesh.ids import ConversationId, Instant, MessageId, UnixSeconds, VerifyKey
from mesh.limits.group_keys import SUPPLY_POSTS_MAX
from mesh.limits.group_names import NAMES_GIVEN_MAX, NAMES_OF_NEWCOMER_MAX
from mesh.limits.group_repair import (
    ANSWER_BYTES_MAX,
    ANSWER_BYTES_PER_DAY_MAX,
    ANSWER_EPOCHS_MAX,
    ANSWERS_WAITING_MAX,
    ASKED_TWICE_AFTER,
    BACK_STEPS_MAX,
    NEEDS_PER_HOUR_MAX,
    TWINS_GIVEN_PER_DAY_MAX,
    UNASKED_PER_DAY_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.group_rules import ops_of
from mesh.messenger.conversations.history import split_ids, split_parents
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.storage.vault.group_needs import DutyRow
from mesh.storage.vault.rows import EntryRow
from mesh.wire.envelope import SECONDS_PER_DAY

_HOUR_SECONDS = 3_600
_PREFIX_BYTES = 8
_Each = TypeVar("_Each")


@dataclass(frozen=True, slots=True)
class Source:
    """A supply in which something came: the member who posted it, and the id of the post."""

    member: VerifyKey
    supply: bytes


class Supplies:
    """The things that members lack and that are here."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        group_entries: GroupEntries,
    ) -> None:
        self._rows = account.vault.group_needs
        self._operations = account.vault.groups
        self._entries = account.vault.entries
        self._changes = account.vault.changes
        self._authors = account.vault.authors
        self._names = account.vault.member_names
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._posting = posting
        self._group_entries = group_entries
        # Needs of each member in the hours in which they came, what he asked for lately, and bytes
        # handed to him in a day.
        self._heard: dict[tuple[ConversationId, VerifyKey], list[UnixSeconds]] = defaultdict(list)
        self._asked_for: dict[tuple[ConversationId, VerifyKey], dict[bytes, UnixSeconds]] = {}
        # The epochs that each member said last that he holds.
        self._holds: dict[tuple[ConversationId, VerifyKey], frozenset[bytes]] = {}
        self._given: dict[tuple[ConversationId, VerifyKey, int], int] = defaultdict(int)
        # What was given unasked today, each under which epoch; how many twins of each author, and
        # how much because of what each member supplied.
        self._unasked: dict[tuple[bytes, bytes], None] = {}
        self._twins_of: dict[tuple[ConversationId, int], int] = defaultdict(int)
        self._unasked_by: dict[tuple[ConversationId, VerifyKey], int] = defaultdict(int)
        self._names_given: dict[tuple[bytes, VerifyKey], None] = {}
        self._day = -1

    # --- What is asked ------------------------------------------------------------------------

    def asked(
        self, group: Group, member: VerifyKey, need: Need, need_id: bytes, now: Instant
    ) -> None:
        """A member asks: note what is here of it, and when it is our turn. To look costs as well,
        so each need counts, also one for what is not here.
        """
        place = group.conversation, member
        recent = [at for at in self._heard[place] if at + _HOUR_SECONDS > now.mesh]
        self._heard[place] = recent
        # A need stands under several epochs, and counts once.
        new = self._not_asked_lately(group, member, need.missing or (), now)
        if not new or len(recent) >= NEEDS_PER_HOUR_MAX:
            return
        recent.append(now.mesh)
        self._holds[place] = frozenset(need.held)
        self._asked_for[place].update(dict.fromkeys(new, now.mesh))
        known = {(row.wanted, row.member) for row in self._rows.duties(group.conversation)}
        names = self._names_behind(group, member, new, now)
        wanted = [*self._here(group, member, new), *names]
        wanted = [id_ for id_ in dict.fromkeys(wanted) if (id_, member) not in known]
        chosen = group.chosen()
        # Who lacks operations of the epoch in use reads in it what its maker writes, no more.
        first = () if chosen is None else (chosen.maker,)
        heard = {key: group.people[key].heard for key in group.members if key in group.people}
        heads = b"".join((*need.operation_heads, *need.entry_heads))
        for id_ in wanted[: max(0, ANSWERS_WAITING_MAX - len(known))]:
            if id_ in names:
                self._names_given[id_, member] = None
            pause = answered_after(id_, group.me, heard, now.mesh, first=first)
            due = UnixSeconds(now.mesh + pause)
            self._rows.add_duty(
                DutyRow(0, group.conversation, id_, need_id[:_PREFIX_BYTES], member, heads, due)
            )

    def _not_asked_lately(
        self, group: Group, member: VerifyKey, wanted: Sequence[bytes], now: Instant
    ) -> list[bytes]:
        """Return what a member asks for that he did not ask for a moment ago."""
        place = group.conversation, member
        lately = {
            id_: at
            for id_, at in self._asked_for.get(place, {}).items()
            if at <= now.mesh < at + ASKED_TWICE_AFTER
        }
        self._asked_for[place] = lately
        return [id_ for id_ in dict.fromkeys(wanted) if id_ not in lately]

    def supplied(
        self,
        group: Group,
        epoch: HeldEpoch,
        posts: Iterable[SignedPost],
        supply: Supply | None = None,
    ) -> None:
        """Somebody gives something under an epoch: who reads that needs it of nobody else. What is
        given unasked is for all.
        """
        duties = self._rows.duties(group.conversation)
        if not duties:
            return
        ids: set[bytes] = {each.id for each in posts}
        if supply is not None:
            ids.update(blake2b_256(bundle) for bundle in supply.bundles)
            for each in supply.entries:
                found = self._group_entries.id_of(group.conversation, each.author, each.entry)
                ids.add(found)
        readers = group.recipients(epoch)
        is_for_all = readers.issuperset(group.members)
        for row in duties:
            is_read = is_for_all if row.member == group.me else row.member in readers
            if row.wanted in ids and is_read:
                self._rows.drop_duty(row.number)

    def came(self, group: Group, row: EntryRow, source: Source | None, now: Instant) -> bool:
        """An entry came; `source`: in what somebody supplied, None: of its author. What stands
        beside it here, others may lack, and by it they would judge otherwise: who has it gives it
        unasked, in his turn. Return whether there is any.

        Of two entries with one number neither is covered by a cut, so both are for all. And what
        takes words back is for whoever is given these.
        """
        self._count_anew(now)
        if self._entries.find_by_id(group.conversation, row.id) is None:
            twins = self._authors.twins(row) if row.ops else []
            place = group.conversation, row.author
            if twins and self._twins_of[place] < TWINS_GIVEN_PER_DAY_MAX:
                self._twins_of[place] += 1
                return self._give_unasked(group, [row, *twins[:1]], row.id, now)
            return False
        if source is None:
            return False
        supplier = group.conversation, source.member
        left = UNASKED_PER_DAY_MAX - self._unasked_by[supplier]
        new = self._new(group, self._taking_back(row))[: max(0, left)]
        self._unasked_by[supplier] += len(new)
        return self._give_unasked(group, new, source.supply, now)

    def _count_anew(self, now: Instant) -> None:
        """Forget what was given unasked on another day."""
        if now.mesh // SECONDS_PER_DAY != self._day:
            self._day = now.mesh // SECONDS_PER_DAY
            self._unasked.clear()
            self._names_given.clear()
            self._twins_of.clear()
            self._unasked_by.clear()

    def _taking_back(self, row: EntryRow) -> list[EntryRow]:
        """Return by what an entry is gone for all: its author's word, and the one that hides it.
        Words that hide are erased after a week, so the one stands beside the other.
        """
        found = [
            each
            for each in self._changes.valid(row.conversation, row.id, Kind.RETRACT)
            if not each.is_apart and each.author == row.author
        ][-1:]
        hidden = self._group_entries.entries.find_hidden(row)
        hide = (
            None
            if hidden is None
            else self._entries.find_by_id(row.conversation, MessageId(hidden.id))
        )
        return found if hide is None else [*found, hide]

    def _new(self, group: Group, rows: Sequence[EntryRow]) -> list[EntryRow]:
        """Return those that were not given today to all who are in now: who comes later has nothing
        of what was given before.
        """
        under = _epoch_of(group)
        return [row for row in rows if (row.id, under) not in self._unasked]

    def _give_unasked(
        self, group: Group, rows: Sequence[EntryRow], cause: bytes, now: Instant
    ) -> bool:
        """Give some entries in our turn. What has one cause is given together: a supply of many
        words is answered by one.
        """
        heard = {key: group.people[key].heard for key in group.members if key in group.people}
        new, under, mark = self._new(group, rows), _epoch_of(group), cause[:_PREFIX_BYTES]
        before = b"".join(row.parents + row.target for row in new)
        due = UnixSeconds(now.mesh + answered_after(cause, group.me, heard, now.mesh))
        for row in new:
            self._unasked[row.id, under] = None
            self._rows.add_duty(DutyRow(0, group.conversation, row.id, mark, group.me, before, due))
        return bool(new)

    def _here(self, group: Group, member: VerifyKey, wanted: Sequence[bytes]) -> list[bytes]:
        """Return what is here of what a member asks for, and may be given to him."""
        membership = group.membership
        assert membership is not None
        here, bundles = [], None
        for id_ in wanted:
            row = self._entries.find_by_id(group.conversation, MessageId(id_))
            if not membership.graph.missing([id_]):
                is_here = True
            elif row is not None:
                is_here = self._may_have(group, (member,), row)
            else:
                if bundles is None:
                    # A large group has many: they are read and hashed once for all that is asked.
                    bundles = {blake2b_256(bundle) for bundle in self._bundles(group)}
                is_here = id_ in bundles
            if is_here:
                here.append(id_)
        return here

    def _names_behind(
        self, group: Group, member: VerifyKey, wanted: Sequence[bytes], now: Instant
    ) -> list[bytes]:
        """Return the names that members told last, where somebody asks for what is not for all: a
        name that stands before it he would never find.
        """
        self._count_anew(now)
        rows = [self._entries.find_by_id(group.conversation, MessageId(id_)) for id_ in wanted]
        members = group.members
        if all(row is None or self._may_have(group, members, row) for row in rows):
            return []
        found: list[bytes] = []
        for number in self._names.newest(group.conversation, NAMES_OF_NEWCOMER_MAX):
            row = self._entries.message(number)
            is_given = (row.id, member) in self._names_given
            # The names of all are for all, as `may_have` says.
            if not is_given and self._group_entries.find_signed(row) is not None:
                found.append(row.id)
                if len(found) == NAMES_GIVEN_MAX:
                    break
        return found

    def _may_have(self, group: Group, readers: Iterable[VerifyKey], row: EntryRow) -> bool:
        """Say whether an entry is here that may be handed to all of some people."""
        assert group.membership is not None
        return (
            row.verdict != "invalid"
            and self._group_entries.find_signed(row) is not None
            and may_have(group.membership, row.kind, ops_of(row), readers)
        )

    def _bundles(self, group: Group) -> list[bytes]:
        own = self._leaves.own_bundle(group)
        known = list(self._leaves.bundles(group).values())
        return known if own is None else [own, *known]

    # --- Answering ----------------------------------------------------------------------------

    def tend(self, group: Group, now: Instant) -> list[UnixSeconds]:
        """Answer what is due; return when something else is."""
        rows = self._rows.duties(group.conversation)
        due = [row for row in rows if row.due <= now.mesh]
        for row in due:
            self._rows.drop_duty(row.number)
        by_need: dict[tuple[bytes, VerifyKey], list[DutyRow]] = {}
        for row in due:
            if row.member in group.members:
                by_need.setdefault((row.need, row.member), []).append(row)
        for (need, member), of_need in by_need.items():
            self._answer(group, member, need, of_need, now)
        return [row.due for row in rows if row.due > now.mesh][:1]

    def _answer(
        self, group: Group, member: VerifyKey, need: bytes, rows: Sequence[DutyRow], now: Instant
    ) -> None:
        membership = group.membership
        assert membership is not None
        wanted = [row.wanted for row in rows]
        heads = list(dict.fromkeys(id_ for row in rows for id_ in split_ids(row.heads)))
        operations = [id_ for id_ in wanted if not membership.graph.missing([id_])]
        posts = self._lacking(group, operations, heads)
        posts = self._within_share(group, member, posts, lambda each: len(each.post), now)
        bundles = [each for each in self._bundles(group) if blake2b_256(each) in wanted]
        bundles = self._within_share(group, member, bundles, len, now)
        chosen = group.chosen()
        readers = frozenset((member,)) if chosen is None else group.recipients(chosen) | {member}
        given: dict[bytes, int] = {}
        entries = self._lacking_entries(group, member, readers, (wanted, heads), given, now)
        posts = self._told_under_his(group, member, posts, now)
        self._posting.supply(
            group, posts=posts, bundles=bundles, entries=entries, need=need, now=now
        )
        if member != group.me and any(self._is_left(group, id_, given) for id_ in wanted):
            self._give_under_older(group, member, need, (wanted, heads), given, now)

    def _is_left(self, group: Group, id_: bytes, given: Collection[bytes]) -> bool:
        """Say whether something is an entry that was not given."""
        is_entry = self._entries.find_by_id(group.conversation, MessageId(id_)) is not None
        return is_entry and id_ not in given

    def _give_under_older(
        self,
        group: Group,
        member: VerifyKey,
        need: bytes,
        asked: tuple[Sequence[bytes], Sequence[bytes]],
        given: dict[bytes, int],
        now: Instant,
    ) -> None:
        """Give entries that not all may read who hold the epoch in use, since somebody came later:
        under an epoch of before that the asker holds, the newest whose readers all may.
        """
        holds = self._holds.get((group.conversation, member), frozenset())
        for epoch in self._epochs.shared_before(group, member, holds)[:ANSWER_EPOCHS_MAX]:
            readers = group.readers(epoch)
            entries = self._lacking_entries(group, member, readers, asked, given, now)
            if entries:
                self._posting.supply(group, entries=entries, need=need, under=epoch.id, now=now)

    def _told_under_his(
        self, group: Group, member: VerifyKey, posts: Sequence[SignedPost], now: Instant
    ) -> list[SignedPost]:
        """Tell operations under the epoch that somebody writes under, those that all of its readers
        may learn; return the others.
        """
        epoch = self._epochs.held_by(group, member)
        if epoch is None or epoch is group.chosen():
            return list(posts)
        return self._posting.tell_under(group, epoch, posts, now)

    def _lacking(
        self, group: Group, wanted: Sequence[bytes], heads: Iterable[bytes]
    ) -> list[SignedPost]:
        """Return operations that are wanted and all before them, but for what follows from what
        the asker has.
        """
        membership = group.membership
        assert membership is not None
        graph = membership.graph
        lacking: Acts = graph.closure([OperationId(id_) for id_ in wanted])
        theirs = [OperationId(id_) for id_ in heads]
        unknown = set(graph.missing(theirs))
        lacking &= ~graph.closure([id_ for id_ in theirs if id_ not in unknown])
        found = []
        for operation in graph.operations(lacking)[:SUPPLY_POSTS_MAX]:
            row = self._operations.find_operation(group.conversation, operation.id)
            assert row is not None
            found.append(row.signed)
        return found

    def _within_share(
        self,
        group: Group,
        member: VerifyKey,
        things: Sequence[_Each],
        size_of: Callable[[_Each], int],
        now: Instant,
    ) -> list[_Each]:
        """Return the first of some things, those for which there is room in the share of a day: a
        need of a few bytes may ask for hundreds of long ones.
        """
        place = group.conversation, member, now.mesh // SECONDS_PER_DAY
        within = []
        for each in things:
            if self._given[place] + size_of(each) > ANSWER_BYTES_PER_DAY_MAX:
                break
            self._given[place] += size_of(each)
            within.append(each)
        return within

    def _lacking_entries(
        self,
        group: Group,
        member: VerifyKey,
        readers: Collection[VerifyKey],
        asked: tuple[Sequence[bytes], Sequence[bytes]],
        given: dict[bytes, int],
        now: Instant,
    ) -> list[SuppliedEntry]:
        """Return entries that are wanted and all before them, back to those that the asker has;
        only what all readers of the answer may have. `asked`: what is wanted, and heads of what he
        has; `given`: the bytes of what this need was given before, and of what it is given now.
        """
        conversation, (wanted, heads) = group.conversation, asked
        had = self._ways_back(conversation, heads, wanted)
        place = conversation, member, now.mesh // SECONDS_PER_DAY
        room = ANSWER_BYTES_MAX - sum(given.values())
        room = min(room, ANSWER_BYTES_PER_DAY_MAX - self._given[place])
        found: list[tuple[int, SuppliedEntry]] = []
        seen: set[bytes] = set()
        ways = list(wanted)
        while ways and len(seen) < BACK_STEPS_MAX:
            id_ = ways.pop(0)
            row = self._entries.find_by_id(conversation, MessageId(id_))
            if row is None or id_ in seen or (id_ in had and id_ not in wanted):
                continue
            if id_ not in given:
                if not self._may_have(group, readers, row):
                    continue
                signed = self._group_entries.find_signed(row)
                assert signed is not None
                if member != group.me or id_ not in wanted:
                    # What is given unasked is bounded by its number: else who supplies much of what
                    # was taken back would use up the room, and of two long twins one had none.
                    if len(signed.entry) > room:
                        continue
                    room -= len(signed.entry)
                    self._given[place] += len(signed.entry)
                given[id_] = len(signed.entry)
                author = self._group_entries.key_of(row)
                supplied = SuppliedEntry(author, signed.entry, signed.signature)
                found.append((row.position, supplied))
            seen.add(id_)
            ways += split_parents(row.parents)
            if row.target:
                ways.append(row.target)
        return [each for _, each in sorted(found, key=lambda one: one[0])]

    def _ways_back(
        self, conversation: ConversationId, heads: Iterable[bytes], wanted: Sequence[bytes]
    ) -> set[bytes]:
        """Return what somebody has who has these: all before them, but through what he lacks."""
        had: set[bytes] = set()
        ways = [id_ for id_ in heads if id_ not in wanted]
        while ways and len(had) < BACK_STEPS_MAX:
            id_ = ways.pop(0)
            row = self._entries.find_by_id(conversation, MessageId(id_))
            if row is None or id_ in had:
                continue
            had.add(id_)
            ways += [parent for parent in split_parents(row.parents) if parent not in wanted]
        return had


def _epoch_of(group: Group) -> bytes:
    """Return the epoch that is written under, as what tells who reads what is given now."""
    chosen = group.chosen()
    return b"" if chosen is None else chosen.id
