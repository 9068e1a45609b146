"""The targets of the faults of one world."""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.hosts.virtual_node import VirtualNode
from sim.invariants.message_log import MessageLog
from sim.kernel.loop import Loop
from sim.network.virtual_network import VirtualNetwork
from sim.schema.scenario import Scenario
from sim.users.users import Users


@dataclass(frozen=True, slots=True)
class Targets:
    """The nodes and users of one world, with the network, the clock and the log that they share."""

    scenario: Scenario
    seed: int
    loop: Loop
    network: VirtualNetwork
    nodes: Sequence[VirtualNode]
    present: list[VirtualNode]
    """Those that are ever switched on and have not failed for ever."""

    users: Users
    message_log: MessageLog
