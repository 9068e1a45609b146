"""Messages that had to wait in others' stores, and how near their authors are to who carried them.

Somebody who sleeps gets their mail from whoever is awake when they are. A message *waits* if its
two users are never awake together from its writing until no fault happens any more: then no copy
but those of others can bring it. It is *due* if its recipient has been awake for one whole turn
since. Its *depth* is how near its author is to the nearest of the *carriers*, who never sleep.
*Insiders*, whose hosts were taken over, are no carriers, and their messages are not counted; how
near the nearest of them is to the author is told besides.

A message was *kept back* if somebody was given it, and nobody honest but its author had it when
that fell asleep: it was still on its stem (`docs/protocol/stems.md`), and waited in no other's
store.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.ids import PostingKey
from mesh.trust.distance import Depth, Distances
from mesh.wire.envelope import SECONDS_PER_DAY
from sim.invariants.message_log import LoggedMessage

LARGE_BYTES: Final = 4 * 1024
"""A text beyond this is in an envelope of 16 KiB, one of a few hundred letters in one of 1 KiB."""

TRUE_DEPTH: Final = Distances.depth
"""How near an author is, also while stores are planted that know nobody."""

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Departure:
    """The way of a message out of its author's node; virtual microseconds, None for never."""

    given_at: int | None = None
    """When a link was given it first, whoever was at its other end."""

    stored_at: int | None = None
    """When another honest node stored it first."""


NEVER: Final = Departure()


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One such message, and what became of it."""

    message: LoggedMessage
    depth: Depth
    has_arrived: bool
    holders: tuple[int, ...] = ()
    """The carriers that know its author, over at most three users."""

    compromised: Depth = Depth.STRANGER
    """How near the nearest insider is to its author."""

    was_kept_back: bool = False
    """Whether nobody honest had it but its author, who had given it away, when that fell asleep."""

    @property
    def is_large(self) -> bool:
        """Say whether it is in a large envelope."""
        return len(self.message.text.encode()) > LARGE_BYTES

    @property
    def is_trusted(self) -> bool:
        """Say whether somebody who never sleeps knows its author, over at most three users."""
        return self.depth is not Depth.STRANGER


def stored_messages(
    messages: Sequence[LoggedMessage],
    naps: Mapping[int, Spans],
    standings: Mapping[int, Distances],
    compromised: Collection[int] = (),
    *,
    begins_at_s: int,
    rests_at: int,
    departure_of: Callable[[LoggedMessage], Departure] = lambda message: NEVER,
) -> list[StoredMessage]:
    """Those of the given messages that had to wait and were due.

    `standings` are of each node, and calendars begin at `begins_at_s`.
    """
    carriers = {
        node: one for node, one in standings.items() if node not in naps and node not in compromised
    }
    compromised_keys = [standings[node].own_keys for node in compromised if node in standings]
    turns = {node: _turns(spans, rests_at) for node, spans in naps.items()}
    found: list[StoredMessage] = []
    for message in messages:
        if message.sender not in naps or message.recipient not in naps:
            continue
        if message.sender in compromised or message.recipient in compromised:
            continue
        written_at = message.confirmed_at
        assert written_at is not None
        their_turns = turns[message.recipient]
        is_due = any(begins >= written_at and ends < rests_at for begins, ends in their_turns)
        theirs, ours = (
            _since(turns[one], written_at) for one in (message.recipient, message.sender)
        )
        if not is_due or _meet(ours, theirs):
            continue
        day = (begins_at_s + written_at // 1_000_000) // SECONDS_PER_DAY
        keys = standings[message.sender].own_keys
        depths = {node: _depth(one, keys, day) for node, one in carriers.items()}
        to_compromised = [_depth(standings[message.sender], one, day) for one in compromised_keys]
        found.append(
            StoredMessage(
                message,
                depth=min(depths.values(), default=Depth.STRANGER),
                has_arrived=message.delivered_at is not None and message.delivered_at <= rests_at,
                holders=tuple(
                    node for node, depth in depths.items() if depth is not Depth.STRANGER
                ),
                compromised=min(to_compromised, default=Depth.STRANGER),
                was_kept_back=_was_kept_back(
                    naps[message.sender], written_at, departure_of(message)
                ),
            )
        )
    return found


def stored_ratio(waited: Sequence[StoredMessage]) -> float:
    """Return how many had arrived."""
    return sum(one.has_arrived for one in waited) / len(waited) if waited else 1


def _was_kept_back(naps: Spans, written_at: int, departure: Departure) -> bool:
    """`naps`: those of its author."""
    sleeps_at = min((begins for begins, _ in naps if begins >= written_at), default=None)
    if sleeps_at is None or departure.given_at is None or departure.given_at > sleeps_at:
        return False
    return departure.stored_at is None or departure.stored_at > sleeps_at


def _depth(carrier: Distances, keys: Sequence[PostingKey], day: int) -> Depth:
    return min((TRUE_DEPTH(carrier, key, day) for key in keys), default=Depth.STRANGER)


def _turns(naps: Spans, rests_at: int) -> Spans:
    """Return when somebody who slept at these times was awake, up to when everybody is."""
    begins = [0, *(ends for _, ends in naps)]
    ends = [*(begins for begins, _ in naps), rests_at]
    return [(one, other) for one, other in zip(begins, ends, strict=True) if one < other]


def _since(turns: Spans, at: int) -> Spans:
    return [(max(begins, at), ends) for begins, ends in turns if ends > at]


def _meet(one: Spans, other: Spans) -> bool:
    return any(max(a, c) < min(b, d) for a, b in one for c, d in other)
