"""The part of a report that tells of two releases: who ran which, and how much went across."""

import msgspec

from sim.run.world import World


class OtherRelease(msgspec.Struct, frozen=True, kw_only=True):
    """The release that was run beside this one."""

    version: str
    nodes: list[int]
    to_it: int
    """Messages that its users were shown, of users of this release."""

    from_it: int
    """Messages of its users that users of this release were shown."""


def other_release(world: World) -> OtherRelease | None:
    """Return what there is to tell; None where all nodes ran this release."""
    if world.release is None:
        return None
    nodes = sorted(world.versions.of_release)
    arrived = [one for one in world.message_log.messages if one.delivered_at is not None]
    ways = [(one.sender in nodes, one.recipient in nodes) for one in arrived]
    return OtherRelease(
        version=world.release.version,
        nodes=nodes,
        to_it=ways.count((False, True)),
        from_it=ways.count((True, False)),
    )


def other_release_text(told: OtherRelease) -> str:
    """Return it as one line."""
    nodes = ", ".join(map(str, told.nodes))
    return (
        f"release    {told.version} on the nodes {nodes}: {told.to_it} messages came to it, "
        f"and {told.from_it} from it"
    )
