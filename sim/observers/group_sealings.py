"""Everything that is sealed in groups, and to whom (S23).

Whom an epoch was really sealed to is seen where its seed is put into boxes. So when something is
sealed under it, it is known who can read that, and held against whom the node knows as members;
and no vault may hold an epoch of which no box was for its owner.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from mesh.content.entry import Kind, OperationId, Scope, decode_entry, entry_id
from mesh.database import Connection
from mesh.group.making import MadeEpoch, MadePages, Recipient, make_pages
from mesh.group.membership import Membership
from mesh.group.placed_posts import Hello, KeyPage, Supply, decode_placed, removed_by
from mesh.group.wraps import EpochMaker
from mesh.ids import VerifyKey
from mesh.messenger.groups import epochs_keeper
from mesh.messenger.groups.epochs_keeper import EpochsKeeper, Made
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_sealer import GroupSealer, holds_post
from mesh.messenger.groups.link_door import LinkDoor
from mesh.messenger.groups.membership_keeper import MembershipKeeper
from mesh.storage.vault.group_links import GroupLinkRow
from mesh.storage.vault.group_people import UnsealedRow
from sim.invariants.group_log import GroupLog
from sim.invariants.invariants import L13, S23, BrokenInvariant
from sim.invariants.nonce_reuse import NonceReuse
from sim.patching import Patch, patched

_ENTRY: Final = "SELECT id, target FROM entries WHERE number = ?"


class GroupSealings:
    """All epochs of one world, with those who can open them, and all that is sealed under them."""

    def __init__(
        self,
        *,
        log: GroupLog,
        working: Callable[[], int | None],
        vault_of: Callable[[int], Connection],
        owner_of: Callable[[int], int],
        nonce_reuse: NonceReuse,
    ) -> None:
        """`owner_of`: whose vault a machine has; a second one has that of the first. `nonce_reuse`
        learns at which tags many may write.
        """
        self._log = log
        self._working = working
        self._vault_of = vault_of
        self._owner_of = owner_of
        self._nonce_reuse = nonce_reuse
        self._sealed_to: dict[bytes, dict[VerifyKey, None]] = {}
        self._nodes: dict[VerifyKey, int] = {}
        self._keys: dict[tuple[int, bytes], dict[VerifyKey, None]] = {}
        self.count = 0
        """Of what was sealed."""

        self.epochs_count = 0
        self.rogues: Collection[int] = ()
        """Nodes of which it is not demanded that they seal to members alone."""

    def node_of(self, key: VerifyKey) -> int | None:
        """Return whose member key this is."""
        return self._nodes.get(key)

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, all of it is known."""
        box, make, seal = EpochMaker._box, EpochsKeeper.make, GroupSealer.seal
        hello, read, expect = GroupSealer.hello, MembershipKeeper._read, LinkDoor.expect

        def boxed(maker: EpochMaker, member: VerifyKey, secret: bytes, key: bytes) -> bytes:
            self._readers(maker.epoch, maker.maker)[member] = None
            return box(maker, member, secret, key)

        def made(keeper: EpochsKeeper, group: Group, *given: object, **named: object) -> Made:
            # It hands on whatever it was called with, here and below.
            result = make(keeper, group, *given, **named)  # type: ignore[arg-type]  # as it came
            self._readers(result.signed.id, group.me)
            self.epochs_count += 1
            self._require_members(group, result.signed.id, "wraps")
            return result

        pages = make_pages

        def planned(
            drawn: MadeEpoch, recipients: Sequence[Recipient], **named: object
        ) -> MadePages:
            for each in recipients:
                if each.member not in self._sealed_to.get(each.under, {}):
                    detail = "keys of a group are posted where who they are for cannot read them"
                    raise BrokenInvariant(L13, detail, self._nodes.get(each.member))
            return pages(drawn, recipients, **named)  # type: ignore[arg-type]  # as it came

        def sealed(
            sealer: GroupSealer,
            group: Group,
            epoch: HeldEpoch,
            row: UnsealedRow,
            *given: object,
        ) -> None:
            self._sealing(group, epoch, row)
            seal(sealer, group, epoch, row, *given)  # type: ignore[arg-type]  # as it came

        def said(
            sealer: GroupSealer, group: Group, post: Hello, epoch: HeldEpoch, *given: object
        ) -> bool:
            if post.tokens is not None or post.entry_heads:
                self._require_members(group, epoch.id, "a hello with tokens or heads of entries")
            return hello(sealer, group, post, epoch, *given)  # type: ignore[arg-type]  # as it came

        def opened(keeper: MembershipKeeper, *given: object) -> Group:
            group = read(keeper, *given)  # type: ignore[arg-type]  # as it came
            # Who leaves a group soon forgets it before anybody looks into the vault.
            self._nonce_reuse.learn_entrance(group.row.seed)
            node = self._working()
            if node is not None:
                self._nodes[group.me] = self._owner_of(node)
                self._keys.setdefault((node, group.gid), {})[group.me] = None
            return group

        def expected(door: LinkDoor, row: GroupLinkRow) -> None:
            if row.secret is not None:
                self._nonce_reuse.learn_link(row.secret)
            expect(door, row)

        with patched(
            Patch(EpochMaker, "_box", boxed),
            Patch(EpochsKeeper, "make", made),
            Patch(epochs_keeper, "make_pages", planned),
            Patch(GroupSealer, "seal", sealed),
            Patch(GroupSealer, "hello", said),
            Patch(MembershipKeeper, "_read", opened),
            Patch(LinkDoor, "expect", expected),
        ):
            yield

    def came_back(self, gid: str) -> list[int]:
        """Return the nodes that were in a group under more keys than one: they may have deleted
        what they had under the first.
        """
        return [
            node for (node, of), keys in self._keys.items() if of.hex() == gid and len(keys) > 1
        ]

    def require_held_by_right(self, node: int, owner: int, vault: Connection) -> None:
        """S23: each epoch of a vault was sealed to its owner."""
        for (epoch,) in vault.execute("SELECT id FROM group_epochs").fetchall():
            assert isinstance(epoch, bytes)
            readers = self._sealed_to.get(epoch, {})
            if readers and not any(self._nodes.get(key) == owner for key in readers):
                detail = "it opens an epoch of a group that nobody sealed to it"
                raise BrokenInvariant(S23, detail, node)

    def _readers(self, epoch: bytes, maker: VerifyKey) -> dict[VerifyKey, None]:
        return self._sealed_to.setdefault(epoch, {maker: None})

    def _sealing(self, group: Group, epoch: HeldEpoch, row: UnsealedRow) -> None:
        self.count += 1
        if row.entry is not None:
            self._require_members(group, epoch.id, "words")
            self._note_entry(epoch, row.entry)
            return
        if not holds_post(row):
            self._require_members(group, epoch.id, "what was held and read")
            return
        post = decode_placed(row.data)
        if row.epoch is None or isinstance(post, Supply):
            # Supplies of entries alone go under an epoch of before too.
            self._require_members(group, epoch.id, type(post).__name__)
        if isinstance(post, KeyPage):
            self._require_fair(group, epoch, post)
        elif isinstance(post, Supply):
            self._require_named(group, epoch, post)

    def _note_entry(self, epoch: HeldEpoch, number: int) -> None:
        node = self._working()
        if node is None:
            return
        ((id_, target),) = self._vault_of(node).execute(_ENTRY, (number,)).fetchall()
        assert isinstance(id_, bytes)
        assert isinstance(target, bytes)
        readers = [self._nodes[key] for key in self._sealed_to[epoch.id] if key in self._nodes]
        self._log.may_read((target or id_).hex(), readers)

    def _outsiders(self, group: Group, epoch: bytes) -> list[VerifyKey]:
        return [key for key in self._sealed_to.get(epoch, {}) if key not in group.roles]

    def _require_members(self, group: Group, epoch: bytes, what: str) -> None:
        """Nobody but members, as far as the node knows, can read what is sealed under an epoch."""
        if self._nodes.get(group.me) in self.rogues:
            return
        for key in self._outsiders(group, epoch):
            who = self._nodes.get(key)
            detail = f"{what} of a group are sealed to node {who}, whom it knows to be out"
            raise BrokenInvariant(S23, detail, self._nodes.get(group.me))

    def _require_fair(self, group: Group, epoch: HeldEpoch, page: KeyPage) -> None:
        """Those who are out learn of no operation but their removal."""
        gone = self._outsiders(group, epoch.id)
        for each in page.operations:
            if not set(gone) <= set(removed_by(VerifyKey(each.author), each.post)):
                detail = "an operation of a group is told to somebody whom it knows to be out"
                raise BrokenInvariant(S23, detail, self._nodes.get(group.me))

    def _require_named(self, group: Group, epoch: HeldEpoch, supply: Supply) -> None:
        """An entry is passed on to those who were members at its operations; to others unasked, as
        part of the board or of the history that the group lets newcomers have.
        """
        membership = group.membership
        assert membership is not None
        settings = membership.settings
        is_briefing = not supply.need_prefix and (settings.board == "on" or settings.history > 0)
        for each in supply.entries:
            entry = decode_entry(each.entry)
            readers = self._sealed_to.get(epoch.id, {})
            # What takes words back holds none, and is for all; a name is for all members. These go
            # on also from who lacks the operations that they name, and cannot judge them.
            is_for_all = entry.kind in (Kind.RETRACT, Kind.HIDE, Kind.NAME)
            is_free = is_briefing or is_for_all
            if not is_free and not _were_members(membership, entry.ops, readers):
                detail = "an entry of a group is passed on to somebody for whom it was not"
                raise BrokenInvariant(S23, detail, self._nodes.get(group.me))
            nodes = [self._nodes[key] for key in readers if key in self._nodes]
            id_ = entry_id(Scope(group.gid), VerifyKey(each.author), each.entry)
            self._log.may_read((entry.target or id_).hex(), nodes)


def _were_members(
    membership: Membership, operations: Sequence[bytes], readers: Collection[VerifyKey]
) -> bool:
    """Say whether some people all were members at operations; of such as are not here nobody knows
    it.
    """
    named = [OperationId(each) for each in operations]
    if membership.graph.missing(named):
        return False
    view = membership.named(named)
    return all(view.is_in(key) for key in readers)
