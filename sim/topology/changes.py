"""Carries out what changes of a topology: contacts begin and end, couriers move, all gather."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sim.kernel.loop import Loop
from sim.network.discovery import Discovery
from sim.network.virtual_network import VirtualNetwork
from sim.topology.contacts import Contact
from sim.topology.topology import Layout, Move


class _Turn(NamedTuple):
    """One thing that changes; at the same time what begins comes after what ends."""

    at: int
    begins: bool
    contact: Contact


@dataclass(slots=True)
class TopologyChanges:
    """The changes in one world. Contacts may be many: only the next one is planned."""

    layout: Layout
    loop: Loop
    network: VirtualNetwork
    discovery: Discovery
    meetings_count: int = 0
    moves_count: int = 0
    _turns: Sequence[_Turn] = ()
    _next: int = 0

    def plan(self, rests_at: int) -> None:
        """Plan all of it; whoever is out of reach at `rests_at` is not any more."""
        turns = [_Turn(contact.start, True, contact) for contact in self.layout.contacts]
        turns += [_Turn(contact.end, False, contact) for contact in self.layout.contacts]
        self._turns = sorted(turns)
        self._plan_next()
        for move in self.layout.moves:
            self.loop.at(move.at, partial(self._move, move))
        if self.layout.contacts and self.layout.gathers:
            self.loop.at(rests_at, self._gather)

    def _plan_next(self) -> None:
        if self._next < len(self._turns):
            self.loop.at(self._turns[self._next].at, self._turn)

    def _turn(self) -> None:
        now = self.loop.now
        while self._next < len(self._turns) and self._turns[self._next].at <= now:
            _, begins, contact = self._turns[self._next]
            self._next += 1
            if begins:
                self.meetings_count += 1
                self.network.meet(contact.one, contact.other)
                self.discovery.met(contact.one, contact.other)
            else:
                self.network.part(contact.one, contact.other)
        self._plan_next()

    def _move(self, move: Move) -> None:
        self.moves_count += 1
        self.network.move(move.node, move.networks)

    def _gather(self) -> None:
        self._next = len(self._turns)
        self.network.gather()
        self.discovery.gathered()
