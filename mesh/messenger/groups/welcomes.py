"""Welcomes that are repeated: to who was added and is not heard, and to whom no epoch reaches.

Implements `docs/protocol/groups.md`, section "Welcomed again". A welcome that was lost leaves
somebody outside who is in. His entrance is in his record: who added him writes there again, and
then others, each in turn, since the one who added him may be gone.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from mesh.group.makers import rank_among_heard
from mesh.group.placed_posts import decode_wraps
from mesh.group.posts import decode_signed_post
from mesh.group.wraps import wrap_for
from mesh.ids import ConversationId, Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import DAY_SECONDS
from mesh.limits.groups import (
    MEMBERS_MAX,
    PERSONS_PER_OPERATION_MAX,
    WELCOME_BY_OTHERS_SECONDS,
    WELCOME_REPEATED_SECONDS,
    WELCOMES_KEPT_SECONDS,
    WELCOMES_PER_DAY_MAX,
    WELCOMES_REPEATED_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.letters import Letters
from mesh.storage.vault.group_keys import EpochRow
from mesh.storage.vault.group_links import WelcomedRow

_LOOKED_AGAIN_SECONDS: Final = 3_600
"""Pauses are of days: members are looked at once in an hour."""


class Welcomes:
    """Writes to the entrances of members of whom nothing is heard."""

    def __init__(
        self, account: Account, *, keepers: Keepers, changes: Changes, letters: Letters
    ) -> None:
        self._rows = account.vault.group_links
        self._key_rows = account.vault.group_keys
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._changes = changes
        self._letters = letters
        self._looked: dict[ConversationId, UnixSeconds] = {}

    def feature(self) -> Feature:
        """Welcoming again."""
        return Feature(chores=[Chore(self._tend, needs_steady_clock=True)])

    def _tend(self, now: Instant) -> None:
        for group in self._groups.all:
            looked = self._looked.get(group.conversation, -_LOOKED_AGAIN_SECONDS)
            if (
                group.row.state == "in"
                and group.is_in
                and looked + _LOOKED_AGAIN_SECONDS <= now.mesh
            ):
                self._looked[group.conversation] = now.mesh
                self._tend_group(group, now)

    def _tend_group(self, group: Group, now: Instant) -> None:
        known = {row.member: row for row in self._rows.welcomed(group.conversation)}
        silent = [key for key in group.members if key != group.me and self._is_lost(group, key)]
        for row in known.values():
            if row.member not in silent:
                self._rows.drop_welcomed(row)
        if not silent:
            return
        heard = {key: person.heard for key, person in group.people.items()}
        rank = rank_among_heard(group.me, group.members, heard, now.mesh)
        bundles = self._leaves.bundles(group)
        today = sum(row.last + DAY_SECONDS > now.mesh for row in known.values() if row.count)
        due: list[WelcomedRow] = []
        for key in silent:
            if key not in known:
                known[key] = WelcomedRow(group.conversation, key, now.mesh)
                self._rows.put_welcomed(known[key])
            if key in bundles and self._is_due(group, known[key], rank, now):
                due.append(known[key])
        room = min(WELCOMES_PER_DAY_MAX - today, PERSONS_PER_OPERATION_MAX)
        if due and room > 0:
            self._welcome(group, due[:room], now)

    def _is_lost(self, group: Group, member: VerifyKey) -> bool:
        """Say whether nothing shows that a member reads anything that is written here."""
        person = group.people.get(member)
        if person is None or not person.heard or _is_cut_off(group, member):
            return True
        return self._epochs.held_by(group, member) is None

    def _is_due(self, group: Group, row: WelcomedRow, rank: int, now: Instant) -> bool:
        if _is_cut_off(group, row.member):
            # Each costs an epoch, and one whose device is gone never hears it.
            pause = WELCOME_REPEATED_SECONDS << max(0, row.count - 1)
            is_kept = now.mesh < row.since + WELCOMES_KEPT_SECONDS
            return not row.count or (is_kept and row.last + pause <= now.mesh)
        if _adder_of(group, row.member) == group.me:
            due = row.since + WELCOME_REPEATED_SECONDS * (row.count + 1)
            return due <= now.mesh and row.count < WELCOMES_REPEATED_MAX
        if row.count or rank >= WELCOMES_REPEATED_MAX or not _came_after_us(group, row.member):
            return False
        due = row.since + WELCOME_BY_OTHERS_SECONDS + rank * DAY_SECONDS
        return due <= now.mesh < row.since + WELCOMES_KEPT_SECONDS

    def _welcome(self, group: Group, rows: Sequence[WelcomedRow], now: Instant) -> None:
        """Give the keys once more: those of the epoch in use, where it is ours and was for them,
        since only its maker can; else of another one.
        """
        chosen = group.chosen()
        if group.membership is None or chosen is None or len(group.members) > MEMBERS_MAX:
            return
        (epoch,) = [
            each
            for each in self._key_rows.epochs(group.conversation)
            if each.number == chosen.number
        ]
        signed, wraps = decode_signed_post(epoch.announcement), _kept(group, chosen, epoch, rows)
        if wraps is None:
            made = self._changes.make_epoch(group, [], now, newcomers=[row.member for row in rows])
            signed, wraps = made.signed, made.welcomes
        wraps = {row.member: wraps[row.member] for row in rows}
        self._letters.welcome(group, signed, wraps, now)
        for row in rows:
            self._rows.put_welcomed(replace(row, count=row.count + 1, last=now.mesh))


def _kept(
    group: Group, chosen: HeldEpoch, epoch: EpochRow, rows: Sequence[WelcomedRow]
) -> dict[VerifyKey, bytes] | None:
    """Return the first wraps of all these in the epoch in use, if it is ours and they are kept.

    Once only: if that does not help, what was supplied under it is lost as well.
    """
    if chosen.maker != group.me or epoch.wraps is None or any(row.count for row in rows):
        return None
    wraps, found = decode_wraps(epoch.wraps), dict[VerifyKey, bytes]()
    for row in rows:
        ephemeral = chosen.announcement.ephemeral
        wrap = wrap_for(wraps, row.member, ephemeral=ephemeral, secret=None)
        if wrap is None:
            return None
        found[row.member] = wrap.first
    return found


def _is_cut_off(group: Group, member: VerifyKey) -> bool:
    """Say whether somebody was heard under keys that this vault has lost, as one does that is put
    back from a backup: neither reads what the other writes.
    """
    person = group.people.get(member)
    return person is not None and person.heard > 0 and person.wrote_under is None


def _adder_of(group: Group, member: VerifyKey) -> VerifyKey | None:
    """Return by whom somebody is in."""
    membership = group.membership
    assert membership is not None
    for _, act in membership.graph.records(member):
        if act & membership.view.acts:
            return next(membership.graph.of(act)).author
    return None


def _came_after_us(group: Group, member: VerifyKey) -> bool:
    """Say whether we were in before somebody: who comes knows nobody who was heard before."""
    membership = group.membership
    assert membership is not None
    return membership.members[group.me].order < membership.members[member].order
