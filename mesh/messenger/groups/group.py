"""One group as a node has it in memory: our keys in it, its members, and its epochs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.content.entry import OperationId
from mesh.crypto.signing import SigningKey
from mesh.group.choice import KnownEpoch, chosen_epoch
from mesh.group.epochs import Announcement, EpochId, decode_announcement, prefix_of
from mesh.group.known_epochs import known_epoch
from mesh.group.membership import Membership
from mesh.group.operations import Role
from mesh.group.posts import GroupId, decode_signed_post
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.ratchet.identity import IdentityKeys
from mesh.storage.vault.group_keys import EpochRow
from mesh.storage.vault.group_people import GroupHereRow, GroupMemberRow
from mesh.storage.vault.groups import GroupRow
from mesh.wire.envelope import SECONDS_PER_DAY


@dataclass(slots=True, eq=False)
class HeldEpoch:
    """An epoch whose seed is, or was, here. `seed`: as long as chains are still to be made."""

    number: int
    id: EpochId
    maker: VerifyKey
    announcement: Announcement
    came: UnixSeconds
    seed: bytes | None = field(repr=False, default=None)

    @classmethod
    def of(cls, row: EpochRow) -> "HeldEpoch":
        """The epoch of a row; its announcement was checked before it was kept."""
        signed = decode_signed_post(row.announcement)
        return cls(
            row.number,
            EpochId(row.id),
            VerifyKey(signed.author),
            decode_announcement(signed.post),
            row.came,
            row.seed,
        )

    @property
    def heads(self) -> list[OperationId]:
        """The operations after which its recipients are the members."""
        return [OperationId(each) for each in self.announcement.heads]


@dataclass(slots=True, eq=False)
class Group:
    """A group. `row` and `here` are as they stand in the vault."""

    row: GroupRow
    here: GroupHereRow
    keys: IdentityKeys = field(repr=False)
    signing: SigningKey = field(repr=False)
    _find_membership: Callable[[ConversationId], Membership | None] = field(repr=False)
    people: dict[VerifyKey, GroupMemberRow] = field(default_factory=dict)
    epochs: list[HeldEpoch] = field(default_factory=list)
    """In the order in which they came."""

    barred: int = 0
    """Epochs up to this number are not written under: this vault may be older than what was written
    under them.
    """

    welcomed_with: set[bytes] = field(default_factory=set)
    """Epochs that came with a welcome though we are in, since the start."""

    _known: list[KnownEpoch] = field(default_factory=list)
    _known_of: tuple[Membership | None, int, int, tuple[int, ...]] | None = None

    @property
    def gid(self) -> GroupId:
        """The id of the group."""
        return self.row.id

    @property
    def conversation(self) -> ConversationId:
        """The number by which it is named here."""
        return self.row.conversation

    @property
    def me(self) -> VerifyKey:
        """Our member key."""
        return self.keys.verify_key

    # --- Members ------------------------------------------------------------------------------

    @property
    def membership(self) -> Membership | None:
        """The operations that are here; None until the beginning is."""
        return self._find_membership(self.conversation)

    @property
    def is_in(self) -> bool:
        """Say whether we are a member, as far as we know."""
        return self.me in self.roles

    @property
    def members(self) -> list[VerifyKey]:
        """All who are in, by rank."""
        membership = self.membership
        return [] if membership is None else membership.makers

    @property
    def roles(self) -> dict[VerifyKey, Role]:
        """Return what each member is."""
        membership = self.membership
        if membership is None:
            return {}
        return {key: member.role for key, member in membership.members.items()}

    # --- Epochs -------------------------------------------------------------------------------

    @property
    def known(self) -> list[KnownEpoch]:
        """All epochs that are held, as they look by what is known now."""
        membership = self.membership
        count = 0 if membership is None else len(membership.graph)
        of = membership, count, self.barred, tuple(each.number for each in self.epochs)
        if self._known_of != of:
            self._known = [self._seen(each, membership) for each in self.epochs]
            self._known_of = of
        return self._known

    @property
    def has_lost_keys(self) -> bool:
        """Say whether there are other members and no epoch by which any of them is reached, as in a
        vault that is put back from a backup.
        """
        return not self.epochs and len(self.members) > 1

    def find_epoch(self, id_: bytes) -> HeldEpoch | None:
        """The epoch of an id, or of the beginning of one."""
        return next((each for each in self.epochs if id_ in (each.id, prefix_of(each.id))), None)

    def chosen(self) -> HeldEpoch | None:
        """The epoch to write under; None: what is written waits."""
        roles = self.roles
        if self.me not in roles:
            return None
        epoch = chosen_epoch(self.known, roles)
        return None if epoch is None else self.find_epoch(epoch.id)

    def recipients(self, epoch: HeldEpoch) -> frozenset[VerifyKey]:
        """Those who can read an epoch, as far as it is known who they are; also one that was let go
        by what came under it.
        """
        found = next((each for each in self.known if each.id == epoch.id), None)
        return (found or self._seen(epoch, self.membership)).recipients

    def readers(self, epoch: HeldEpoch) -> frozenset[VerifyKey]:
        """Those who may read an epoch: its recipients; who was one when it was made and was added
        in vain, as it has turned out since; and its maker, who drew the seed, also one who was out
        already and made it for the others alone.
        """
        seen = next((each for each in self.known if each.id == epoch.id), None)
        seen = seen or self._seen(epoch, self.membership)
        readers = seen.recipients | {epoch.maker}
        if seen.members is None or self.membership is None:
            return readers
        # As many count now as it was made for may be others than those.
        made_for = frozenset(self.membership.named(epoch.heads).members())
        return readers | (made_for - seen.without)

    def outsiders(self, epoch: HeldEpoch) -> frozenset[VerifyKey]:
        """Those of the readers of an epoch who are no members."""
        return self.readers(epoch) - frozenset(self.members)

    def _seen(self, epoch: HeldEpoch, membership: Membership | None) -> KnownEpoch:
        day = epoch.came // SECONDS_PER_DAY
        announcement = epoch.announcement
        if membership is None:
            without = frozenset(VerifyKey(each) for each in announcement.without)
            return KnownEpoch(
                id=epoch.id,
                maker=epoch.maker,
                turn=announcement.turn,
                count=announcement.count,
                without=without,
                is_held=True,
                members=None,
                effective_count=0,
                day=day,
            )
        return known_epoch(
            announcement,
            membership,
            epoch=epoch.id,
            maker=epoch.maker,
            is_held=epoch.number > self.barred,
            day=day,
        )
