"""Chores of everyday life: what users do with a node beside writing, in turn.

Each kind of chore has its turn again and again, so a short world reaches all commands of an engine;
who does it, and with whom, is drawn. Each has a stream of chance of its own. Who does something
goes by what their node shows, so that a crash or a disk that was put back changes what is done, and
not whether it may be done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, get_args

from mesh.commands.answer import Answer
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import MessageAnswer
from sim.invariants.files import SentFiles
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.tokens import Tokens
from sim.kernel.entropy import Chance
from sim.kernel.loop import Action, Loop
from sim.schema.pair_table import OneChore, TimedKind
from sim.schema.scenario import Scenario
from sim.users.followed_chore import FollowedChore
from sim.users.user import User
from sim.users.users import Users

SOON_US: Final = (500_000, 4_000_000)
"""After so long somebody goes on with what they began."""


class Clock(Protocol):
    """The clock that chores plan by: the loop of a world, or what follows one of them."""

    @property
    def now(self) -> int:
        """Return the time."""

    def at(self, when: int, action: Action) -> None:
        """Plan a step."""

    def after(self, delay_us: int, action: Action) -> None:
        """Plan a step so long from now."""


@dataclass(frozen=True, slots=True)
class Home:
    """The things that all chores of a world use."""

    loop: Clock
    users: Users
    message_log: MessageLog
    sent_files: SentFiles
    tokens: Tokens

    def confirmed(self, logged: LoggedMessage, answer: Answer) -> None:
        """The author's node answers that it has a message."""
        assert isinstance(answer, (ItemAnswer, MessageAnswer))
        self.message_log.confirm(logged, self.loop.now)
        logged.number_there = answer.number

    def later(self, user: User, chance: Chance, do: Callable[[], None]) -> None:
        """Let a user go on a while later, if their node runs then and has the same identity: the
        numbers of a vault that was wiped mean nothing in the next one.
        """
        do = partial(self._if_up, user, user.identity_key, do)
        self.loop.after(chance.between(*SOON_US), do)

    def _if_up(self, user: User, key: str, do: Callable[[], None]) -> None:
        if user.node.is_up and not user.is_gone and user.identity_key == key:
            do()

    def mesh_seconds(self, user: User) -> int:
        """Return the date that a user's computer shows, in Unix seconds."""
        return user.node.calendar.wall(self.loop.now) // 1_000_000


NAMES_COUNT: Final = 8
"""So many names somebody changes among."""

Chore = Callable[[Home, User, Chance], None]
"""Somebody who knows somebody begins something."""


class Chores:
    """All chores of one world: in turn where `chores_per_second` is not zero, and those that have
    a time of their own.
    """

    def __init__(
        self,
        *,
        seed: int,
        loop: Loop,
        home: Home,
        scenario: Scenario,
        kinds: Mapping[str, Chore],
        reach: Callable[[str], None],
    ) -> None:
        self._seed = seed
        self._loop = loop
        self._home = home
        self._reach = reach
        self._single = scenario.workload.chores
        self._only = scenario.only
        self._per_second = scenario.workload.chores_per_second
        begin_s, end_s = scenario.workload.write_between_s
        self._between_us = round(begin_s * 1_000_000), round(end_s * 1_000_000)
        self._kinds = kinds
        self.begun_counts: dict[str, int] = {}
        """How often each kind was begun."""

    def plan(self) -> None:
        """Plan all that is done."""
        for place, one in enumerate(self._single):
            self._loop.at(round(one.at_s * 1_000_000), partial(self._begin_one, place, one))
        if not self._per_second:
            return
        chance = Chance(self._seed, "chores")
        when, end = self._between_us
        number = 0
        names = [name for name in self._kinds if name not in get_args(TimedKind)]
        when += chance.exponential(1_000_000 / self._per_second)
        while when < end:
            self._loop.at(when, partial(self._begin, number, names[number % len(names)]))
            when += chance.exponential(1_000_000 / self._per_second)
            number += 1

    def _begin_one(self, place: int, one: OneChore) -> None:
        user = self._home.users.everybody[one.by]
        if not (user.node.is_up and user.contacts and self._only.has_node(one.by)):
            return
        self.begun_counts[one.kind] = self.begun_counts.get(one.kind, 0) + 1
        home, chance = self._home, Chance(self._seed, "one chore", place)
        if one.struck_at_s is None:
            self._kinds[one.kind](home, user, chance)
            return
        followed = FollowedChore(
            one.kind,
            self._loop,
            home.users.everybody,
            self._reach,
            struck_at=round(one.struck_at_s * 1_000_000),
        )
        home = replace(home, loop=followed)
        followed.do(partial(self._kinds[one.kind], home, user, chance))

    def _begin(self, number: int, name: str) -> None:
        chance = Chance(self._seed, "chore", number)
        users = [
            user
            for user in self._home.users.everybody
            if user.node.is_up
            and user.contacts
            and not user.is_gone
            and self._only.has_node(user.index)
        ]
        if users:
            self.begun_counts[name] = self.begun_counts.get(name, 0) + 1
            self._kinds[name](self._home, chance.pick(users), chance)


def a_friend(home: Home, user: User, chance: Chance) -> tuple[User, str] | None:
    """Draw a contact of somebody who has them too: (who, their key)."""
    friends = [
        (other, key)
        for node, key in user.contacts.items()
        if home.users.are_mutual(user, other := home.users.everybody[node])
    ]
    return chance.pick(friends) if friends else None


def new_name(user: User, chance: Chance) -> str:
    """Draw another name for somebody."""
    return chance.pick(names_of(user)[2:])


def names_of(user: User) -> list[str]:
    """Return all names that somebody may ever have given themselves."""
    first = f"person {user.index}"
    return [first, f"{first} again", *(f"{first}, {number}" for number in range(NAMES_COUNT))]


def nothing(_: Answer) -> None:
    """Nothing follows from the answer."""
