"""Planted bugs of groups that show after days: where people were apart for longer than mail lives,
and nobody hears any more what would tell them.
"""

from collections.abc import Mapping
from typing import Final

from mesh.group import leaves
from mesh.ids import Instant, UnixSeconds, VerifyKey
from mesh.limits.group_keys import DAY_SECONDS
from mesh.messenger.groups import membership_keeper, needs
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.hands import Hands
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from sim.bugs.injection import Bug
from sim.patching import Patch

_FOUNDED: Final = LeavesKeeper.founded


def _founded_for_others(
    keeper: LeavesKeeper,
    group: Group,
    member: VerifyKey,
    secret: tuple[UnixSeconds, bytes],
    now: Instant,
    *,
    is_out: bool,
) -> None:
    """A programmer may think: only who wraps for others has to keep by what."""
    if is_out:
        _FOUNDED(keeper, group, member, secret, now, is_out=True)


def _nobody(*_: object) -> None:
    """A programmer may think: who is silent has nothing to say."""


def _nowhere(_: bytes) -> list[tuple[int, object]]:
    """A programmer may think: who was added reads the group's keys."""
    return []


SLOW_GROUP_MUTANTS: Final[Mapping[str, Bug]] = {
    "asked-in-one-epoch": Bug(
        "What is missing in a group is asked for under the keys in use alone.",
        patches=(Patch(needs, "NEED_EPOCHS_MAX", -1),),
    ),
    "silent-uncalled": Bug(
        "Nobody says hello under the keys that silent members of a group still hold.",
        patches=(Patch(Hands, "call", _nobody),),
    ),
    "short-leaf-for-ever": Bug(
        "Keys of a group are wrapped by somebody's short leaf, however long they were silent.",
        patches=(Patch(leaves, "SHORT_LEAF_USED_SECONDS", 365 * DAY_SECONDS),),
    ),
    "founded-in-vain": Bug(
        "What a wrap founds for the next one is not kept by whom it is for.",
        patches=(Patch(LeavesKeeper, "founded", _founded_for_others),),
    ),
    "no-entrance": Bug(
        "Who was added to a group does not look at their entrance into it.",
        patches=(Patch(membership_keeper, "entrance_tags", _nowhere),),
    ),
}
"""By the names that `--bug` takes."""
