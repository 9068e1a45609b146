"""The objects of the event stream, in the order in which a subscriber may meet them.

A stream begins with `hello`. Events are numbered from 1 in each run of the daemon; a run has an
`epoch`. A subscriber that comes back names the epoch and the last number it saw, and gets what
it missed, or `resync` when that is not remembered any more: then it asks for the state again.
"""

import msgspec

from mesh.events import Event


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello", tag_field="type"):
    """The stream stands. `seq` is the number after which it goes on."""

    epoch: str
    seq: int


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="event", tag_field="type"):
    """One event and its number."""

    seq: int
    event: Event


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag="resync", tag_field="type"):
    """Events up to `seq` were missed and are gone: ask for the state again, then go on."""

    epoch: str
    seq: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="type"):
    """Nothing happened for a while; the daemon lives."""

    seq: int


class GoingAway(msgspec.Struct, frozen=True, kw_only=True, tag="going-away", tag_field="type"):
    """The daemon stops; the stream ends here.

    `is_back_soon`: it was locked and begins anew; who connects at once waits until it answers.
    """

    is_back_soon: bool = False


StreamObject = Hello | Happened | Resync | Heartbeat | GoingAway
