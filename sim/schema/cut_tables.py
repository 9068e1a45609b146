"""The tables of a scenario that say what comes between nodes."""

from typing import Annotated, Literal

import msgspec

from sim.schema.fault_tables import Positive, Seconds, Share, Span, Strict

Mode = Literal["isolate", "halves", "uniform", "parts", "arcs", "bridge", "ring", "guests", "alone"]


class Partitions(Strict, frozen=True, kw_only=True, tag_field="kind", tag="partitions"):
    """The mesh falls apart and is whole again.

    | mode | who is apart |
    | --- | --- |
    | isolate | one node from all others |
    | halves | half of the nodes, drawn, from the rest |
    | uniform | so many drawn nodes from the rest, every number equally likely |
    | parts | `parts` groups, the group of each node drawn |
    | arcs | the ring of nodes is cut at two drawn places |
    | bridge | two halves that both reach one drawn node |
    | ring | all stand in a drawn ring and reach a majority around them, each another one |
    | guests | everybody reaches one drawn node only, as on a Wi-Fi with client isolation |
    | alone | everybody from everybody: who gave the network, as a telephone does, has left |

    Not symmetric, what is written passes one way and not the other. With `flaps_s` it is apart and
    whole in turn, for so long each, until the end.
    """

    at_s: Seconds
    for_s: Positive
    mode: Mode = "halves"
    parts: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 3
    symmetric: bool = True
    flaps_s: tuple[Span, Span] | None = None
    reset_share: Share = 0.5

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.at_s + self.for_s


class Swizzles(Strict, frozen=True, kw_only=True, tag_field="kind", tag="swizzles"):
    """Some nodes go silent one after the other, and come back one by one in another order.

    Not symmetric, they still hear.
    """

    at_s: Seconds
    for_s: Positive
    share: Share = 0.5
    symmetric: bool = True

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.at_s + self.for_s


CutFault = Partitions | Swizzles
