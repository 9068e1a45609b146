"""Names of people in groups: who calls themselves otherwise, and when."""

from collections.abc import Callable, Iterator

from mesh.commands.identity import ChangeIdentity
from sim.kernel.entropy import Chance
from sim.schema.group_table import GroupTable
from sim.users.chores import new_name
from sim.users.user import User


def names_at(seed: int, table: GroupTable, begin: int, end: int) -> Iterator[int]:
    """Yield when somebody calls themselves otherwise, in virtual microseconds, by chance of their
    own: where nobody does nothing else shifts.
    """
    if not table.names_per_second:
        return
    chance, mean_us = Chance(seed, "names in groups"), 1_000_000 / table.names_per_second
    when = begin + chance.exponential(mean_us)
    while when < end:
        yield when
        when += chance.exponential(mean_us)


def call_oneself(count: Callable[[str], None], user: User, chance: Chance) -> None:
    """Take another name, which all groups in which one is are told."""
    user.ask(ChangeIdentity(new_name(user, chance)), lambda _: count(ChangeIdentity.__name__))
