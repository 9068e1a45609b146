"""The table of a workload that says which groups there are, and what people do in them."""

from typing import Annotated, Final, Literal, get_args

import msgspec

from sim.schema.fault_tables import Seconds, Share, Strict

GROUP_SIZE_MAX: Final = 1_000

GroupSize = Annotated[int, msgspec.Meta(ge=2, le=GROUP_SIZE_MAX)]

RogueWay = Literal["numbers-backwards", "asks-at-once", "keys-when-out", "takes-numbers"]
"""The doings of a rogue, which no honest node does (`sim/adversaries/rogue_members.py`)."""

ROGUE_WAYS: Final[tuple[RogueWay, ...]] = get_args(RogueWay)


class GroupTable(Strict, frozen=True, kw_only=True):
    """Groups that are made in the first tenth of the time in which users write, or sooner."""

    count: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    members: tuple[GroupSize, GroupSize] = (2, 12)
    """So many are to be in each. Their founders ask their contacts, and these ask theirs."""
    crowd: tuple[GroupSize, GroupSize] | None = None
    """As many people are there, and to be in each group, in the place of `nodes` and `members`:
    drawn from the seed, each doubling as often, so that most worlds are small."""
    made_within_s: Seconds | None = None
    """So long after users begin to write: in a world of weeks its tenth is days."""
    by_link: bool = False
    """Their founders ask nobody: they give one link, by which all others come at once."""
    admins_share: Share = 0
    """So many of those who came by a link are made admins by their founder soon after."""
    per_second: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 1
    """So often somebody does something in a group, or answers an invite into one."""
    changes_share: Share = 0.3
    """So much of that is about the group: who is in it, roles, settings, keys."""
    quarrels_share: Share = 0.2
    """Of changes: owners lower admins, and admins set several things; all of them make new keys."""
    names_per_second: Annotated[float, msgspec.Meta(ge=0, le=1_000)] = 0
    """So often somebody calls themselves otherwise, which all groups in which they are are told."""
    closes_share: Share = 0.02
    """So many of those who set something close the group."""
    all_due: bool = False
    """Everybody reads what everybody writes within `settle_s`, and comes in who was added: that
    keys or operations are still on their way excuses nothing. For worlds that wait for days, or in
    which little happens."""
    extras_share: Share = 0
    """So often, beside `per_second`, they send files, set timers, write what disappears or is for
    later, answer, and remind of check-ins."""
    deaf_share: Share = 0
    """So many people's nodes will not hear that they were removed, and go on as members."""
    rogue_share: Share = 0
    """So many people's nodes do what no honest node does."""
    rogue_ways: Annotated[tuple[RogueWay, ...], msgspec.Meta(min_length=1)] = ROGUE_WAYS
    """All rogues do all of it."""
