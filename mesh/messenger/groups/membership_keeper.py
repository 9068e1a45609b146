"""Groups, their operations and their people, in the vault and in memory.

Implements `docs/protocol/groups.md`. A post enters once, with its author's signature, and behind
its parents; one whose parents are missing waits as a row. What counts is found in memory, from the
posts alone: a restart reads them and comes to the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from mesh.content.entry import OperationId
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError
from mesh.group.cuts import RunHad, joined
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.group.membership import Change
from mesh.group.naming import parents_for
from mesh.group.operations import (
    Action,
    Add,
    Create,
    Operation,
    decode_operation,
    encode_operation,
    is_of_group,
)
from mesh.group.placed_posts import SuppliedHad
from mesh.group.posts import NO_GROUP, SignedPost, is_post_valid, sign_post
from mesh.ids import ConversationId, Instant, UnixSeconds, VerifyKey
from mesh.limits.groups import (
    HAD_BELIEVED_SECONDS,
    OPERATION_SEEN_MAX,
    WAITING_KEPT_SECONDS,
)
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.waiting_posts import WaitingPosts
from mesh.messenger.sessions.tag_index import (
    OfChain,
    OfEntrance,
    OfGroupLink,
    OfHello,
    OfLinkBundle,
    Owner,
    TagIndex,
)
from mesh.messenger.sessions.transit import Transit
from mesh.ratchet.identity import IdentityKeys
from mesh.storage.vault.group_people import GroupHereRow, GroupMemberRow
from mesh.storage.vault.groups import GroupRow, GroupState
from mesh.wire.payload import HLC_COUNTER_BITS

AWAITING: Final = ("joining", "in", "removed")
"""Our states in a group in which a welcome is taken: that we were removed may not count by what is
still to come, and who knows that may reach us by nothing else.
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """The operations that entered the graph, and what they changed."""

    change: Change
    operations: list[OperationId]


class MembershipKeeper:
    """All groups of this profile; memory and rows are always as new as each other."""

    def __init__(self, account: Account, transit: Transit, tag_index: TagIndex) -> None:
        self._transit = transit
        self._tag_index = tag_index
        self._entries = account.vault.entries
        self._authors = account.vault.authors
        self._history = account.vault.history
        self._search = account.vault.search
        self._leaving = account.vault.leaving
        self._pending_events = account.pending_events
        self._rows = account.vault.groups
        self._people = account.vault.group_people
        self._key_rows = account.vault.group_keys
        self._need_rows = account.vault.group_needs
        self._loss_rows = account.vault.group_losses
        self._receipt_rows = account.vault.group_receipts
        self._link_rows = account.vault.group_links
        self._letter_rows = account.vault.member_letters
        self._groups: dict[ConversationId, Group] = {}
        for row in self._rows.all():
            self._expect_letters(self._read(row))

    # --- Which there are ----------------------------------------------------------------------

    @property
    def all(self) -> list[Group]:
        """All groups, by number."""
        return list(self._groups.values())

    def find(self, conversation: ConversationId) -> Group | None:
        """The group of a conversation, if it is one."""
        return self._groups.get(conversation)

    def find_by_id(self, gid: bytes) -> Group | None:
        """The group of an id, if it is known here."""
        return next((group for group in self._groups.values() if group.gid == gid), None)

    def add(self, row: GroupRow, here: GroupHereRow) -> Group:
        """Add a group that is new here; its conversation is there."""
        self._rows.add(row)
        self._people.put(here)
        group = self._groups[row.conversation] = self._read(row)
        return group

    def set_state(self, group: Group, state: GroupState, now: Instant) -> None:
        """Be something else in a group from now on."""
        joined = now.mesh if state == "in" and not group.row.joined else group.row.joined
        self._rows.set_state(group.conversation, state, joined=joined)
        was_awaited = group.row.state in AWAITING
        group.row = replace(group.row, state=state, joined=joined)
        if not was_awaited:
            self._expect_letters(group)
        elif state not in AWAITING:
            self._tag_index.forget_owners([OfEntrance(group.conversation)])
        if state == "in":
            for invite in self._people.other_invites(group.conversation, is_accepted=False):
                self._people.drop_other_invite(invite)
        self.put(group, replace(group.here, since=now.expiry))

    def _expect_letters(self, group: Group) -> None:
        """Expect letters at our entrance: the way in, and the last way to who reads no epoch."""
        self._groups[group.conversation] = group
        if group.row.state in AWAITING:
            tags = entrance_tags(entrance_of(group.row.seed))
            self._tag_index.expect(OfEntrance(group.conversation), tags, is_wanted=True)

    def tell_contacts(self, group: Group, *, is_known: bool) -> None:
        """Let contacts in a group recognise us by our hellos, or not any more."""
        self._rows.set_tells_contacts(group.conversation, is_known=is_known)
        group.row = replace(group.row, tells_contacts=is_known)

    def put(self, group: Group, here: GroupHereRow) -> None:
        """Keep what is known of a group now."""
        if here != group.here:
            if here.name != group.here.name:
                self._rows.changed()
            group.here = here
            self._people.put(here)

    def begin_anew(self, row: GroupRow, here: GroupHereRow) -> Group:
        """Be somebody new in a group in which we were: of what was there, operations and words
        stay, and ours are by who we were then.
        """
        before = self._groups[row.conversation]
        records = () if before.membership is None else before.membership.graph.records(before.me)
        name = records[0][0].record.name if records else ""
        self._authors.part_from(row.conversation, before.me, name)
        self._history.forget()
        self._forget_tags(row.conversation)
        self._key_rows.forget(row.conversation)
        self._link_rows.forget(row.conversation)
        self._letter_rows.forget(row.conversation)
        chosen = self._receipt_rows.settings(row.conversation)
        self._receipt_rows.forget(row.conversation)
        # Who lets nobody know what came has chosen that as a person, by whatever key.
        self._receipt_rows.put_settings(replace(chosen, due=None))
        self._people.forget(row.conversation)
        self._rows.begin_anew(row)
        self._people.put(here)
        group = self._groups[row.conversation] = self._read(row)
        for member in group.members:
            self.person(group, member)
        return group

    def forget(self, group: Group) -> None:
        """Let go of a group, but for its conversation."""
        self._forget_tags(group.conversation)
        self._key_rows.forget(group.conversation)
        self._need_rows.forget(group.conversation)
        self._loss_rows.forget(group.conversation)
        self._link_rows.forget(group.conversation)
        self._letter_rows.forget(group.conversation)
        self._receipt_rows.forget(group.conversation)
        self._people.forget(group.conversation)
        self._rows.forget(group.conversation)
        del self._groups[group.conversation]

    def _forget_tags(self, conversation: ConversationId) -> None:
        """Expect nothing more under the keys that are about to go."""
        owners: list[Owner] = [OfEntrance(conversation), OfLinkBundle(conversation)]
        owners += [OfGroupLink(row.number) for row in self._link_rows.of(conversation)]
        for epoch in self._key_rows.epochs(conversation):
            for chain in self._key_rows.chains(epoch.number):
                owners += [OfChain(chain.number), OfHello(chain.number)]
        self._tag_index.forget_owners(owners)

    def erase(self, group: Group) -> None:
        """Let go of a group with all that was said in it."""
        conversation = group.conversation
        numbers = self._entries.numbers(conversation)
        self._transit.forget(conversation, numbers)
        self._pending_events.forget_messages(numbers)
        self._pending_events.forget_group(conversation)
        with self._search.going(len(numbers)):
            self.forget(group)
            self._leaving.remove_conversation(conversation)
        self._history.forget()

    def _read(self, row: GroupRow) -> Group:
        keys = IdentityKeys.from_seed(row.seed)
        group = Group(
            row,
            self._people.here(row.conversation),
            keys,
            SigningKey.from_seed(keys.signing_seed),
            self._rows.membership,
        )
        group.people = {one.member: one for one in self._people.members(row.conversation)}
        losses = self._loss_rows.of(row.conversation)
        group.barred = max((each.last_epoch for each in losses), default=0)
        group.epochs = [HeldEpoch.of(each) for each in self._key_rows.epochs(row.conversation)]
        return group

    # --- People -------------------------------------------------------------------------------

    def person(self, group: Group, member: VerifyKey) -> GroupMemberRow:
        """Return what is known of a member beside what operations say."""
        row = group.people.get(member)
        if row is None:
            row = self._people.add_member(GroupMemberRow(0, group.conversation, member))
            group.people[member] = row
        return row

    def put_person(self, group: Group, row: GroupMemberRow) -> None:
        """Keep what is known of a member now."""
        if row != group.people[row.member]:
            group.people[row.member] = row
            self._people.put_member(row)

    def heard(
        self, group: Group, member: VerifyKey, epoch: HeldEpoch | None, at: UnixSeconds
    ) -> None:
        """Something of a member was opened: it shows which epoch he holds; None: it shows nothing
        of that.
        """
        row = self.person(group, member)
        under = row.wrote_under if epoch is None or at < row.heard else epoch.id
        self.put_person(group, replace(row, heard=max(row.heard, at), wrote_under=under))

    def take_had(
        self,
        group: Group,
        epoch: HeldEpoch,
        teller: VerifyKey,
        told: Sequence[SuppliedHad],
        now: Instant,
    ) -> None:
        """Take what somebody says he has of each member: of the time before us we know no more.

        It is believed of who added us, soon after: each number that is told lifts a cut.
        """
        if not told or not _is_believed(group, epoch, teller, now):
            return
        for each in told:
            members = [one for one in group.members if one.startswith(each.member_prefix)]
            if len(members) == 1:
                before = self._people.had(group.conversation, members[0])
                had = joined(before, each.had)
                self._people.put_had(group.conversation, members[0], had)

    def had(self, group: Group, member: VerifyKey, here: Sequence[RunHad]) -> tuple[RunHad, ...]:
        """Return what there is of a member's entries: those that are here, and those of the time
        before us that somebody told of.
        """
        return joined(here, self._people.had(group.conversation, member))

    # --- Operations ---------------------------------------------------------------------------

    def sign(self, group: Group, action: Action, now: Instant) -> SignedPost:
        """Sign an operation of ours that was found to count; it is still to be taken in."""
        membership = group.membership
        assert membership is not None
        seen: tuple[bytes, ...] = ()
        if isinstance(action, Add):
            # What stood last before who is added: he asks for nothing above it.
            heads = self._history.heads(group.conversation)[-OPERATION_SEEN_MAX:]
            seen = tuple(bytes(head.id) for head in heads)
        post = encode_operation(
            action,
            clock=now.mesh_ms << HLC_COUNTER_BITS,
            seq=self.take_seq(group),
            parents=parents_for(membership, group.me, action),
            seen=seen,
        )
        return sign_post(group.signing, group.gid, post)

    def take_seq(self, group: Group) -> int:
        """The number of our next operation or announcement."""
        seq = group.here.posted
        self.put(group, replace(group.here, posted=seq + 1))
        return seq

    def take(self, group: Group, posts: Iterable[SignedPost], now: Instant) -> Taken:
        """Take in operations by anybody; what is not signed, or can never count, is passed over."""
        coming, waiting = [], WaitingPosts(group, self._rows)
        for signed in posts:
            try:
                operation = self._checked(group, signed)
                waiting.admit(operation, len(signed.post))
            except PeerError:
                # Whoever passed it on may have passed on others that stand.
                continue
            coming.append(signed)
        before = frozenset[OperationId]()
        if group.membership is not None:
            before = frozenset(group.membership.graph.positions)
        change = self._rows.take(group.row, coming, now.mesh)
        after = () if group.membership is None else group.membership.graph.positions
        return Taken(change, [id_ for id_ in after if id_ not in before])

    def signed(self, group: Group) -> list[SignedPost]:
        """All operations that are here, each behind its parents, for who lacks them."""
        return [row.signed for row in self._rows.operations(group.conversation)]

    def _checked(self, group: Group, signed: SignedPost) -> Operation:
        """Return an operation; PeerError unless it is one of this group, and by its author."""
        author = VerifyKey(signed.author)
        operation = decode_operation(author, signed.post)
        scope = NO_GROUP if isinstance(operation.action, Create) else group.gid
        if not is_post_valid(signed, scope, verify=is_signature_valid):
            raise PeerError("an operation with a bad signature")
        if not is_of_group(operation, group.gid):
            raise PeerError("an operation of another group, or one that adds somebody unasked")
        return operation

    def give_up_waiting(self, now: Instant) -> None:
        """Let go of operations that waited so long that what they wait for will not come."""
        self._rows.drop_waiting(UnixSeconds(now.expiry - WAITING_KEPT_SECONDS))


def _is_believed(group: Group, epoch: HeldEpoch, teller: VerifyKey, now: Instant) -> bool:
    membership = group.membership
    if membership is None or group.here.since + HAD_BELIEVED_SECONDS <= now.expiry:
        return False
    if group.row.state == "joining":
        # The operation that adds us may come later: it is told under the keys that he made for us.
        return teller == epoch.maker
    graph, counting = membership.graph, membership.view.acts
    adds = graph.of(graph.person(group.me).adds & counting)
    return any(act.author == teller for act in adds)
