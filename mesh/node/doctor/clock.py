"""The clock's part of `mesh doctor`: whether this computer's clock is the one that is wrong."""

import time

from mesh.commands.status import StatusAnswer
from mesh.limits.timekeeping import CLOCKS_AGREE_SECONDS
from mesh.node.doctor.finding import Finding
from mesh.timekeeping.expiry_clock import RELEASED

_MEANING = (
    "Mail that is written under a wrong clock is dated wrongly, and may wait until it is sealed "
    "again."
)


def clock_finding(status: StatusAnswer | None) -> Finding:
    """Compare the own clock with the release of Mesh, and with what neighbours say."""
    now = time.time()
    if now < RELEASED:
        return Finding(
            check="clock",
            level="fail",
            found=f"This computer's clock says {_date(now)}, when this Mesh did not exist yet.",
            meaning=_MEANING,
            fix="Set the date and the time of this computer.",
        )
    if status is None:
        found = f"This computer's clock says {_date(now)}; while no node runs nobody can compare."
        return Finding(check="clock", level="ok", found=found)
    if status.clock_doubt:
        return Finding(
            check="clock",
            level="fail",
            found=f"This computer's clock says {_date(now)}. {status.clock_doubt}",
            meaning=_MEANING,
            fix="Look at a watch, and set this computer's clock if it is wrong.",
        )
    clocks = status.clock_differences
    others = [each for each in clocks if abs(each) > CLOCKS_AGREE_SECONDS]
    # The own clock is a witness too, unless the node itself follows others already.
    agreeing_count = len(clocks) - len(others) + 1
    if status.clock_offset_seconds or len(others) > agreeing_count:
        return _refuted(now, others, status)
    if len(others) == agreeing_count:
        return _disputed(now, others, len(clocks))
    return Finding(check="clock", level="ok", found=f"It is {_date(now)}; {_told(clocks, others)}.")


def _told(clocks: list[int], others: list[int]) -> str:
    if not clocks:
        return "no neighbour has said what time it is"
    if not others:
        return "no neighbour tells another time"
    return f"{len(others)} of {len(clocks)} neighbours, who are fewer, tell another time"


def _refuted(now: float, others: list[int], status: StatusAnswer) -> Finding:
    ahead_s = status.clock_offset_seconds or others[len(others) // 2]
    side = "behind" if ahead_s > 0 else "ahead of"
    count = len(others)
    who = f"{count} of {len(status.clock_differences)} neighbours" if count else "the neighbours"
    return Finding(
        check="clock",
        level="fail",
        found=f"This computer's clock is {_lasting(ahead_s)} {side} that of {who}.",
        meaning=_MEANING,
        fix=f"Look at a watch. If it is {_date(now + ahead_s)}, set this computer's clock to that.",
    )


def _disputed(now: float, others: list[int], count: int) -> Finding:
    ahead_s = others[len(others) // 2]
    who = "the one neighbour says" if count == 1 else f"{len(others)} of {count} neighbours say"
    return Finding(
        check="clock",
        level="fail",
        found=f"This computer's clock says {_date(now)}, and {who} {_date(now + ahead_s)}.",
        meaning="Nobody can tell which of them is right.",
        fix="Look at a watch, and set the clock that is wrong.",
    )


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _lasting(seconds: int) -> str:
    minutes = round(abs(seconds) / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
