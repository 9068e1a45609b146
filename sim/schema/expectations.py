"""What a scenario expects of a run beside the promises: how much arrived, how soon, how often.

Measured at the moment at which nothing befalls any more and people stop writing, before all that is
left is demanded: so it says what people had of their mesh while it was hard.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from sim.invariants.invariants import E1, BrokenPromise
from sim.invariants.message_log import Ledger, Letter
from sim.invariants.stored_mail import Waited, waited_ratio
from sim.schema.coverage_goals import MARKS
from sim.schema.fault_tables import Positive, Share, Strict

Copies = Annotated[float, msgspec.Meta(ge=1)]


class Expect(Strict, frozen=True, kw_only=True):
    """Bounds of one scenario; what is not there is not held."""

    delivery_ratio_min: Share | None = None
    """Of what was written between those who have not failed for ever."""
    waited_ratio_min: Share | None = None
    """Of what had to wait in others' stores, by authors whom one knows who never sleeps."""
    latency_p50_ms_max: Positive | None = None
    latency_p99_ms_max: Positive | None = None
    """Of what had arrived."""
    copies_max: Copies | None = None
    """Bodies received for each envelope and node."""
    sometimes: tuple[str, ...] = ()
    """Each run reaches these of `sim.schema.coverage_goals`, or it does not show what it is for."""

    def __post_init__(self) -> None:
        """Know the marks; a decoder says where one that it does not know stands."""
        for mark in self.sometimes:
            if mark not in MARKS:
                near = difflib.get_close_matches(mark, MARKS, n=1)
                meant = f" (did you mean {near[0]}?)" if near else ""
                raise ValueError(f"in expect.sometimes there is no mark {mark!r}{meant}")


def due_letters(ledger: Ledger, rests_at: int, *, gone: tuple[int, ...] = ()) -> list[Letter]:
    """What should have arrived while the world was busy."""
    return [
        letter
        for letter in ledger.letters
        if letter.confirmed_at is not None
        and letter.asked_at < rests_at
        and not (letter.is_probe or letter.is_withdrawn)
        and letter.sender not in gone
        and letter.recipient not in gone
    ]


def delivery_ratio(letters: list[Letter], rests_at: int) -> float:
    """How much had arrived by then."""
    if not letters:
        return 1
    arrived = sum(
        letter.delivered_at is not None and letter.delivered_at <= rests_at for letter in letters
    )
    return arrived / len(letters)


def require_expected(expect: Expect, letters: list[Letter], rests_at: int, copies: float) -> None:
    """E1: hold a run against what its scenario expects."""
    times = sorted(
        letter.delivered_at - letter.asked_at
        for letter in letters
        if letter.delivered_at is not None and letter.delivered_at <= rests_at
    )
    ratio = delivery_ratio(letters, rests_at)
    if expect.delivery_ratio_min is not None and ratio < expect.delivery_ratio_min:
        detail = f"{ratio:.4f} of the messages arrived, fewer than {expect.delivery_ratio_min}"
        raise BrokenPromise(E1, detail)
    for share, bound_ms in (
        (0.5, expect.latency_p50_ms_max),
        (0.99, expect.latency_p99_ms_max),
    ):
        if bound_ms is not None and times:
            found_ms = times[min(len(times) - 1, int(share * len(times)))] / 1_000
            if found_ms > bound_ms:
                detail = f"{share:.0%} of what arrived took {found_ms:,.0f} ms, beyond {bound_ms:g}"
                raise BrokenPromise(E1, detail)
    if expect.copies_max is not None and copies > expect.copies_max:
        raise BrokenPromise(E1, f"{copies:.2f} bodies came for each, beyond {expect.copies_max:g}")


def require_sometimes(expect: Expect, reached: Mapping[str, int]) -> None:
    """E1: hold a run to the situations that it is there to reach."""
    missed = [mark for mark in expect.sometimes if not reached.get(mark)]
    if missed:
        said = " ".join(f"{mark}: {MARKS[mark]}" for mark in missed)
        raise BrokenPromise(E1, f"the run never reached what it is there for: {said}")


def require_waited(waited: Sequence[Waited], ratio_min: float) -> None:
    """E1, of the letters that had to wait in others' stores; it holds where none had to."""
    trusted = [one for one in waited if one.is_trusted]
    ratio = waited_ratio(trusted)
    if ratio < ratio_min:
        detail = (
            f"{ratio:.4f} of {len(trusted)} messages arrived that had to wait in others' stores, "
            f"fewer than {ratio_min}"
        )
        raise BrokenPromise(E1, detail)
