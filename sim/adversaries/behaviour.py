"""The behaviour of a hostile node. The root does nothing, as a node that fell silent.

A behaviour is told what comes and queues frames for links that stand, or bytes for streams on which
it makes no link at all. What frames a link may carry is the real machine's business, so a behaviour
that sends what is no frame hands in a structure that only looks like one.
"""

from collections.abc import Sequence
from typing import cast

import msgspec

from mesh.ids import Address, Instant, LinkId
from mesh.wire.frames import Frame
from sim.kernel.entropy import Chance, SeededEntropy


class Behaviour:
    """The behaviour of one: whom it dials, and what it says. `links` are those on which frames
    may go.
    """

    links_per_target = 1

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        self.chance = chance
        self.entropy = entropy
        self.pause_us = max(1, round(1_000_000 / per_second))
        self.links: dict[LinkId, None] = {}
        self._frames: list[tuple[LinkId, Frame]] = []
        self._raw: list[tuple[LinkId, bytes]] = []

    # --- What it is asked ---------------------------------------------------------------------

    def is_target(self, addresses: Sequence[Address]) -> bool:
        """Say whether it dials whoever listens there."""
        return True

    def first_bytes(self, *, is_dialled: bool) -> bytes | None:
        """Return what it writes in place of a handshake; None: it shakes hands like everybody."""
        return None

    def lie_seconds(self, chance: Chance) -> int:
        """By how much its Hello is wrong."""
        return 0

    # --- What it is told ----------------------------------------------------------------------

    def raw_opened(self, link: LinkId) -> None:
        """A stream stands on which it makes no link."""

    def heard_raw(self, link: LinkId, data: bytes) -> None:
        """Bytes came, before anything is made of them."""

    def opened(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame came."""

    def closed(self, link: LinkId) -> None:
        """A link that was ready has ended."""

    def act(self, now: Instant) -> None:
        """Every `pause_us`."""

    # --- What it does -------------------------------------------------------------------------

    def say(self, link: LinkId, frame: Frame) -> None:
        """Queue a frame."""
        self._frames.append((link, frame))

    def say_something_else(self, link: LinkId, something: msgspec.Struct) -> None:
        """Queue what is no frame of this version."""
        # A cast, since that it is none is the point; the encoder takes any structure.
        self._frames.append((link, cast(Frame, something)))

    def write_raw(self, link: LinkId, data: bytes) -> None:
        """Queue bytes on a stream without a link."""
        self._raw.append((link, data))

    def a_link(self) -> LinkId | None:
        """One of the links, drawn."""
        return self.chance.pick(list(self.links)) if self.links else None

    def take_frames(self) -> list[tuple[LinkId, Frame]]:
        """Return what is to be said now."""
        frames, self._frames = self._frames, []
        return frames

    def take_raw(self) -> list[tuple[LinkId, bytes]]:
        """Return what is to be written now."""
        raw, self._raw = self._raw, []
        return raw
