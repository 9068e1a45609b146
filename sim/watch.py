"""All that watches a world: who can read what, what is used twice, and whether states are true.

What is cheap is looked at as it happens; databases are read from time to time, before one is
lost, and at the end.
"""

from collections.abc import Mapping, Sequence

from sim.fault_tables import Clocks
from sim.laptop import Laptop
from sim.ledger import Ledger
from sim.loop import Loop
from sim.node_faults import drift_us_max
from sim.order import Orders, require_parents_above, require_same_order
from sim.reuse import Reuse
from sim.scenario import Scenario
from sim.secrecy import Secrecy
from sim.states import States


class Watch:
    """Watches the nodes of one world; `owners` says whose vault each machine has."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        loop: Loop,
        owners: Sequence[int],
        laptops: Mapping[int, Laptop],
        clock_error_us: int,
    ) -> None:
        self._owners = owners
        self._laptops = laptops
        self.secrecy = Secrecy(ledger)
        self.reuse = Reuse()
        self.states = States(
            ledger=ledger,
            nodes=[],
            laptops=laptops,
            now=lambda: loop.now,
            clock_error_us=clock_error_us,
        )
        self.conversations_compared = 0

    def look(self) -> None:
        """Look at what was sealed everywhere since the last time."""
        for node, laptop in self._laptops.items():
            self.reuse.collect(node, self._owners[node], laptop.vault)

    def before_loss(self, node: int) -> None:
        """A node's disk is about to be put back, lost or copied."""
        self._search(node)
        self.reuse.collect(node, self._owners[node], self._laptops[node].vault)
        self.reuse.may_repeat_tags(node)
        self.states.store_lost()

    def look_at_the_end(self, orders: Orders) -> None:
        """Search every database, and hold both sides of each conversation together."""
        self.look()
        for node in self._laptops:
            self._search(node)
        for (node, _), shown in orders.items():
            require_parents_above(node, shown, self._laptops[node].vault)
        self.conversations_compared = require_same_order(orders)

    def _search(self, node: int) -> None:
        laptop = self._laptops[node]
        self.secrecy.search_store(node, laptop.store)
        self.secrecy.search_vault(node, self._owners[node], laptop.vault)


def worst_clock_us(scenario: Scenario) -> int:
    """How wrong a calendar may be in a scenario."""
    hours = [fault.wrong_h[1] for fault in scenario.faults if isinstance(fault, Clocks)]
    worst_s = max([scenario.wall_offset_s, *(each * 3_600 for each in hours)])
    lasts_s = scenario.quiet_at_s + scenario.probe_s + scenario.settle_s
    return round(worst_s * 1_000_000) + drift_us_max(scenario.faults, lasts_s)
