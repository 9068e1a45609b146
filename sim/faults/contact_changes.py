"""Users who change their minds: invites that are taken back, and contacts that are removed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mesh.commands.answer import Answer
from mesh.commands.contacts import RemoveContact
from mesh.commands.invites import CreateInvite, InviteAnswer, RevokeInvite
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.schema.fault_tables import Removals, Revocations
from sim.users.user import User
from sim.users.users import Users


@dataclass(slots=True)
class ChangeCounters:
    """The counts of what users did."""

    revocations: int = 0
    """Invites that nobody could use any more when they were taken back."""

    removals: int = 0


@dataclass(slots=True)
class ContactChanges:
    """All such changes of one world.

    What is written until `quiet_at` between two of whom one may not be let in may be lost.
    """

    loop: Loop
    present: Sequence[VirtualNode]
    users: Users
    message_log: MessageLog
    quiet_at: int
    is_on_its_way: Callable[[LoggedMessage], bool]
    counters: ChangeCounters = field(default_factory=ChangeCounters)
    _given: dict[tuple[int, int], None] = field(default_factory=dict)
    """Pairs between which such an invite went, lower first."""

    def plan(
        self, fault: Revocations | Removals, node: VirtualNode, chance: Chance, when: int
    ) -> None:
        """Plan what one user does."""
        if isinstance(fault, Removals):
            self.loop.at(when, partial(self._remove, node, chance))
        else:
            used_us, revoked_us = (
                chance.between(*(round(seconds * 1_000_000) for seconds in fault.for_s))
                for _ in range(2)
            )
            self.loop.at(when, partial(self._give, node, chance, used_us, revoked_us))

    def _give(self, node: VirtualNode, chance: Chance, used_us: int, revoked_us: int) -> None:
        """Give an invite to somebody whom one does not know yet."""
        giver = self.users.user_at(node.index)
        others = [
            other
            for each in self.present
            if self._are_strangers(giver, other := self.users.user_at(each.index))
        ]
        if giver.identity_key and others:
            other = chance.pick(others)
            self._given[_pair(giver, other)] = None
            # Whoever is not let in does not know, and writes to nobody.
            self.message_log.trouble_between(giver.index, other.index, self.quiet_at)
            given = partial(self._given_to, giver, other, used_us, revoked_us)
            giver.ask(CreateInvite(), given)

    def _are_strangers(self, one: User, other: User) -> bool:
        is_known = other.index in one.friends or other.index in one.contacts
        is_there = bool(other.identity_key) and other is not one
        return is_there and not is_known and _pair(one, other) not in self._given

    def _given_to(
        self, giver: User, other: User, used_us: int, revoked_us: int, answer: Answer
    ) -> None:
        assert isinstance(answer, InviteAnswer)
        self.loop.after(
            used_us, partial(self.users.friendships.use_invite, giver, other, answer.link)
        )
        revoked = partial(self._revoked, giver, other.identity_key)
        revoke = partial(giver.ask, RevokeInvite(answer.id), revoked)
        self.loop.after(revoked_us, revoke)

    def _revoked(self, giver: User, key: str, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        # Who came before is a contact, and the invite was used up.
        if not answer.uses:
            self.counters.revocations += 1
            self.users.exclusion.add(giver.index, key)

    def _remove(self, node: VirtualNode, chance: Chance) -> None:
        """Remove a contact who is drawn, with all that was written."""
        user = self.users.user_at(node.index)
        if user.contacts:
            other = chance.pick(list(user.contacts))
            key = user.contacts[other]
            self.message_log.part(user.index, other, self.loop.now, self.is_on_its_way)
            user.ask(RemoveContact(key), partial(self._removed, user, other, key))

    def _removed(self, user: User, other: int, key: str, answer: Answer) -> None:
        self.counters.removals += 1
        self.users.exclusion.add(user.index, key)
        if user.contacts.get(other) == key:
            del user.contacts[other]


def _pair(one: User, other: User) -> tuple[int, int]:
    return min(one.index, other.index), max(one.index, other.index)
