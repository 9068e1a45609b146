"""The shadows of a world (S21): whose vault they have, and how much was compared with them."""

from collections.abc import Mapping
from functools import partial

from sim.hosts.host import Host
from sim.hosts.host_factory import HostFactory
from sim.hosts.shadows import Shadowing
from sim.kernel.entropy import SeededEntropy
from sim.kernel.trace import Trace
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
