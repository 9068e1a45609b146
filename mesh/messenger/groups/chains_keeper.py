"""Chains of a group's members: as rows, and as tags by which what they write is recognised.

Implements `docs/protocol/group-keys.md`, section "Chains". A number is used up, and its key erased,
in the transaction in which what it brought is kept.
"""

from msgspec.structs import replace

from mesh.group.chains import (
    Place,
    ReceivingChain,
    SendingChain,
    Skipped,
    hello_tags,
    week_of,
    window_of,
)
from mesh.group.epochs import EpochId, chain_keys
from mesh.ids import Instant, Tag, UnixSeconds, VerifyKey
from mesh.limits.group_keys import RECENT_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.sessions.tag_index import OfChain, OfHello, TagIndex
from mesh.storage.vault.group_keys import ChainRow, SkippedKeyRow


class ChainsKeeper:
    """All chains of all epochs that are held."""

    def __init__(self, account: Account, tag_index: TagIndex) -> None:
        self._rows = account.vault.group_keys
        self._ends = account.vault.group_key_ends
        self._tag_index = tag_index
        self._week = -1
        self._counts: dict[int, int] = {}

    # --- Which there are ----------------------------------------------------------------------

    def find(self, number: int) -> ChainRow | None:
        """The chain of a number that was expected, unless it is erased."""
        return self._rows.chain(number)

    def has(self, epoch: HeldEpoch, member: VerifyKey) -> bool:
        """Say whether the chain of somebody in an epoch is here."""
        return self._rows.find_chain(epoch.number, member) is not None

    def add(self, group: Group, epoch: HeldEpoch, members: list[VerifyKey], now: Instant) -> None:
        """Make the chains of some members from the seed, those that are not here."""
        assert epoch.seed is not None
        self._counts.pop(epoch.number, None)
        had = {row.member for row in self._rows.chains(epoch.number)}
        for member in members:
            if member in had:
                continue
            keys = chain_keys(epoch.seed, EpochId(epoch.id), member)
            row = self._rows.add_chain(
                ChainRow(
                    number=0,
                    epoch=epoch.number,
                    member=member,
                    chain=keys.chain,
                    tag_key=keys.tag,
                    hello_key=keys.hello,
                    next=0,
                    ends=None,
                    opened=UnixSeconds(0),
                )
            )
            if member != group.me:
                self._expect(row, ReceivingChain(place_of(row)), len(members), now.mesh)

    # --- Ours ---------------------------------------------------------------------------------

    def own(self, epoch: HeldEpoch, me: VerifyKey) -> ChainRow | None:
        """Our own chain in an epoch; None where there is none, or it is at its end."""
        row = self._rows.find_chain(epoch.number, me)
        if row is None or SendingChain(place_of(row)).is_over:
            return None
        return row

    def step(self, row: ChainRow) -> Place:
        """Take the next place of our own chain; its key is erased from the row."""
        chain, place = SendingChain(place_of(row)).next()
        moved = replace(
            row,
            chain=chain.place.chain,
            tag_key=chain.place.tag_key,
            next=chain.place.number,
        )
        self._rows.move_chain(moved, [])
        return place

    # --- Of others ----------------------------------------------------------------------------

    def receiving(self, row: ChainRow) -> ReceivingChain:
        """The chain of another, as it stands."""
        skipped = tuple(
            Skipped(one.number, one.tag, one.key, one.erase_after)
            for one in self._rows.skipped(row.number)
        )
        return ReceivingChain(place_of(row), skipped, row.ends)

    def moved(
        self,
        row: ChainRow,
        before: ReceivingChain,
        after: ReceivingChain,
        now: Instant,
        *,
        was_opened: bool = True,
    ) -> None:
        """Something of a chain was opened, or its author said where it stands or ends."""
        count = self._count(row.epoch)
        opened = now.mesh if was_opened else row.opened
        kept = {one.number for one in after.skipped}
        for one in before.skipped:
            if one.number not in kept:
                self._rows.erase_skipped(row.number, one.number)
        had = {one.number for one in before.skipped}
        fresh = [
            SkippedKeyRow(row.number, one.number, one.tag, one.key, one.erase_after)
            for one in after.skipped
            if one.number not in had
        ]
        place = after.place
        moved = replace(
            row,
            chain=place.chain,
            tag_key=place.tag_key,
            next=place.number,
            ends=after.end,
            opened=opened,
        )
        self._rows.move_chain(moved, fresh)
        expected = dict(before.expected(_window(row, count, now.mesh)))
        wanted = dict(after.expected(_window(moved, count, now.mesh)))
        self._tag_index.forget(tag for number, tag in expected.items() if number not in wanted)
        new = [(number, tag) for number, tag in wanted.items() if number not in expected]
        self._tag_index.expect(OfChain(row.number), new, is_wanted=True)

    def forget(self, epoch: HeldEpoch) -> None:
        """Expect nothing under the chains of an epoch that is about to be erased."""
        self._counts.pop(epoch.number, None)
        self._forget([row.number for row in self._rows.chains(epoch.number)])

    def erase_due(self, expiry_now: UnixSeconds) -> None:
        """Erase the keys whose time has come, and expect nothing under them."""
        self._forget(self._ends.chains_due(expiry_now))
        self._tag_index.forget(self._ends.skipped_due(expiry_now))
        self._rows.erase_due(expiry_now)

    def _forget(self, chains: list[int]) -> None:
        owners = [owner for number in chains for owner in (OfChain(number), OfHello(number))]
        self._tag_index.forget_owners(owners)

    def forget_tags(self, tags: list[Tag]) -> None:
        """Expect these no longer: their keys are gone."""
        self._tag_index.forget(tags)

    def _count(self, epoch: int) -> int:
        """So many chains an epoch had when it was asked first: by it windows are chosen."""
        if epoch not in self._counts:
            self._counts[epoch] = len(self._rows.chains(epoch))
        return self._counts[epoch]

    # --- Tags ---------------------------------------------------------------------------------

    def expect_all(self, groups: list[Group], now: Instant) -> None:
        """Expect the tags of all chains, as at a start."""
        self._week = week_of(now.mesh)
        for group in groups:
            for epoch in group.epochs:
                rows = self._rows.chains(epoch.number)
                for row in rows:
                    if row.member != group.me:
                        self._expect(row, self.receiving(row), len(rows), now.mesh)

    def follow_week(self, groups: list[Group], now: Instant) -> None:
        """A week began: hellos of it are expected too."""
        if week_of(now.mesh) == self._week:
            return
        self._week = week_of(now.mesh)
        for group in groups:
            for epoch in group.epochs:
                for row in self._rows.chains(epoch.number):
                    if row.member != group.me:
                        self._expect_hellos(row, now.mesh)

    def _expect(
        self, row: ChainRow, chain: ReceivingChain, count: int, mesh_now: UnixSeconds
    ) -> None:
        expected = chain.expected(_window(row, count, mesh_now))
        self._tag_index.expect(OfChain(row.number), expected, is_wanted=True)
        self._expect_hellos(row, mesh_now)

    def _expect_hellos(self, row: ChainRow, mesh_now: UnixSeconds) -> None:
        tags = hello_tags(row.hello_key, mesh_now)
        self._tag_index.expect(OfHello(row.number), tags, is_wanted=True)


def place_of(row: ChainRow) -> Place:
    """Return where a chain stands."""
    return Place(row.next, row.chain, row.tag_key)


def _window(row: ChainRow, members_count: int, mesh_now: UnixSeconds) -> int:
    is_recent = mesh_now - row.opened < RECENT_SECONDS
    return window_of(members_count, is_recent=is_recent)
