"""The tables of a scenario that say what faults wires have: each direction between two nodes alone.

Which wires have a fault, and when, is drawn for each by itself when the two nodes first have to do
with each other. A wire exists wherever one dials the other.
"""

from typing import Literal

from sim.schema.delay_laws import DelayLaw
from sim.schema.fault_tables import Lasting, Positive, Share, Strict, Targeted

Ways = Literal["one", "both"]


class BurstTable(Strict, frozen=True, kw_only=True):
    """Losses that come together: a packet turns a good wire bad or a bad one good."""

    enters: Share
    leaves: Share
    loss_in: Share = 1
    loss_out: Share = 0


class OnWires(Lasting, frozen=True, kw_only=True):
    """The root of what is wrong with some wires for a while; `share` counts directions."""


class Losses(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="losses"):
    """Packets are lost, alone or in bursts; to a stream that is a delay."""

    loss: Share = 0
    bursts: BurstTable | None = None


class Delays(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="delays"):
    """Everything takes longer."""

    delay: DelayLaw


class Trickles(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="trickles"):
    """Bytes come slowly, one after the other, as from a slow-loris."""

    bytes_per_second: Positive = 100


class Clogs(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="clogs"):
    """Nothing passes until the end; with `ways` one it is a one-way link."""

    ways: Ways = "both"


class Holds(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="holds"):
    """A hold of what is written: it comes all at once at the end."""


class Corruptions(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="corruptions"):
    """Bits are flipped on a stream, which TCP's checksum does not always see."""

    chunks: Share = 0.01


class Truncations(OnWires, frozen=True, kw_only=True, tag_field="kind", tag="truncations"):
    """Streams end in the middle of what was written."""

    chunks: Share = 0.01


class HalfOpen(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="half-open"):
    """A router forgets streams: both ends hold them, nothing passes, and nobody is told."""

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1]


WireFault = Losses | Delays | Trickles | Clogs | Holds | Corruptions | Truncations | HalfOpen
