"""Epochs of groups: opened from the pages of others, and made here.

Implements `docs/protocol/group-keys.md`, sections "Epochs" and "Wraps". The seed goes when the
chains of all recipients are made; who lacks operations of its heads keeps it until they come.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from mesh.crypto.signing import is_signature_valid
from mesh.group.choice import next_turn
from mesh.group.epochs import EpochId, prefix_of, read_announcement
from mesh.group.leaves import LONG_LEAF_MARK
from mesh.group.making import (
    MadeEpoch,
    Recipient,
    Shared,
    draw_epoch,
    make_pages,
    operations_of_page,
)
from mesh.group.naming import named_by_announcement
from mesh.group.paging import PlannedPage, known_to_hold
from mesh.group.placed_posts import encode_wraps
from mesh.group.posts import SignedPost
from mesh.group.wraps import Reader, Trouble, Wraps
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import OPEN_EPOCHS_MAX, SEED_KEPT_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.groups.chains_keeper import ChainsKeeper
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.leaves_keeper import LeavesKeeper, MemberLeaves
from mesh.messenger.groups.membership_keeper import MembershipKeeper
from mesh.storage.vault.group_keys import EpochRow
from mesh.wire.bundle import Bundle
from mesh.wire.payload import HLC_COUNTER_BITS


@dataclass(slots=True)
class Made:
    """An epoch that was made here: what is still to be told, and to whom."""

    signed: SignedPost
    pages: Sequence[PlannedPage] = ()
    operations: dict[EpochId, list[SignedPost]] = field(default_factory=dict)
    """The operations that may ride in a page, by the epoch under which it stands."""

    welcomes: dict[VerifyKey, bytes] = field(repr=False, default_factory=dict)
    """The first wraps of newcomers, who hold no epoch by which they could be reached."""


class EpochsKeeper:
    """All epochs that are held."""

    def __init__(
        self,
        account: Account,
        *,
        groups: MembershipKeeper,
        leaves: LeavesKeeper,
        chains: ChainsKeeper,
    ) -> None:
        self._rows = account.vault.group_keys
        self._entropy = account.entropy
        self._kem = account.kem
        self._groups = groups
        self._leaves = leaves
        self._chains = chains
        self._by_number = {
            epoch.number: (group, epoch) for group in groups.all for epoch in group.epochs
        }

    def find(self, number: int) -> tuple[Group, HeldEpoch] | None:
        """The group and the epoch of a number in the vault, if it is held."""
        return self._by_number.get(number)

    # --- Of others ----------------------------------------------------------------------------

    def unwrap(
        self, group: Group, signed: SignedPost, wraps: Wraps, now: Instant
    ) -> HeldEpoch | Trouble | None:
        """Open an epoch by a wrap for us; None: it is held already. PeerError if it is none."""
        if group.find_epoch(signed.id) is not None:
            return None
        maker = VerifyKey(signed.author)
        announcement = read_announcement(signed, group.gid, is_signature_valid)
        reader = Reader(
            group.gid, group.me, self._leaves.own(group), self._leaves.secrets_in(group, maker)
        )
        found = reader.unwrap(
            wraps, announcement=announcement, epoch=EpochId(signed.id), maker=maker, kem=self._kem
        )
        if isinstance(found, Trouble):
            return found
        if found.founded is not None:
            self._leaves.founded(group, maker, found.founded, now, is_out=False)
        return self._hold(group, signed, found.seed, now)

    def complete(self, group: Group, now: Instant) -> None:
        """Make the chains of those for whom an epoch turns out to be, when operations came."""
        for epoch in group.epochs:
            if epoch.seed is not None:
                self._make_chains(group, epoch, now)

    def give_up_seeds(self, group: Group, now: Instant) -> None:
        """Erase the seeds of which the heads did not come."""
        for epoch in group.epochs:
            if epoch.seed is not None and epoch.came + SEED_KEPT_SECONDS <= now.expiry:
                epoch.seed = None
                self._rows.erase_seed(epoch.number)

    def _hold(
        self,
        group: Group,
        signed: SignedPost,
        seed: bytes,
        now: Instant,
        wraps: bytes | None = None,
    ) -> HeldEpoch:
        row = self._rows.add_epoch(
            EpochRow(
                number=0,
                conversation=group.conversation,
                id=signed.id,
                announcement=signed.encode(),
                wraps=wraps,
                seed=seed,
                came=now.mesh,
            )
        )
        epoch = HeldEpoch.of(row)
        group.epochs.append(epoch)
        self._by_number[epoch.number] = group, epoch
        self._make_chains(group, epoch, now)
        self._bound(group)
        return epoch

    def _make_chains(self, group: Group, epoch: HeldEpoch, now: Instant) -> None:
        """Make what can be made: of all recipients, or of the maker while they are not known."""
        if group.membership is None or group.membership.graph.missing(epoch.heads):
            self._chains.add(group, epoch, [epoch.maker], now)
            return
        self._chains.add(group, epoch, sorted(group.recipients(epoch)), now)
        epoch.seed = None
        self._rows.erase_seed(epoch.number)

    def erase(self, group: Group, epoch: HeldEpoch) -> None:
        """Erase an epoch with its chains."""
        self._chains.forget(epoch)
        self._rows.erase_epoch(epoch.number)
        group.epochs.remove(epoch)
        del self._by_number[epoch.number]

    def _bound(self, group: Group) -> None:
        """Erase what is too much: the oldest of who made the most, so that nobody pushes out by his
        own what others are read by.
        """
        in_use = group.chosen()
        while len(group.epochs) > OPEN_EPOCHS_MAX:
            made = Counter(epoch.maker for epoch in group.epochs)
            left = [epoch for epoch in group.epochs if epoch is not in_use]
            self.erase(group, max(left, key=lambda epoch: (made[epoch.maker], -epoch.number)))

    # --- Ours ---------------------------------------------------------------------------------

    def make(
        self,
        group: Group,
        now: Instant,
        *,
        operations: Sequence[SignedPost] = (),
        newcomers: Sequence[VerifyKey] = (),
    ) -> Made:
        """Make an epoch for the members that are known now. `operations`: what it is for.

        Nothing is sealed here; it is kept, with the chains, in the transaction of what it is for.
        """
        membership = group.membership
        assert membership is not None
        leaves = self._leaves.of_members(group)
        others = [key for key in membership.makers if key != group.me]
        without = [key for key in others if leaves.get(key, MemberLeaves()).bundle is None]
        heads = named_by_announcement(membership)
        count = len(membership.graph.operations(membership.now(heads).acts))
        drawn = draw_epoch(
            group.signing,
            group.gid,
            clock=now.mesh_ms << HLC_COUNTER_BITS,
            seq=self._groups.take_seq(group),
            heads=heads,
            turn=next_turn(group.known, count),
            members=membership.makers,
            without=without,
            entropy=self._entropy,
        )
        made = Made(drawn.signed)
        recipients: list[Recipient] = []
        shared = self._leaves.secrets_out(group)
        readers = [(each, group.recipients(each)) for each in group.epochs]
        for member in others:
            if member in without:
                continue
            known = leaves[member]
            assert known.bundle is not None
            if member in newcomers:
                wrap = self._welcome(group, drawn, known.bundle, now)
                made.welcomes[member] = wrap
                continue
            under = self.held_by(group, member, readers)
            if under is None:
                # Only his entrance is left (`welcomes.py`).
                continue
            recipients.append(self._recipient(group, under, known, shared.get(member)))
        made.operations = {
            each.id: operations_of_page(operations, group.outsiders(each)) for each in group.epochs
        }
        pages = make_pages(
            drawn,
            recipients,
            operations_under=made.operations.__getitem__,
            mesh_now=now.mesh,
            entropy=self._entropy,
            kem=self._kem,
        )
        made.pages = pages.pages
        bundles = {each.member: each.bundle for each in recipients}
        for member, founded in pages.founded.items():
            found = UnixSeconds(bundles[member].valid_from), founded.secret
            self._leaves.founded(group, member, found, now, is_out=True)
        welcomed = Wraps(first=b"".join(sorted(made.welcomes.values())))
        kept = encode_wraps([*(page.wraps for page in pages.pages), welcomed])
        self._hold(group, drawn.signed, drawn.maker.seed, now, kept)
        return made

    def _recipient(
        self, group: Group, under: HeldEpoch, known: MemberLeaves, shared: Shared | None
    ) -> Recipient:
        """A member who is known to hold an epoch, with what we know of his keys."""
        assert known.bundle is not None
        member = known.bundle.verify_key
        person = self._groups.person(group, member)
        wrote = None if person.wrote_under is None else group.find_epoch(person.wrote_under)
        # What he writes bears the ten seconds in which it was written: by that alone it may be of
        # before the wrap that it answers.
        has_shared = (
            shared is not None
            and wrote is not None
            and wrote.maker == group.me
            and wrote.came == shared.founded
        )
        return Recipient(
            member, under.id, known.bundle, known.short, person.heard, shared, has_shared
        )

    def _welcome(self, group: Group, drawn: MadeEpoch, bundle: Bundle, now: Instant) -> bytes:
        """The first wrap for somebody who holds no epoch by which he could be reached."""
        wrap, secret = drawn.maker.first(
            bundle.verify_key,
            bundle,
            mark=LONG_LEAF_MARK,
            key=bundle.prekey,
            entropy=self._entropy,
            kem=self._kem,
        )
        founded = UnixSeconds(bundle.valid_from), secret
        self._leaves.founded(group, bundle.verify_key, founded, now, is_out=True)
        return wrap

    def held_by(
        self,
        group: Group,
        member: VerifyKey,
        readers: Iterable[tuple[HeldEpoch, frozenset[VerifyKey]]] | None = None,
    ) -> HeldEpoch | None:
        """The epoch by which a member is reached: that under which he wrote last, else the first
        that was for him. Never simply the newest, which he may lack. One under which we cannot
        write reaches nobody: who wrote under it may have named what we do not know yet, so that it
        is not known for whom else it is. `readers`: of all epochs, for who asks of many members.
        """
        if readers is None:
            readers = ((each, group.recipients(each)) for each in group.epochs)
        wrote = self._groups.person(group, member).wrote_under
        wrote_under = None if wrote is None else group.find_epoch(wrote)
        if wrote_under is not None and self._chains.own(wrote_under, group.me) is None:
            wrote_under = None
        welcomed = next((each for each, theirs in readers if member in theirs), None)
        id_ = known_to_hold(
            wrote_under=None if wrote_under is None else wrote_under.id,
            welcomed_with=None if welcomed is None else welcomed.id,
        )
        epoch = None if id_ is None else group.find_epoch(id_)
        if epoch is None or self._chains.own(epoch, group.me) is None:
            return None
        return epoch

    def shared_before(
        self, group: Group, member: VerifyKey, held: Collection[bytes]
    ) -> list[HeldEpoch]:
        """The epochs beside the one in use that we share with a member, who says by their prefixes
        which he holds, and that members alone can read; the newest first, and none older than one
        that he lacks, in use or not: what was said under that must not come under keys that were
        stolen before.
        """
        assert group.membership is not None
        chosen = group.chosen()
        if chosen is None or prefix_of(chosen.id) not in held:
            return []
        return [
            epoch
            for epoch in takewhile(lambda each: prefix_of(each.id) in held, reversed(group.epochs))
            if epoch is not chosen
            and epoch.number > group.barred
            and not group.membership.graph.missing(epoch.heads)
            and not group.outsiders(epoch)
            and member in group.recipients(epoch)
            and self._chains.own(epoch, group.me) is not None
        ]
