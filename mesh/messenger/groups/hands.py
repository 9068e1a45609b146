"""Keys that did not come: an epoch is handed on to who writes under an older one, and made anew
where its maker is away, or who cannot open it says so.

Implements `docs/protocol/groups.md`, section "Keys that did not come". All of this is memory: who
still lacks the keys after a restart writes under the older ones again, or asks again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.content.entry import OperationId
from mesh.group.chains import hello_index, week_of
from mesh.group.epochs import EpochId, prefix_of
from mesh.group.makers import Complaint
from mesh.group.operations import Operation
from mesh.group.placed_posts import (
    Cannot,
    KeyPage,
    PostPlace,
    decode_wraps,
    make_wraps_field,
)
from mesh.group.posts import SignedPost, decode_signed_post
from mesh.group.repair import answered_after
from mesh.group.wraps import Trouble, wrap_for
from mesh.ids import ConversationId, Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import DAY_SECONDS, HELLO_INTERVAL_SECONDS, PAGE_POSTS_MAX
from mesh.limits.group_repair import (
    ANSWERERS_HEARD,
    CALLED_EPOCHS_MAX,
    CALLING_RANKS,
    HAND_BYTES_MAX,
    HANDED_AFTER,
    HANDED_AGAIN,
    MADE_ANEW_AFTER,
    MADE_FOR_LOST_AFTER,
)
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.hellos import Hellos
from mesh.messenger.groups.keepers import Keepers

_Place = tuple[ConversationId, VerifyKey]


@dataclass(frozen=True, slots=True)
class _Behind:
    """A member who may lack the epoch in use."""

    epoch: EpochId
    """The one that he may lack."""

    due: UnixSeconds
    said: bool
    """He said so."""


class Hands:
    """Members who may lack the epoch in use."""

    def __init__(
        self, account: Account, *, keepers: Keepers, posting: GroupPosting, hellos: Hellos
    ) -> None:
        self._key_rows = account.vault.group_keys
        self._operations = account.vault.groups
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._posting = posting
        self._hellos = hellos
        self._behind: dict[_Place, _Behind] = {}
        self._handed: dict[_Place, UnixSeconds] = {}
        self._served: dict[_Place, UnixSeconds] = {}
        # Who writes and is removed: when he is told, and when he was.
        self._out: dict[_Place, UnixSeconds] = {}
        self._told_out: dict[_Place, UnixSeconds] = {}

    # --- Who is behind ------------------------------------------------------------------------

    def heard(
        self,
        group: Group,
        epoch: HeldEpoch,
        member: VerifyKey,
        at: UnixSeconds,
        before: UnixSeconds,
        now: Instant,
    ) -> bool:
        """A member wrote under an epoch, having been heard `before`; return whether he may lack
        the one in use.
        """
        place, chosen = (group.conversation, member), group.chosen()
        if chosen is None or chosen is epoch or member not in group.recipients(chosen):
            self._behind.pop(place, None)
            return False
        has_lost_keys = epoch.maker == member and epoch.id in group.welcomed_with
        # When he wrote he says by his clock; that he welcomed us since is sure.
        is_late = at <= chosen.came and not (has_lost_keys and epoch.number > chosen.number)
        if is_late or self._is_waiting(place, chosen):
            return False
        if has_lost_keys:
            # A hand would open nothing for him.
            due = UnixSeconds(now.mesh + MADE_FOR_LOST_AFTER)
            self._behind[place] = _Behind(chosen.id, due, said=True)
            return True
        if not self._may_hand(group, member, now):
            return False
        # What was made for him while he was away has lapsed; else it is most likely on its way.
        was_away = before + HELLO_INTERVAL_SECONDS <= now.mesh
        pause = 0 if was_away else HANDED_AFTER
        if chosen.maker != group.me:
            pause = MADE_ANEW_AFTER
        self._behind[place] = _Behind(chosen.id, UnixSeconds(now.mesh + pause), said=False)
        return True

    def cannot(self, group: Group, member: VerifyKey, cannot: Cannot, now: Instant) -> None:
        """A member says that he cannot open an epoch, and why."""
        chosen = group.chosen()
        if cannot.trouble is not Trouble.NO_WRAP:
            # He may have lost by what others wrap for him: they begin anew.
            self._leaves.forget_secret_for(group, member)
        if chosen is None or prefix_of(chosen.id) != cannot.epoch_prefix:
            # What was written under it he asks for as an entry, once he knows that there is any.
            self._hellos.unread(group)
            return
        place = group.conversation, member
        # Its maker has the wrap, and hands it on before anybody makes another epoch.
        is_handed = cannot.trouble is Trouble.NO_WRAP and self._is_present(group, chosen.maker, now)
        if is_handed and chosen.maker == group.me and self._handed.get(place, 0) < chosen.came:
            self._hand(group, chosen, member, now)
        if chosen.maker == group.me:
            # A wrap whose hint he does not find rests on what he never had: handed on, it would be
            # no better, nor would the next one.
            self._leaves.forget_secret_for(group, member)
        pause = HANDED_AFTER if is_handed else 0
        self._behind[place] = _Behind(chosen.id, UnixSeconds(now.mesh + pause), said=True)

    # --- Who does not know that he is out -----------------------------------------------------

    def heard_out(self, group: Group, member: VerifyKey, now: Instant) -> bool:
        """Somebody writes who is removed: he may not know. Return whether that is new."""
        place, removal = (group.conversation, member), self._removal_of(group, member)
        told = self._told_out.get(place, -DAY_SECONDS)
        if removal is None or place in self._out or told + HANDED_AGAIN > now.mesh:
            return False
        heard = {key: group.people[key].heard for key in group.members if key in group.people}
        pause = answered_after(removal.id, group.me, heard, now.mesh, first=(removal.author,))
        self._out[place] = UnixSeconds(now.mesh + pause)
        return True

    def told(self, group: Group, operations: Iterable[SignedPost]) -> None:
        """Somebody tells operations: who is removed by them needs them of nobody else."""
        ids: list[bytes] = [each.id for each in operations]
        for place in list(self._out):
            removal = self._removal_of(group, place[1])
            if place[0] == group.conversation and removal is not None and bytes(removal.id) in ids:
                del self._out[place]

    def _removal_of(self, group: Group, member: VerifyKey) -> Operation | None:
        """Return what removed somebody and counts, the last of it."""
        if group.membership is None or member in group.members:
            return None
        graph, counting = group.membership.graph, group.membership.view.acts
        last = graph.latest(graph.person(member).removals & counting)
        return last[0].operation if last else None

    def _tell_out(self, group: Group, now: Instant) -> list[UnixSeconds]:
        dues = []
        for place, due in list(self._out.items()):
            conversation, member = place
            if conversation != group.conversation:
                continue
            removal = self._removal_of(group, member)
            if due > now.mesh and removal is not None:
                dues.append(due)
                continue
            del self._out[place]
            wrote = self._groups.person(group, member).wrote_under
            epoch = None if wrote is None else group.find_epoch(wrote)
            if removal is not None and epoch is not None:
                row = self._operations.find_operation(group.conversation, removal.id)
                assert row is not None
                self._posting.tell_under(group, epoch, [row.signed], now)
                self._told_out[place] = now.mesh
        return dues

    # --- Below --------------------------------------------------------------------------------

    def _is_waiting(self, place: _Place, chosen: HeldEpoch) -> bool:
        behind = self._behind.get(place)
        return behind is not None and behind.epoch == chosen.id

    def _may_hand(self, group: Group, member: VerifyKey, now: Instant) -> bool:
        """Say whether we are to do anything: who made the epoch, or anybody while he is away."""
        chosen = group.chosen()
        assert chosen is not None
        handed = self._handed.get((group.conversation, member), -DAY_SECONDS)
        if chosen.maker == group.me:
            return handed + HANDED_AGAIN <= now.mesh
        return not self._is_present(group, chosen.maker, now)

    def _is_present(self, group: Group, member: VerifyKey, now: Instant) -> bool:
        if member == group.me:
            return True
        row = group.people.get(member)
        return row is not None and now.mesh - row.heard <= ANSWERERS_HEARD

    # --- Who is silent ------------------------------------------------------------------------

    def call(self, group: Group, rank: int, now: Instant) -> None:
        """Say hello, once a week, also under the epochs of those who were not heard for a week:
        they may read no other, and by it they find what else stands there.
        """
        chosen = group.chosen()
        if chosen is None or rank >= CALLING_RANKS:
            return
        silent: dict[int, HeldEpoch] = {}
        for member in group.members:
            row = group.people.get(member)
            if member == group.me or row is None:
                continue
            if row.heard + HELLO_INTERVAL_SECONDS <= now.mesh:
                epoch = self._epochs.held_by(group, member)
                if epoch is not None and epoch is not chosen:
                    silent[epoch.number] = epoch
        first = hello_index(week_of(now.mesh), 0)
        for number in sorted(silent, reverse=True)[:CALLED_EPOCHS_MAX]:
            own = self._key_rows.find_chain(number, group.me)
            if own is not None and own.opened <= first:
                self._hellos.say(group, silent[number], now)

    # --- What is done -------------------------------------------------------------------------

    def complaints(self, group: Group) -> list[Complaint]:
        """Return who cannot open the epoch in use, and will not be handed it by its maker."""
        chosen = group.chosen()
        return [
            Complaint(member, behind.due)
            for (conversation, member), behind in self._behind.items()
            if conversation == group.conversation
            and chosen is not None
            and behind.epoch == chosen.id
            and (behind.said or chosen.maker != group.me)
        ]

    def served(self, group: Group) -> dict[VerifyKey, UnixSeconds]:
        """Return when another epoch was in use after somebody could not open one."""
        return {
            member: at
            for (conversation, member), at in self._served.items()
            if conversation == group.conversation
        }

    def made_anew(self, group: Group, now: Instant) -> None:
        """Another epoch was made since members cannot open the one in use. They are served, though
        it may not be written under: a lesser one would else be followed by more without end.
        """
        for complaint in self.complaints(group):
            if complaint.said <= now.mesh:
                place = group.conversation, complaint.member
                self._served[place] = now.mesh
                del self._behind[place]

    def tend(self, group: Group, now: Instant) -> list[UnixSeconds]:
        """Hand on what is due; return when something else is."""
        chosen = group.chosen()
        dues = self._tell_out(group, now)
        for place, behind in list(self._behind.items()):
            conversation, member = place
            if conversation != group.conversation:
                continue
            if chosen is None or behind.epoch != chosen.id or member not in group.members:
                if behind.due <= now.mesh or behind.said:
                    self._served[place] = now.mesh
                if behind.said:
                    self._hellos.unread(group)
                del self._behind[place]
            elif behind.said or chosen.maker != group.me:
                continue
            elif behind.due > now.mesh:
                dues.append(behind.due)
            else:
                del self._behind[place]
                self._hand(group, chosen, member, now)
        return dues

    def _hand(self, group: Group, chosen: HeldEpoch, member: VerifyKey, now: Instant) -> None:
        """Post the epoch in use for one who writes under another, under that."""
        under = self._epochs.held_by(group, member)
        rows = self._key_rows.epochs(group.conversation)
        (row,) = [each for each in rows if each.number == chosen.number]
        if under is None or under is chosen or row.wraps is None:
            return
        shared = self._leaves.secrets_out(group).get(member)
        wrap = wrap_for(
            decode_wraps(row.wraps),
            member,
            ephemeral=chosen.announcement.ephemeral,
            secret=None if shared is None else shared.secret,
        )
        if wrap is None:
            return
        # He may have missed so much that only a hello tells where we stand in that epoch.
        self._hellos.say(group, under, now)
        announcement = decode_signed_post(row.announcement)
        told = self._operations_for(group, under, chosen)
        hand = KeyPage(1, 4, 0, PostPlace(bytes(8), 0), announcement, make_wraps_field(wrap), told)
        self._posting.queue(group, hand, under.id, now)
        self._handed[group.conversation, member] = now.mesh

    def _operations_for(
        self, group: Group, under: HeldEpoch, chosen: HeldEpoch
    ) -> list[SignedPost]:
        """Return the operations of an epoch that who holds an older one may lack, if they fit. What
        its readers may not learn is left out when it is sealed.
        """
        membership = group.membership
        assert membership is not None
        graph = membership.graph
        known = [OperationId(id_) for id_ in under.heads if not graph.missing([id_])]
        lacking = graph.closure(chosen.heads) & ~graph.closure(known)
        found, room = list[SignedPost](), HAND_BYTES_MAX
        for operation in graph.operations(lacking)[:PAGE_POSTS_MAX]:
            row = self._operations.find_operation(group.conversation, operation.id)
            assert row is not None
            room -= len(row.signed.encode())
            if room < 0:
                break
            found.append(row.signed)
        return found
