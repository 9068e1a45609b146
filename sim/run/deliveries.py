"""A world's messages that arrived, and at which price."""

from dataclasses import dataclass

from sim.invariants.message_log import LoggedMessage
from sim.invariants.possible_mail import PossibleMessage, possible_messages
from sim.invariants.stored_mail import Departure, StoredMessage, stored_messages
from sim.kernel.calendar import EPOCH_US
from sim.run.world import World
from sim.schema.expectations import delivery_ratio, due_messages


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of one world, asked when no fault happens any more or later."""

    world: World

    def due(self) -> list[LoggedMessage]:
        """Return what should have arrived when no fault happened any more."""
        gone = tuple(node.index for node in self.world.nodes if node.is_gone)
        return due_messages(self.world.message_log, self.world.rests_at, gone=gone)

    @property
    def ratio(self) -> float:
        """Return how much of that had."""
        return delivery_ratio(self.due(), self.world.rests_at)

    @property
    def copies_per_delivery(self) -> float:
        """Bodies received for each envelope that a node took in."""
        received = self.world.sums.by_name.get("bodies_received", 0)
        first = received - self.world.sums.by_name.get("bodies_duplicate", 0)
        return round(received / first, 3) if first else 0

    def possible(self) -> list[PossibleMessage]:
        """Those of them that could have come, in a world that notes who is together."""
        together = self.world.observers.together
        assert together.is_noting
        return possible_messages(
            self.due(),
            together.given(),
            self.world.rests_at,
            hop_us=round(self.world.scenario.expect.hop_s * 1_000_000),
        )

    def stored(self) -> list[StoredMessage]:
        """Those of them that had to wait in others' stores."""
        standings = {
            node.index: engine.distances
            for node in self.world.present
            if (engine := self.world.hosts[node.index].engine) is not None
        }
        return stored_messages(
            [message for message in self.due() if message.sender in standings],
            self.world.faults.node_faults.naps,
            standings,
            self.world.compromised,
            begins_at_s=EPOCH_US // 1_000_000 + round(self.world.scenario.begins_at_s),
            rests_at=self.world.rests_at,
            departure_of=self._departure,
        )

    def _departure(self, message: LoggedMessage) -> Departure:
        observers, author = self.world.observers, message.sender
        taken_back = observers.discretion.taken_back
        stored = [
            at
            for envelope in taken_back.envelopes(author, message.number_there)
            if (at := observers.arrivals.body_left_at(author, envelope)) is not None
        ]
        given_at = taken_back.left_at(author, message.number_there)
        return Departure(given_at=given_at, stored_at=min(stored, default=None))
