"""Moments as a person types them: a time of day, a date, or so long from now."""

import re
from datetime import datetime, timedelta

from mesh.cli.layout import DAY, HOUR, MINUTE
from mesh.errors import UserError

_UNITS = {"m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_LATER = re.compile(r"\+?(\d{1,5}) ?(m|min|h|d)")
_CLOCK = re.compile(r"(?:(\d{4})-(\d\d?)-(\d\d?)[ t]|(today|tomorrow) )?(\d\d?):(\d\d)")

FORMS = "18:30, tomorrow 9:00, 2026-12-24 18:00, or 45m, 2h, 3d from now"
"""What is understood, in words."""


PAST_FORMS = "18:30, today 9:00, 2026-12-24 18:00, or 45m, 2h, 3d ago"
"""The same of what has been."""


def moment_of(typed: str, now: float) -> int:
    """Return Unix seconds; a time of day alone is the next one by this computer's clock."""
    text = " ".join(typed.lower().split())
    later = _LATER.fullmatch(text)
    if later is not None:
        return int(now) + int(later[1]) * _UNITS[later[2]]
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise _not_understood(typed)
    year, month, day, named, hour, minute = found.groups()
    try:
        moment = datetime.fromtimestamp(now).replace(
            hour=int(hour), minute=int(minute), second=0, microsecond=0
        )
        if year is not None:
            moment = moment.replace(year=int(year), month=int(month), day=int(day))
        elif named == "tomorrow" or (named is None and moment.timestamp() <= now):
            moment += timedelta(days=1)
        return int(moment.timestamp())
    except (OverflowError, ValueError):
        raise _not_understood(typed) from None


def past_moment_of(typed: str, now: float) -> int:
    """Return Unix seconds of a moment that has been: so long ago, a time of day is the last one."""
    ago = _LATER.fullmatch(" ".join(typed.lower().split()))
    if ago is not None:
        return int(now) - int(ago[1]) * _UNITS[ago[2]]
    moment = moment_of(typed, now)
    # A time of day alone was taken for the next one; a date stands.
    return moment if moment <= now else moment - DAY


def _not_understood(typed: str) -> UserError:
    return UserError("bad-time", f"`{typed}` is no time; write {FORMS}.")
