"""The maker of the next epoch, and his time.

Implements `docs/protocol/group-keys.md`, section "Who makes one". Nobody is asked: each node counts
its own rank among those whom it has heard, and waits its turn. A fit epoch that comes meanwhile
ends the waiting, since then nothing is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from mesh.ids import UnixSeconds, VerifyKey
from mesh.limits.group_keys import (
    COMPLAINT_OF_MEMBER_SECONDS,
    COMPLAINT_SECONDS,
    EPOCH_SILENT_SECONDS,
    EPOCH_WRITTEN_SECONDS,
    HEARD_SECONDS,
    RANK_PAUSE_LATER_SECONDS,
    RANK_PAUSE_SECONDS,
    RANKS_SLOW,
    RENEWAL_PAUSE_SECONDS,
)


class Cause(Enum):
    """The reasons for another epoch."""

    NO_FIT_EPOCH = auto()
    LEAVES_CAME = auto()
    """Of members whom the epoch in use is without."""

    CANNOT_OPEN = auto()
    """A member says so of the epoch in use."""

    AGE = auto()


@dataclass(frozen=True, slots=True)
class Complaint:
    """A member cannot open the epoch in use, and has said so. Times are mesh time."""

    member: VerifyKey
    said: UnixSeconds


@dataclass(frozen=True, slots=True)
class InUse:
    """The epoch that is written under, as far as it matters for its successor."""

    made: UnixSeconds
    is_written_in: bool
    leaves_came: UnixSeconds | None = None
    """Since when there are leaves of somebody whom it is without."""

    complaints: Sequence[Complaint] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """The need for an epoch, as one node knows it."""

    in_use: InUse | None
    unfit_since: UnixSeconds
    """Since when no epoch is fit; counts while there is none in use."""

    served: Mapping[VerifyKey, UnixSeconds] = field(default_factory=dict)
    """When an epoch was last made because of a member's complaint, by anybody."""


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """The moment, in mesh time, from which on we make an epoch."""

    at: UnixSeconds
    cause: Cause = field(compare=False)


def rank_among_heard(
    me: VerifyKey,
    order: Iterable[VerifyKey],
    heard: Mapping[VerifyKey, UnixSeconds],
    mesh_now: UnixSeconds,
) -> int:
    """Return our place among the members heard within 14 days; `order` is by role, then admission.

    We count ourselves as heard.
    """
    rank = 0
    for member in order:
        if member == me:
            return rank
        last = heard.get(member)
        if last is not None and mesh_now - last <= HEARD_SECONDS:
            rank += 1
    raise AssertionError("who makes an epoch is a member")


def pause_of(rank: int) -> int:
    """Return how many seconds a rank waits before it makes an epoch that is missing."""
    slow = min(rank, RANKS_SLOW)
    return slow * RANK_PAUSE_SECONDS + (rank - slow) * RANK_PAUSE_LATER_SECONDS


def next_due(situation: Situation, rank: int) -> Due | None:
    """Return when this rank makes an epoch and why, if nothing happens before; None: never.

    An own change of the membership is no matter of ranks: its author makes the epoch with it.
    """
    pause = pause_of(rank)
    if situation.in_use is None:
        return Due(UnixSeconds(situation.unfit_since + pause), Cause.NO_FIT_EPOCH)
    in_use = situation.in_use
    age = EPOCH_WRITTEN_SECONDS if in_use.is_written_in else EPOCH_SILENT_SECONDS
    dues = [Due(UnixSeconds(in_use.made + age + rank * RENEWAL_PAUSE_SECONDS), Cause.AGE)]
    if in_use.leaves_came is not None:
        dues.append(Due(UnixSeconds(in_use.leaves_came + pause), Cause.LEAVES_CAME))
    dues += [
        Due(UnixSeconds(_allowed(complaint, situation.served) + pause), Cause.CANNOT_OPEN)
        for complaint in in_use.complaints
    ]
    return min(dues)


def _allowed(complaint: Complaint, served: Mapping[VerifyKey, UnixSeconds]) -> int:
    """Return when a complaint counts: once in six hours of one member, once in an hour of all."""
    last = max(served.values(), default=None)
    of_member = served.get(complaint.member)
    return max(
        complaint.said,
        0 if last is None else last + COMPLAINT_SECONDS,
        0 if of_member is None else of_member + COMPLAINT_OF_MEMBER_SECONDS,
    )
