"""The counts of a run's goals (`sim.schema.coverage_goals`), from all that it counted."""

from collections.abc import Mapping
from typing import Final

from sim.run.world import World
from sim.schema.coverage_goals import COVERAGE_GOALS, FRAMES

_COUNTERS: Final[Mapping[str, str]] = {
    "body-twice": "bodies_duplicate",
    "retirement-forged": "retirements_forged",
    "lapsed": "lapsed",
    "invite-taken-back": "a first contact by an invite that is revoked",
    "dialled-at-once": "links_duplicate",
    "link-swapped": "links_swapped",
    "neighbour-silent": "fault: neighbour went silent",
    "handshake-starved": "fault: handshake took too long",
}
"""What engines count of themselves, and are asked for before a crash and at the end."""


def coverage_of(world: World) -> dict[str, int]:
    """Every goal and how often it was reached."""
    sums, network = world.sums.by_name, world.network.counters
    disks = world.faults.disks.counters
    hosts = list(world.hosts.values())
    found = dict.fromkeys(COVERAGE_GOALS, 0)
    found.update(world.observers.coverage.counts)
    for goal, name in _COUNTERS.items():
        found[goal] = sums.get(name, 0)
    found.update(
        {
            "refused": sum(n for name, n in sums.items() if name.startswith("refused: ")),
            "crash-within-store": sum(one.cuts["store"] for one in hosts),
            "crash-within-vault": sum(one.cuts["vault"] for one in hosts),
            "crash-before-effects": sum(node.unsaid_count for node in world.nodes),
            "crash-without-a-word": sum(node.silent_crashes_count for node in world.nodes),
            "disk-stop": world.faults.failing_disks.counters.stops_by_disk,
            "commit-unknown": sum(
                one.disk.unknown_commits_count for one in hosts if one.disk is not None
            ),
            "store-behind": disks.stores_behind,
            "vault-behind": disks.vaults_behind,
            "rolled-back": disks.rollbacks,
            "disk-lost": disks.wipes,
            "second-machine": disks.clones,
            "removed-and-unaware": world.message_log.written_to_parted_count,
            "tag-twice": world.observers.nonce_reuse.tags_repeated,
            "message-expired": world.observers.states.told_counts.get("expired", 0),
            "withdrawn-too-late": world.observers.states.told_counts.get(
                "delivered-then-withdrawn", 0
            ),
            "stream-reset": network.resets,
            "stream-stalled": network.stalls,
            "queue-overflow": network.overflows,
            "announcement-late": network.announcements_late,
            "bits-flipped": network.chunks_corrupted,
            "stream-truncated": network.streams_truncated,
        }
    )
    for goal in FRAMES:
        found[goal] = world.observers.frames.counts.get(goal.removeprefix("frame-"), 0)
    return found
