"""The stage of an installed workload or fault: what a package may do in a world.

It is called once, before the world begins, with its stage, and plans from there what happens. All
that a stage lets it do the world's own workloads and faults do too, so the invariants hold of it
without knowing it. It may draw chance from its stage alone, or a run would not repeat.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mesh.errors import UserError
from mesh.limits.messages import TEXT_BYTES_MAX
from sim.faults.injection import Faults
from sim.hosts.virtual_node import VirtualNode
from sim.installed import Found, find_installed, words_of
from sim.invariants.invariants import BrokenInvariant
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.network.cuts import Sides
from sim.schema.installed_table import Installed
from sim.schema.scenario import Scenario
from sim.users.mail_workload import MailWorkload
from sim.users.user import User
from sim.users.users import Users

WRITTEN_BYTES_MAX: Final = TEXT_BYTES_MAX - 100
"""A number and the marker of the run stand before each text."""

Guard = Callable[[Callable[[], object]], None]


def found_installed(scenario: Scenario) -> list[tuple[Installed, Found]]:
    """Load what the tables of a scenario name; UserError says what cannot be had."""
    return [(table, find_installed(table.kind, table.name)) for table in scenario.installed]


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of one world that its stages are made of."""

    loop: Loop
    users: Users
    mail_workload: MailWorkload
    faults: Faults
    seed: int

    def plan(self, installed: Sequence[tuple[Installed, Found]]) -> None:
        """Let each plan what it does."""
        for number, (table, found) in enumerate(installed):
            guard = partial(_guarded, found)
            stage = Stage(self, table, Chance(self.seed, "installed", number), guard)
            guard(partial(found.call, stage))


class Stage:
    """All that one installed workload or fault may see and do. Times are seconds of the world."""

    def __init__(self, parts: Stages, table: Installed, chance: Chance, guard: Guard) -> None:
        self._parts = parts
        self._guard = guard
        self.chance = chance
        """A stream of its own: what it draws shifts nothing else."""

        self.values = dict(table.values)
        self.begins_s, self.ends_s = table.between_s
        self.people = [user.index for user in parts.users.present]
        """Those who take part; the node of each has the same number."""

    @property
    def now_s(self) -> float:
        """Return the time."""
        return self._parts.loop.now / 1_000_000

    def at(self, when_s: float, do: Callable[[], object]) -> None:
        """Do something at a time between its beginning and its end."""
        if not max(self.begins_s, self.now_s) <= when_s <= self.ends_s:
            raise UserError(
                "bad-time",
                f"At {self.now_s:g} s something is planned for {when_s:g} s, and it may do what "
                f"it does from {self.begins_s:g} s to {self.ends_s:g} s",
            )
        self._parts.loop.at(_us(when_s), partial(self._guard, do))

    def is_up(self, node: int) -> bool:
        """Say whether a node runs."""
        return self._node(node).is_up

    def contacts_of(self, person: int) -> list[int]:
        """Return to whom somebody may write, as their own node shows it."""
        return list(self._user(person).contacts)

    def write(self, author: int, reader: int, text: str) -> bool:
        """Somebody writes to a contact, and it must arrive; False if their node does not run, or
        the other is no contact of theirs.
        """
        if len(text.encode()) > WRITTEN_BYTES_MAX:
            raise UserError("too-long", f"A text has at most {WRITTEN_BYTES_MAX:,} bytes")
        user = self._user(author)
        key = user.contacts.get(reader)
        if key is None or not user.node.is_up:
            return False
        self._parts.mail_workload.write_text(user, reader, key, text)
        return True

    def crash(self, node: int, down_s: float, *, is_silent: bool = False) -> None:
        """A node that runs crashes, and starts again so much later."""
        self._require_end(down_s)
        self._parts.faults.strike(self._node(node), is_silent, None, _us(down_s))

    def lock(self, node: int, for_s: float) -> None:
        """Somebody locks their vault for so long."""
        self._require_end(for_s)
        self._parts.faults.lock(self._node(node))
        self._parts.loop.after(_us(for_s), self._node(node).unlock)

    def cut(
        self, sides: Sequence[Collection[int]], for_s: float, *, reset_share: float = 0.5
    ) -> None:
        """Nodes of different sides do not reach each other for so long; who is on none reaches
        nobody of any. So large a share of the streams across is reset, and the others stall.
        """
        self._require_end(for_s)
        numbers = {node: side for side, nodes in enumerate(sides) for node in nodes}
        end = self._parts.loop.now + _us(for_s)
        self._parts.faults.cuts.begin(Sides(numbers), end, reset_share)

    def _require_end(self, lasts_s: float) -> None:
        if not (lasts_s > 0 and self.begins_s <= self.now_s <= self.ends_s - lasts_s):
            raise UserError(
                "bad-time",
                f"At {self.now_s:g} s something is to last {lasts_s:g} s, and it may do what it "
                f"does from {self.begins_s:g} s to {self.ends_s:g} s",
            )

    def _user(self, person: int) -> User:
        if person not in self.people:
            raise UserError("nobody", f"There is nobody with the number {person!r}")
        return self._parts.users.everybody[person]

    def _node(self, node: int) -> VirtualNode:
        return self._user(node).node


def _guarded(found: Found, do: Callable[[], object]) -> None:
    """Do what a package wants done; UserError names the package if it fails."""
    try:
        do()
    except BrokenInvariant:
        raise
    except UserError as error:
        said = str(error).rstrip(".")
        raise UserError(error.kind, f"The {found} cannot do that: {said}.") from error
    except Exception as error:
        raise UserError("failed", f"The {found} failed: {words_of(error)}.") from error


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
