"""Messages that could have come, as time-respecting paths say, and which of them came by then.

Where nodes meet by a trace, or walk, who ever comes near whom is drawn, and how much arrives with
it: a share of all says little of engines. So each message is held against the path that brings it
first (`sim.invariants.paths`). How long a meeting must last is what engines are allowed, on each
hop and so on the whole way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sim.invariants.message_log import LoggedMessage
from sim.invariants.paths import Given


class PossibleMessage(NamedTuple):
    """A message that could have come, and when it could have been read first."""

    message: LoggedMessage
    by: int

    @property
    def has_come(self) -> bool:
        """Say whether it came by then."""
        return self.message.delivered_at is not None and self.message.delivered_at <= self.by


def possible_messages(
    messages: Sequence[LoggedMessage], given: Given, rests_at: int, *, hop_us: int
) -> list[PossibleMessage]:
    """Those of the given messages that could have come before users rested."""
    found: list[PossibleMessage] = []
    for message in messages:
        assert message.confirmed_at is not None
        during = (message.confirmed_at, rests_at)
        at = given.arrival(message.sender, message.recipient, during, hop_us=hop_us)
        by = None if at is None else given.open_after(message.recipient, at)
        if by is not None and by <= rests_at:
            found.append(PossibleMessage(message, by))
    return found
