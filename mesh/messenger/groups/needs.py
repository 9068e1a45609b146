"""Needs: what is missing here is asked for, of nobody by name.

Implements `docs/protocol/groups.md`, section "Repair". What rows name and is not here is a row,
until it comes or was asked for in vain. A need goes under the epoch in use and under those by which
the trouble came: else parts of a group that cannot open each other's epochs never hear of it.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from mesh.group.choice import order_of
from mesh.group.epochs import EpochId, decode_announcement, prefix_of
from mesh.group.known_epochs import known_epoch
from mesh.group.makers import rank_among_heard
from mesh.group.membership import payer
from mesh.group.placed_posts import Cannot, Need, PostPlace
from mesh.group.posts import SignedPost, decode_signed_post
from mesh.group.repair import asked_after, asked_again
from mesh.group.wraps import Trouble
from mesh.ids import ConversationId, Instant, MessageId, UnixSeconds, VerifyKey
from mesh.limits.group_keys import (
    ENTRY_HEADS_MAX,
    HELLO_INTERVAL_SECONDS,
    NEED_CANNOT_MAX,
    NEED_HELD_MAX,
    NEED_IDS_MAX,
)
from mesh.limits.group_repair import (
    ASKED_AFTER,
    ASKED_AFTER_MAX,
    ASKED_AFTER_MIN,
    ASKED_AGAIN,
    NEED_EPOCHS_MAX,
    NEEDS_PER_HOUR_MAX,
    PUT_OFF,
    WANTED_MAX,
    WANTED_OF_ONE_MAX,
    WANTED_SHARE_MAX,
)
from mesh.limits.groups import HEADS_ANNOUNCED_MAX
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.storage.vault.group_needs import Missed, NeedRow, UnaskedRow
from mesh.storage.vault.rows import OURSELVES

_HOUR_SECONDS = 3_600
_BEFORE_GAP = 2
"""Entries before a gap that a need names as had: they end the way back of who answers."""


class Needs:
    """The things that are missing in groups."""

    def __init__(self, account: Account, *, keepers: Keepers, posting: GroupPosting) -> None:
        self._rows = account.vault.group_needs
        self._history = account.vault.history
        self._entries = account.vault.entries
        self._authors = account.vault.authors
        self._entropy = account.entropy
        self._groups = keepers.groups
        self._leaves: LeavesKeeper = keepers.leaves
        self._posting = posting
        # When needs were posted within the last hour.
        self._posted: dict[ConversationId, deque[UnixSeconds]] = defaultdict(deque)
        # Until when what a member names is not on its way, since he or we were long away.
        self._back: dict[tuple[ConversationId, VerifyKey], UnixSeconds] = {}

    # --- What is missing ----------------------------------------------------------------------

    def heard(self, group: Group, member: VerifyKey, before: UnixSeconds, now: Instant) -> None:
        """A member was heard, having been heard `before`: after a week of silence most of what he
        names, and is not here, has lapsed. It is asked for as soon as what something waits for.
        """
        if before and before + HELLO_INTERVAL_SECONDS <= now.mesh:
            until = UnixSeconds(now.mesh + ASKED_AFTER_MAX)
            self._back[group.conversation, member] = until

    def named(
        self,
        group: Group,
        member: VerifyKey,
        *,
        operations: Iterable[bytes] = (),
        entries: Iterable[bytes] = (),
        now: Instant,
    ) -> None:
        """A member names the last operations and entries that he knows."""
        if group.membership is None:
            return
        missing: list[bytes] = [*group.membership.graph.missing(list(operations))]
        missing += [id_ for id_ in entries if not self._history_has(group, id_)]
        for wanted in missing:
            if not self._note(group, wanted, member, now, Missed.NAMED):
                # His share is full, so to look where the rest would stand is in vain.
                return

    def does_not_open(
        self, group: Group, signed: SignedPost, trouble: Trouble, now: Instant
    ) -> None:
        """An epoch came by a page, and there is nothing in it for us, or it does not open.

        What is for us may stand in another page, that comes later.
        """
        found = self._rows.needs(group.conversation, signed.id)
        if found:
            self._rows.put_need(replace(found[0], trouble=int(trouble)))
            return
        pause = 0 if trouble is Trouble.DOES_NOT_OPEN else ASKED_AFTER
        self._add(
            NeedRow(
                0,
                group.conversation,
                signed.id,
                VerifyKey(signed.author),
                signed.encode(),
                int(trouble),
                0,
                UnixSeconds(now.mesh + pause),
                missed=Missed.AWAITED,
            )
        )

    def _notice(self, group: Group, now: Instant) -> None:
        """Note what is named by what is here, and forget what came."""
        self._rows.drop_found(group.conversation)
        membership = group.membership
        if membership is None:
            return
        namers: dict[tuple[int | None, VerifyKey | None], VerifyKey] = {}
        # A member may name things without number: once his share is full the rest costs nothing.
        full: dict[VerifyKey, None] = {}
        for row in self._rows.unasked(group.conversation):
            said = row.author, row.named_by
            if said not in namers:
                namers[said] = self._namer(group, row)
            member = namers[said]
            if member not in full and not self._note(group, row.wanted, member, now, row.missed):
                full[member] = None
        for epoch in group.epochs:
            if epoch.seed is not None:
                for wanted in membership.graph.missing(epoch.heads):
                    self._note(group, wanted, epoch.maker, now, Missed.AWAITED)

    def _namer(self, group: Group, row: UnaskedRow) -> VerifyKey:
        member = row.named_by
        if member is None and row.author not in (None, OURSELVES):
            assert row.author is not None
            member = self._authors.author(row.author).key
        return group.me if member is None else _namer(group, member)

    def _note(
        self, group: Group, wanted: bytes, member: VerifyKey, now: Instant, missed: Missed
    ) -> bool:
        """Note that something is missing; False if the share of who names it is full.

        A hello or a need may have named it before anything here missed it so much. If somebody
        asked for it then, that put off what was known then: now it has the pace of all that is
        missed so.
        """
        is_back = self._back.get((group.conversation, member), 0) > now.mesh
        is_soon = is_back or missed is Missed.AWAITED
        known = self._rows.needs(group.conversation, wanted)
        if not known:
            first = self._first_due(group, now, is_soon=is_soon)
            return self._add(
                NeedRow(0, group.conversation, wanted, member, None, None, 0, first, missed=missed)
            )
        (row,) = known
        is_more = missed > row.missed
        is_put_off, due = row.is_put_off and not is_more, row.due
        if due is not None and not row.asked and not is_put_off and (is_soon or row.is_put_off):
            due = min(due, self._first_due(group, now, is_soon=is_soon))
        if is_more or due != row.due:
            missed = max(missed, row.missed)
            self._rows.put_need(replace(row, due=due, is_put_off=is_put_off, missed=missed))
        return True

    def _first_due(self, group: Group, now: Instant, *, is_soon: bool) -> UnixSeconds:
        rank = self._rank(group, now) if is_soon else 0
        pause = asked_after(rank, self._entropy, is_waited_for=is_soon)
        return UnixSeconds(now.mesh + pause)

    def _add(self, row: NeedRow) -> bool:
        """Note something, within the share of who named it; the oldest gap of who named the most
        makes room. Return whether there was any.
        """
        conversation, counts = row.conversation, self._rows.needs_counts(row.conversation)
        by_this = counts.get(row.named_by, 0)
        if by_this >= WANTED_SHARE_MAX:
            if not self._rows.drop_oldest(conversation, row.named_by, only_gaps=True):
                return False
        elif sum(counts.values()) >= WANTED_MAX:
            most = max(counts, key=lambda key: (counts[key], key))
            if counts[most] <= by_this:
                most = row.named_by
            if not self._rows.drop_oldest(conversation, most, only_gaps=most == row.named_by):
                return False
        self._rows.add_need(row)
        return True

    def _rank(self, group: Group, now: Instant) -> int:
        if group.me not in group.members:
            # A removal that may not count came just now.
            return 0
        heard = {key: row.heard for key, row in group.people.items()}
        return rank_among_heard(group.me, group.members, heard, now.mesh)

    def _history_has(self, group: Group, id_: bytes) -> bool:
        return self._history.find_position(group.conversation, MessageId(id_)) is not None

    # --- What others ask for ------------------------------------------------------------------

    def somebody_asked(self, group: Group, need: Need, now: Instant) -> None:
        """Somebody else asks for the same: the answer may be for all, so ours waits, once."""
        for wanted in need.missing or ():
            for row in self._rows.needs(group.conversation, wanted):
                if row.due is not None and not row.asked and not row.is_put_off:
                    due = UnixSeconds(now.mesh + PUT_OFF)
                    self._rows.put_need(replace(row, due=due, is_put_off=True))

    # --- Asking -------------------------------------------------------------------------------

    def tend(self, group: Group, now: Instant) -> list[UnixSeconds]:
        """Ask for what is due; return when something else is."""
        self._notice(group, now)
        rows = self._timely(group, now)
        due = [row for row in rows if row.due is not None and row.due <= now.mesh]
        if due:
            due = [row for row in due if self._is_needed(group, row, now)]
        if due:
            wait = self._until_allowed(group, now)
            if wait:
                return [UnixSeconds(now.mesh + wait)]
            self._ask(group, _fair(due), now)
            rows = self._rows.needs(group.conversation)
        return [row.due for row in rows[:1] if row.due is not None]

    def _timely(self, group: Group, now: Instant) -> list[NeedRow]:
        """Return what is missing, as it is due; what was noted under a mesh time far ahead soon."""
        rows = self._rows.needs(group.conversation)
        latest = now.mesh + ASKED_AGAIN[-1]
        late = [row for row in rows if row.due is not None and row.due > latest]
        for row in late:
            due = self._first_due(group, now, is_soon=row.missed is Missed.AWAITED)
            self._rows.put_need(replace(row, due=due))
        return self._rows.needs(group.conversation) if late else rows

    def _until_allowed(self, group: Group, now: Instant) -> int:
        """Return for how many seconds no more may be asked."""
        posted = self._posted[group.conversation]
        # What was posted later than now was so under a wrong mesh time.
        while posted and not posted[0] <= now.mesh < posted[0] + _HOUR_SECONDS:
            posted.popleft()
        if len(posted) < NEEDS_PER_HOUR_MAX:
            return 0
        return posted[0] + _HOUR_SECONDS - now.mesh

    def _is_needed(self, group: Group, row: NeedRow, now: Instant) -> bool:
        """Say whether an epoch that does not open is one under which we would write, or whether
        nobody was told yet that there are words in it for us which we cannot read.
        """
        if row.announcement is None:
            return True
        signed, membership = decode_signed_post(row.announcement), group.membership
        announcement = decode_announcement(signed.post)
        if membership is None or (missing := membership.graph.missing(list(announcement.heads))):
            for wanted in [] if membership is None else missing:
                self._note(group, wanted, row.named_by, now, Missed.AWAITED)
            # These come soon after they are asked for; who made it may write under it meanwhile.
            self._rows.put_need(replace(row, due=UnixSeconds(now.mesh + ASKED_AFTER_MIN)))
            return False
        roles, chosen = group.roles, group.chosen()
        epoch = known_epoch(
            announcement,
            membership,
            epoch=EpochId(signed.id),
            maker=row.named_by,
            is_held=True,
            day=0,
        )
        is_fit = epoch.is_consistent and epoch.members == frozenset(roles)
        used = next((each for each in group.known if chosen and each.id == chosen.id), None)
        is_ours = group.me in epoch.recipients
        is_better = is_fit and (used is None or order_of(used, roles) < order_of(epoch, roles))
        if is_ours and (is_better or not (row.asked or row.trouble == Trouble.NO_WRAP)):
            return True
        self._rows.drop_need(row.number)
        return False

    def _ask(self, group: Group, rows: Sequence[NeedRow], now: Instant) -> None:
        """Post one need under the epoch in use, and under each by which the trouble came."""
        by_epoch: dict[HeldEpoch, list[NeedRow]] = {}
        if (chosen := group.chosen()) is not None:
            by_epoch[chosen] = list(rows)
        for row in rows:
            person = group.people.get(row.named_by)
            wrote = None if person is None else person.wrote_under
            epoch = None if wrote is None else group.find_epoch(wrote)
            if epoch is None:
                epoch = group.epochs[-1] if group.epochs and chosen is None else None
            if epoch is not None and epoch is not chosen and len(by_epoch) <= NEED_EPOCHS_MAX:
                by_epoch.setdefault(epoch, []).append(row)
        for epoch, asked in by_epoch.items():
            self._posting.queue(group, self._need(group, epoch, asked, now), epoch.id, now)
        if by_epoch:
            self._posted[group.conversation].append(now.mesh)
        for row in rows:
            pause = asked_again(row.asked + 1)
            due = None if pause is None else UnixSeconds(now.mesh + pause)
            self._rows.put_need(replace(row, asked=row.asked + 1, due=due))

    def _need(self, group: Group, epoch: HeldEpoch, rows: Sequence[NeedRow], now: Instant) -> Need:
        assert group.membership is not None
        graph = group.membership.graph
        heads = sorted({act.operation.id for act in graph.latest(graph.heads)})
        missing = [row.wanted for row in rows if row.announcement is None]
        cannot = [
            Cannot(prefix_of(EpochId(row.wanted)), Trouble(row.trouble or 0))
            for row in rows
            if row.announcement is not None
        ]
        said = [] if group.outsiders(epoch) else self._had(group, missing)
        return Need(
            1,
            5,
            0,
            PostPlace(bytes(8), 0),
            missing,
            cannot[:NEED_CANNOT_MAX],
            [prefix_of(each.id) for each in group.epochs[-NEED_HELD_MAX:]],
            [bytes(each) for each in heads[:HEADS_ANNOUNCED_MAX]],
            said,
            self._leaves.short(group, now).encode(),
        )

    def _had(self, group: Group, missing: Sequence[bytes]) -> list[bytes]:
        """Entries that are here and end what is asked for: what stands before each gap, and heads.

        What lies before a gap follows from no head, since what the gap hides may be between.
        """
        conversation = group.conversation
        found: dict[bytes, None] = {}
        for wanted in missing:
            for id_ in self._rows.before_gap(conversation, wanted, _BEFORE_GAP):
                found.setdefault(id_)
        for head in reversed(self._history.heads(conversation)):
            found.setdefault(bytes(head.id))
        return list(found)[:ENTRY_HEADS_MAX]


def _namer(group: Group, member: VerifyKey) -> VerifyKey:
    """Return by whose word something is missing that a member key names. Keys that nobody added
    cost nothing, so all of them have the share of one; who is heard by himself has his own.
    """
    person = group.people.get(member)
    if group.membership is None or (person is not None and person.wrote_under is not None):
        return member
    return payer(group.membership, member)


def _fair(rows: Sequence[NeedRow]) -> list[NeedRow]:
    """Return what one need asks for: those asked for least first, and of each who named any, while
    there are others, only a share.
    """
    ordered = sorted(rows, key=lambda row: (row.asked, row.due, row.number))
    counts: dict[VerifyKey, int] = defaultdict(int)
    first, rest = list[NeedRow](), list[NeedRow]()
    for row in ordered:
        counts[row.named_by] += 1
        (first if counts[row.named_by] <= WANTED_OF_ONE_MAX else rest).append(row)
    return [*first, *rest][:NEED_IDS_MAX]
