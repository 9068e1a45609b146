"""The consequences of operations and epochs: where we stand, and under what is written.

Implements `docs/protocol/groups.md`, section "Standing". Everything here is found anew from what is
known; so it does not matter which of two things came first, and a restart in between changes
nothing.
"""

from collections.abc import Callable, Collection
from typing import Literal

from msgspec.structs import replace

from mesh.group.lifetimes import receiving_chain_ends
from mesh.group.who_tokens import is_known_by
from mesh.ids import Instant, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.groups.group import Group, HeldEpoch
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.hellos import Hellos, LinkKeys
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.membership_keeper import Taken
from mesh.messenger.groups.speech import GroupSpeech
from mesh.messenger.pauses import Pause
from mesh.messenger.pending_events import GroupNews
from mesh.storage.vault.groups import GroupState


class Standing:
    """Draws the consequences."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        posting: GroupPosting,
        hellos: Hellos,
        speech: GroupSpeech,
        link_keys: LinkKeys,
    ) -> None:
        self._key_rows = account.vault.group_keys
        self._key_ends = account.vault.group_key_ends
        self._pending_events = account.pending_events
        self._groups = keepers.groups
        self._epochs = keepers.epochs
        self._leaves = keepers.leaves
        self._chains = keepers.chains
        self._posting = posting
        self._hellos = hellos
        self._speech = speech
        self._link_keys = link_keys
        self.is_changed = True
        """Something of a group is another one than when its chores were done last."""

        self.members_changed: Callable[[Group, Instant], None] = lambda *_: None
        """Told when operations began or ceased to count, once it is found where we stand."""

        speech.lacks = self._change

    def _change(self) -> None:
        self.is_changed = True

    # --- Operations ---------------------------------------------------------------------------

    def took(self, group: Group, taken: Taken, now: Instant, *, pause: Pause = Pause.SOON) -> None:
        """Operations came, and changed this."""
        membership, change = group.membership, taken.change
        if membership is None:
            return
        self.is_changed = True
        self._epochs.complete(group, now)
        if membership.graph.group in taken.operations:
            # What was said came before it could be judged by anything.
            self._chains.expect_all([group], now)
        members = membership.members
        for key in members:
            self._groups.person(group, key)
        for key in group.people:
            if key not in members:
                self._gone(group, key, now)
        self._keep(group, members)
        # What was done before we came is there to be read, and no news.
        is_told = group.row.state == "in"
        self._speech.operations_came(
            group.conversation, taken.operations, change, now, is_told=is_told
        )
        if change.counting or change.void:
            self._pending_events.group_changed(group.conversation)
        for operation in change.void:
            self._pending_events.group_changed(group.conversation, GroupNews("noted", operation))
        self.settle(group, now, pause=pause)
        if change.counting or change.void:
            self.members_changed(group, now)

    def settle(self, group: Group, now: Instant, *, pause: Pause = Pause.SOON) -> None:
        """Find where we stand now, and seal what waited for that.

        What leaves since something came leaves after a pause: an answer at once would tell who
        brought it that this node could open it.
        """
        if group.membership is None:
            return
        self._set_state(group, now)
        if group.row.state != "in":
            # Our leaving is still told.
            self._posting.flush(group, now, pause=pause)
            return
        chosen = group.chosen()
        since = group.here.waiting_since
        if chosen is None:
            if not since:
                self.is_changed = True
                self._groups.put(group, replace(group.here, waiting_since=now.mesh))
                self._pending_events.group_changed(group.conversation)
        else:
            if since:
                self._groups.put(group, replace(group.here, waiting_since=0))
                self._pending_events.group_changed(group.conversation)
            for epoch in group.epochs:
                if epoch is not chosen:
                    self._key_rows.set_over(epoch.number, now.mesh)
            self._key_rows.keep_wraps_of(group.conversation, chosen.number)
            if not group.here.said and len(group.members) > 1:
                self._hellos.say(group, chosen, now)
        self._posting.flush(group, now, pause=pause)

    def _set_state(self, group: Group, now: Instant) -> None:
        state: GroupState = group.row.state
        if group.is_in and state in ("joining", "removed"):
            # Of a removal it may turn out that it does not count.
            state = "in"
        elif not group.is_in and (state == "in" or (state == "joining" and _is_out(group))):
            # Somebody may be out again before he knew that he was in.
            state = "left" if _has_left(group) else "removed"
        if state != group.row.state:
            self._groups.set_state(group, state, now)
            self._pending_events.group_changed(group.conversation)
            kind: Literal["added", "left"] = "added" if state == "in" else "left"
            if state != "in":
                self._posting.give_up(group)
            self._pending_events.group_changed(group.conversation, GroupNews(kind))

    def _gone(self, group: Group, member: VerifyKey, now: Instant) -> None:
        """Somebody is no member: his chains go in a week, and nothing is wrapped for him.

        Where he is none since it does not count that he was added, he may be added again.
        """
        membership = group.membership
        assert membership is not None
        person = membership.graph.person(member)
        if (person.removals | person.leaves) & membership.view.acts:
            self._leaves.forget(group, member)
        ends = receiving_chain_ends(heard_later=None, removal_known=now.expiry)
        assert ends is not None
        if member == group.me:
            return
        for epoch in group.epochs:
            chain = self._key_rows.find_chain(epoch.number, member)
            if chain is not None and chain.erase_after is None:
                self._key_rows.erase_chain_after(chain.number, ends)

    def _keep(self, group: Group, members: Collection[VerifyKey]) -> None:
        """Read on whom a removal does not count against: of the chains of members go only those of
        epochs before the last in which they were heard.
        """
        for row in self._key_ends.chains_ending(group.conversation):
            if row.member not in members:
                continue
            wrote = self._groups.person(group, row.member).wrote_under
            epoch = None if wrote is None else group.find_epoch(wrote)
            if epoch is None or row.epoch >= epoch.number:
                self._key_ends.keep_chain(row.number)

    def say_hello(self, group: Group) -> None:
        """Say hello soon: who we are is to be known now."""
        self._hellos.want(group)
        self.is_changed = True

    # --- People -------------------------------------------------------------------------------

    def heard_under(self, group: Group, epoch: HeldEpoch, member: VerifyKey, now: Instant) -> None:
        """A member writes under an epoch: what he wrote under those before is on its way."""
        ends = receiving_chain_ends(heard_later=now.expiry, removal_known=None)
        assert ends is not None
        for earlier in group.epochs:
            if earlier.number >= epoch.number:
                break
            chain = self._key_rows.find_chain(earlier.number, member)
            if chain is not None and chain.erase_after is None:
                self._key_rows.erase_chain_after(chain.number, ends)

    def recognise(self, group: Group, member: VerifyKey, tokens: bytes | None) -> None:
        """A member says by tokens which contact he is; nobody else can tell."""
        row = self._groups.person(group, member)
        if tokens is None or row.contact is not None:
            return
        for contact, link_key in self._link_keys():
            if is_known_by(tokens, link_key, group.gid, member):
                self._groups.put_person(group, replace(row, contact=contact))
                self.say_hello(group)
                self._pending_events.group_changed(group.conversation)
                return


def _is_out(group: Group) -> bool:
    """Say whether a removal or a leaving of ours counts."""
    membership = group.membership
    assert membership is not None
    person = membership.graph.person(group.me)
    return bool((person.removals | person.leaves) & membership.view.acts)


def _has_left(group: Group) -> bool:
    membership = group.membership
    assert membership is not None
    return bool(membership.graph.person(group.me).leaves & membership.view.acts)
