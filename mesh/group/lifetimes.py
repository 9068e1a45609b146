"""The end of each key of a group, as pure functions.

Implements `docs/protocol/group-keys.md`, section "What is kept how long". Those that erase go by
expiry time, so that a clock that jumps erases nothing; None means that nothing has set the end.
"""

from mesh.ids import UnixSeconds
from mesh.limits.group_keys import (
    CHAIN_KEPT_SECONDS,
    LONG_LEAF_KEPT_SECONDS,
    REMOVED_KEPT_SECONDS,
    SEED_KEPT_SECONDS,
    SHORT_LEAF_KEPT_SECONDS,
)


def short_leaf_ends(succeeded: UnixSeconds | None) -> UnixSeconds | None:
    """Return when the private half of a short leaf goes; `succeeded`: when the next was told."""
    return None if succeeded is None else UnixSeconds(succeeded + SHORT_LEAF_KEPT_SECONDS)


def long_leaf_ends(succeeded: UnixSeconds | None) -> UnixSeconds | None:
    """Return when the private halves of a bundle go, and the secrets that wraps to it founded."""
    return None if succeeded is None else UnixSeconds(succeeded + LONG_LEAF_KEPT_SECONDS)


def seed_ends(came: UnixSeconds, *, are_heads_known: bool) -> UnixSeconds:
    """Return when a seed goes: at once when the chains of all are made, or a week later."""
    return came if are_heads_known else UnixSeconds(came + SEED_KEPT_SECONDS)


def receiving_chain_ends(
    *, heard_later: UnixSeconds | None, removal_known: UnixSeconds | None
) -> UnixSeconds | None:
    """Return when the chain of another goes.

    `heard_later`: when he was first heard in a later epoch; what he wrote here before may be on
    its way. `removal_known`: when it was learned that he is no member.
    """
    ends = []
    if heard_later is not None:
        ends.append(heard_later + CHAIN_KEPT_SECONDS)
    if removal_known is not None:
        ends.append(removal_known + REMOVED_KEPT_SECONDS)
    return UnixSeconds(min(ends)) if ends else None


def is_own_chain_needed(*, receiving_chains_count: int, is_in_use: bool) -> bool:
    """Say whether our own chain of an epoch stays: as long as any of the epoch does.

    By it somebody who holds no later epoch is still reached.
    """
    return is_in_use or receiving_chains_count > 0
