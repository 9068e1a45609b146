"""Users who look for others nearby by hand, and begin to compare with the first who answers.

They agree to nothing: who became a contact of whom is said by `contacts` alone. So this adds what
passes over links and is kept in memory, and no friendship.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.nearby import AskNearby, CompareNearby, NearbyAnswer, SetNearby
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.users.user import User

LOOKS_EVERY_US: Final = 12_000_000
LOOKS_COUNT: Final = 3
"""How often somebody looks, since others may begin later."""


def plan_nearby_search(
    users: Sequence[User],
    *,
    share: float,
    between_us: tuple[int, int],
    seed: int,
    loop: Loop,
    is_there: Callable[[User], bool],
) -> None:
    """So many of the users turn it on at some time, and look a while later."""
    chance = Chance(seed, "nearby")
    for user in users:
        when, is_looking = chance.between(*between_us), chance.is_true(share)
        if not (is_looking and is_there(user)):
            continue
        loop.at(when, partial(user.ask, SetNearby(True), _nobody))
        for number in range(1, LOOKS_COUNT + 1):
            look = partial(user.ask, AskNearby(), partial(_saw, user))
            loop.at(when + number * LOOKS_EVERY_US, look)


def _saw(user: User, answer: Answer) -> None:
    assert isinstance(answer, NearbyAnswer)
    for other in answer.people:
        if other.state in ("seen", "asked by them"):
            user.ask(CompareNearby(other.id), _nobody)
            return


def _nobody(answer: Answer) -> None:
    pass
