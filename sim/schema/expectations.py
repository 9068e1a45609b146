"""The expectations of a scenario beside the invariants: how much arrived, how soon, how often.

Measured at the moment at which no fault happens any more and users stop writing, before all that is
left is demanded: so it says what users had of their mesh while it was hard.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from sim.invariants.invariants import E1, BrokenInvariant
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.possible_mail import PossibleMessage
from sim.invariants.stored_mail import StoredMessage, stored_ratio
from sim.schema.coverage_goals import COVERAGE_GOALS
from sim.schema.fault_tables import Positive, Seconds, Share, Strict

Copies = Annotated[float, msgspec.Meta(ge=1)]

KEPT_BACK_MAX: Final = 0.5
"""So many of the messages that had to wait may be kept back by who was to pass them on: where
half of the neighbours are hostile and laptops are open for ten seconds, .22 are in the mean."""


class Expect(Strict, frozen=True, kw_only=True):
    """Bounds of one scenario; what is not there is not held."""

    delivery_ratio_min: Share | None = None
    """Of what was written between those who have not failed for ever."""
    delivery_time_s: Seconds = 0
    """What was written in the last so many seconds may be on its way: it is not counted there."""
    waited_ratio_min: Share | None = None
    """Of what had to wait in others' stores, by authors whom one knows who never sleeps."""
    possible_ratio_min: Share | None = None
    """Of what could have come by a time-respecting path, this came no later than by that."""
    hop_s: Positive = 35
    """So long the two of each hop of such a path are together without a break. They find each other
    in seconds, and an author may wait for 30 s to hear of a stem."""
    latency_p50_ms_max: Positive | None = None
    latency_p99_ms_max: Positive | None = None
    """Of what had arrived."""
    copies_max: Copies | None = None
    """Bodies received for each envelope and node."""
    sometimes: tuple[str, ...] = ()
    """Each run reaches these of `sim.schema.coverage_goals`, or it does not show what it is for."""

    def __post_init__(self) -> None:
        """Know the goals; a decoder says where one that it does not know stands."""
        for goal in self.sometimes:
            if goal not in COVERAGE_GOALS:
                near = difflib.get_close_matches(goal, COVERAGE_GOALS, n=1)
                meant = f" (did you mean {near[0]}?)" if near else ""
                raise ValueError(f"in expect.sometimes there is no mark {goal!r}{meant}")


def due_messages(
    message_log: MessageLog, rests_at: int, *, gone: tuple[int, ...] = ()
) -> list[LoggedMessage]:
    """Return what should have arrived while the world was busy."""
    return [
        message
        for message in message_log.messages
        if message.confirmed_at is not None
        and message.asked_at < rests_at
        and not (message.is_probe or message.is_withdrawn)
        and message.sender not in gone
        and message.recipient not in gone
    ]


def delivery_ratio(messages: list[LoggedMessage], rests_at: int) -> float:
    """Return how much had arrived by then."""
    if not messages:
        return 1
    arrived = sum(
        message.delivered_at is not None and message.delivered_at <= rests_at
        for message in messages
    )
    return arrived / len(messages)


def require_expected(
    expect: Expect, messages: list[LoggedMessage], rests_at: int, copies: float
) -> None:
    """E1: hold a run against what its scenario expects."""
    times = sorted(
        message.delivered_at - message.asked_at
        for message in messages
        if message.delivered_at is not None and message.delivered_at <= rests_at
    )
    since = rests_at - round(expect.delivery_time_s * 1_000_000)
    ratio = delivery_ratio([one for one in messages if one.asked_at <= since], rests_at)
    if expect.delivery_ratio_min is not None and ratio < expect.delivery_ratio_min:
        detail = f"{ratio:.4f} of the messages arrived, fewer than {expect.delivery_ratio_min}"
        raise BrokenInvariant(E1, detail)
    for share, bound_ms in (
        (0.5, expect.latency_p50_ms_max),
        (0.99, expect.latency_p99_ms_max),
    ):
        if bound_ms is not None and times:
            found_ms = times[min(len(times) - 1, int(share * len(times)))] / 1_000
            if found_ms > bound_ms:
                detail = f"{share:.0%} of what arrived took {found_ms:,.0f} ms, beyond {bound_ms:g}"
                raise BrokenInvariant(E1, detail)
    if expect.copies_max is not None and copies > expect.copies_max:
        raise BrokenInvariant(
            E1, f"{copies:.2f} bodies came for each, beyond {expect.copies_max:g}"
        )


def require_possible_mail(possible: Sequence[PossibleMessage], ratio_min: float) -> None:
    """E1, of the messages that could have come; it holds where none could."""
    late = [one for one in possible if not one.has_come]
    ratio = 1 - len(late) / len(possible) if possible else 1
    if ratio < ratio_min:
        message, by = late[0]
        detail = (
            f"{ratio:.4f} of {len(possible)} messages that could have come were there by then, "
            f"fewer than {ratio_min}; the first that was not is message {message.number} of node "
            f"{message.sender} for node {message.recipient}, written at "
            f"{message.asked_at / 1e6:.1f} s, which could have been there at {by / 1e6:.1f} s"
        )
        raise BrokenInvariant(E1, detail, message.recipient)


def require_sometimes(expect: Expect, reached: Mapping[str, int]) -> None:
    """E1: hold a run to the situations that it is there to reach."""
    missed = [goal for goal in expect.sometimes if not reached.get(goal)]
    if missed:
        said = " ".join(f"{goal}: {COVERAGE_GOALS[goal]}" for goal in missed)
        raise BrokenInvariant(E1, f"the run never reached what it is there for: {said}")


def require_stored_mail(waited: Sequence[StoredMessage], ratio_min: float) -> None:
    """E1, of the messages that had to wait in others' stores; it holds where none had to.

    One that was kept back waited in none: its author spreads it after a time of chance, and slept
    before that was over (`docs/protocol/stems.md`). That stems are swallowed is the exception:
    where more than `KEPT_BACK_MAX` of them were, E1 is broken too.
    """
    trusted = [one for one in waited if one.is_trusted]
    kept_back = [one for one in trusted if one.was_kept_back]
    if len(kept_back) > KEPT_BACK_MAX * len(trusted):
        detail = (
            f"{len(kept_back)} of {len(trusted)} messages were kept back by who was to pass them on"
        )
        raise BrokenInvariant(E1, detail)
    trusted = [one for one in trusted if not one.was_kept_back]
    ratio = stored_ratio(trusted)
    if ratio < ratio_min:
        detail = (
            f"{ratio:.4f} of {len(trusted)} messages arrived that had to wait in others' stores, "
            f"fewer than {ratio_min}"
        )
        raise BrokenInvariant(E1, detail)
