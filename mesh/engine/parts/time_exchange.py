"""Mesh time over links: what peers say of it, and what they are told.

Joins `mesh.timekeeping.mesh_time` to the links. Implements the section "Time" of
`docs/protocol/link.md`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mesh.effects import Effect, Emit
from mesh.engine.link_streams import Streams
from mesh.engine.part import Part
from mesh.events import NoticeRaised
from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.timekeeping.mesh_time import MeshClock, ToldTime
from mesh.wire.frames import (
    FEATURE_TIME_UNSURE,
    FLAG_TIME_UNSURE,
    Frame,
    Hello,
    Time,
    rounded_time,
)

EXPIRY_CLOCK_SETTING: Final = "expiry clock"
"""Under this name the store keeps what goes on over restarts."""


class TimeExchange(Part):
    """The clock of this node, and the words of its peers."""

    frame_types = (Time,)

    def __init__(
        self, clock: MeshClock, streams: Streams, put_setting: Callable[[str, bytes], None]
    ) -> None:
        self._clock = clock
        self._streams = streams
        self._put_setting = put_setting

    def link_up(self, link: LinkId, now: Instant) -> None:
        """Both sides have said what time it is, in their Hello."""
        wire = self._streams.ready[link].link
        assert wire.hello is not None
        self._clock.observe(link, _said_in(wire.hello), said=_said_in(wire.said), now=now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """Forget the witness that has left."""
        self._clock.forget(link)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A peer says anew what time it is."""
        assert isinstance(frame, Time)
        is_vouched = not frame.flags & FLAG_TIME_UNSURE
        told = ToldTime(UnixSeconds(frame.mesh_time), is_vouched=is_vouched)
        self._clock.observe_again(link, told, now)

    def tend(self, now: Instant) -> None:
        """Now and then, what expiry time needs over a restart enters the store."""
        kept = self._clock.expiry.take_kept(now)
        if kept is not None:
            self._put_setting(EXPIRY_CLOCK_SETTING, kept)

    def deadline(self) -> Monotonic | None:
        """Return when peers are to be told, or an own clock is to be looked at."""
        return self._clock.deadline()

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, Time]]:
        """Return what peers are told after a correction."""
        return [
            (link, Time(rounded_time(time.mesh_time), 0 if time.is_vouched else FLAG_TIME_UNSURE))
            for link, time in self._clock.take_told(now)
        ]

    def take_effects(self) -> Sequence[Effect]:
        """Return what our person is told of clocks."""
        return [Emit(NoticeRaised(words)) for words in self._clock.take_notices()]


def _said_in(hello: Hello) -> ToldTime:
    """The mesh time in a Hello, and whether its sender's own clock stands behind it."""
    is_unsure = FEATURE_TIME_UNSURE in hello.features
    return ToldTime(UnixSeconds(hello.mesh_time), is_vouched=not is_unsure)
