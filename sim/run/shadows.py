"""The shadows of a world (S21): whose vault they have, and how much was compared with them."""

from collections.abc import Mapping
from functools import partial

import msgspec

from sim.hosts.host import Host
from sim.hosts.host_factory import HostFactory
from sim.hosts.shadows import Shadowing
from sim.kernel.entropy import SeededEntropy
from sim.kernel.trace import Trace
from sim.schema.scenario import Scenario
from sim.users.prior_contacts import PriorContacts


def cast_shadows(
    hosts: Mapping[int, Host],
    host_factory: HostFactory,
    *,
    seed: int,
    thinking_us: int,
    begins_us: int,
) -> None:
    """Let all nodes run beside others with the vault of somebody whom nobody here knows.

    The stranger met somebody else, in a small world of their own.
    """
    elsewhere = (len(hosts), len(hosts) + 1)
    meeting = PriorContacts(
        seed=seed,
        host=partial(host_factory.host_before_the_world, None),
        trace=Trace(),
        thinking_us=thinking_us,
        begins_us=begins_us,
        sending=lambda node, data: None,
        parted=lambda node, host: None,
    )
    meeting.hold([elsewhere])
    stranger = meeting.vaults[elsewhere[0]]
    for index, host in hosts.items():
        host.shadowing = Shadowing(
            index,
            SeededEntropy(seed, "beside its vault", index),
            stranger,
            SeededEntropy(seed, "a stranger's vault", index),
        )


def frames_beside_shadows(hosts: Mapping[int, Host]) -> int:
    """Return how many frames were held against those of shadows."""
    found = [host.shadowing for host in hosts.values() if host.shadowing is not None]
    return sum(shadowing.frames_count for shadowing in found)


def where_shadows_can_follow(scenario: Scenario) -> Scenario:
    """Links that make no secret, or shadows would use a key and nonce again; and nobody looks for
    others nearby, which only their own node shows, nor does chores, of which that is one.
    """
    wire = msgspec.structs.replace(scenario.wire, noise=False)
    workload = msgspec.structs.replace(scenario.workload, nearby_share=0, chores_per_second=0)
    return msgspec.structs.replace(scenario, wire=wire, workload=workload)
