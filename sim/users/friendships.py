"""Friendships: drawn from the seed, by an invite that one gives the other by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.invites import CreateInvite, InviteAnswer
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.users.user import User

ABSENT_AGAIN_US: Final = 5_000_000
"""Two who would befriend each other while a node is off try again after so long."""


@dataclass(slots=True)
class Friendships:
    """The friendships of one world, and the invites by which they come about."""

    loop: Loop
    everybody: Sequence[User]
    chance: Chance
    habits: Chance
    crossing_within_us: int
    know: Callable[[User, ContactAnswer], None]
    """Told of whom a user added."""

    reach: Callable[[str], None]
    _added_anew: dict[tuple[int, int], None] = field(default_factory=dict)
    """(who, whom) of those who used an invite and did not know the other."""

    def draw(self, contacts: int) -> list[tuple[User, User]]:
        """Pairs that will know each other; everybody has some, drawn from everywhere."""
        pairs: dict[tuple[int, int], None] = {}
        count = len(self.everybody)
        wanted = min(contacts, count - 1)
        for one in range(count):
            while sum(one in pair for pair in pairs) < wanted:
                other = self.chance.below(count)
                if other != one:
                    pairs.setdefault((min(one, other), max(one, other)))
        for one, other in pairs:
            self.everybody[one].friends[other] = None
            self.everybody[other].friends[one] = None
        return [(self.everybody[one], self.everybody[other]) for one, other in pairs]

    def befriend(self, one: User, other: User) -> None:
        """One gives an invite to the other, by hand; the other uses it."""
        if one.node.is_up and other.node.is_up:
            one.ask(CreateInvite(), partial(self._invited, one, other, 0))
        elif not (one.is_gone or other.is_gone):
            self.loop.after(ABSENT_AGAIN_US, partial(self.befriend, one, other))

    def cross(self, one: User, other: User) -> None:
        """Both give each other an invite, and use what they were given at about the same time."""
        if one.node.is_up and other.node.is_up:
            for giver, taker in ((one, other), (other, one)):
                delay = self.habits.below(self.crossing_within_us + 1)
                giver.ask(CreateInvite(), partial(self._invited, giver, taker, delay))
        elif not (one.is_gone or other.is_gone):
            self.loop.after(ABSENT_AGAIN_US, partial(self.cross, one, other))

    def _invited(self, giver: User, other: User, delay: int, answer: Answer) -> None:
        assert isinstance(answer, InviteAnswer)
        use = partial(self.use_invite, giver, other, answer.link)
        if delay:
            self.loop.after(delay, use)
        else:
            use()

    def use_invite(self, giver: User, other: User, link: str) -> None:
        """Somebody uses an invite that was given to them by hand."""
        is_new = giver.index not in other.contacts
        other.ask(AddContact(link), partial(self._added, giver, other, is_new=is_new))

    def _added(self, giver: User, user: User, answer: Answer, *, is_new: bool) -> None:
        assert isinstance(answer, ContactAnswer)
        if is_new:
            self._added_anew[user.index, giver.index] = None
            if (giver.index, user.index) in self._added_anew:
                self.reach("first-contacts-crossed")
        self.know(user, answer)
