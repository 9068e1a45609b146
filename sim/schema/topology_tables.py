"""The table `topology` of a scenario: where nodes stand, and who reaches whom; `kind` names it.

A fixed graph is laid as *wires*, each edge a small network of two nodes, or as *radio*, one network
on which a node reaches only those next to it. Engines choose their links among what they reach.
"""

from typing import Annotated, Final, Literal

import msgspec

from sim.schema.fault_tables import Positive, Seconds, Share, Span, Strict

Medium = Literal["wire", "radio"]
TraceFormat = Literal["tij", "one", "intervals"]
"""As `sim.topology.contacts` describes them."""

Count = Annotated[int, msgspec.Meta(ge=1)]
Degree = Annotated[int, msgspec.Meta(ge=2, le=256)]
Metres = Annotated[float, msgspec.Meta(ge=1, le=1e6)]
Speed = Annotated[float, msgspec.Meta(ge=0.01, le=100)]
TraceSpeed = Annotated[float, msgspec.Meta(ge=0.001, le=1e6)]

DEFAULT_KIND: Final = "clusters"


class Clusters(Strict, frozen=True, kw_only=True, tag_field="kind", tag="clusters"):
    """Local networks in a ring; some nodes of each are bridges and stand on the next as well."""

    network_nodes: Annotated[int, msgspec.Meta(ge=2)] = 20
    bridges: Annotated[int, msgspec.Meta(ge=0)] = 3
    scattered: bool = False
    """Only one bridge of each leads to the next, and the others to networks that are drawn."""


class Couriers(Strict, frozen=True, kw_only=True, tag_field="kind", tag="couriers"):
    """Local networks without a bridge; some hosts are carried from one to another.

    A courier stays somewhere for `stay_s`, is on no network for `travel_s`, and goes on to a
    drawn network, until `until_s`; then all are back at home, and the networks are joined like
    clusters if `is_joined_after`.
    """

    network_nodes: Annotated[int, msgspec.Meta(ge=2)] = 5
    couriers: Count = 2
    stay_s: tuple[Span, Span] = (30, 90)
    travel_s: tuple[Span, Span] = (10, 60)
    until_s: Positive
    is_joined_after: bool = True


class Line(Strict, frozen=True, kw_only=True, tag_field="kind", tag="line"):
    """Each node next to the one before."""

    medium: Medium = "wire"


class Ring(Strict, frozen=True, kw_only=True, tag_field="kind", tag="ring"):
    """A line whose ends meet."""

    medium: Medium = "wire"


class Star(Strict, frozen=True, kw_only=True, tag_field="kind", tag="star"):
    """All next to the first node only."""

    medium: Medium = "wire"


class Tree(Strict, frozen=True, kw_only=True, tag_field="kind", tag="tree"):
    """Each node has so many below it."""

    branching: Count = 2
    medium: Medium = "wire"


class Grid(Strict, frozen=True, kw_only=True, tag_field="kind", tag="grid"):
    """Rows of so many nodes (as many rows as columns unless said); perhaps closed to a torus."""

    columns: Count | None = None
    torus: bool = False
    medium: Medium = "wire"


class Regular(Strict, frozen=True, kw_only=True, tag_field="kind", tag="regular"):
    """A random graph in which all have the same number of neighbours."""

    degree: Degree = 4
    medium: Medium = "wire"


class SmallWorld(Strict, frozen=True, kw_only=True, tag_field="kind", tag="small-world"):
    """A ring of near neighbours, of whose edges some lead anywhere (Watts and Strogatz)."""

    degree: Degree = 4
    rewired: Share = 0.1
    medium: Medium = "wire"


class Geometric(Strict, frozen=True, kw_only=True, tag_field="kind", tag="geometric"):
    """Nodes somewhere in a square, next to all within a reach that gives so many neighbours."""

    degree: Annotated[float, msgspec.Meta(ge=2, le=256)] = 8
    medium: Medium = "radio"


class GraphMl(Strict, frozen=True, kw_only=True, tag_field="kind", tag="graphml"):
    """A graph from a GraphML file."""

    file: str
    medium: Medium = "wire"


class Encounters(Strict, frozen=True, kw_only=True):
    """The root of what makes and breaks links as time goes by.

    When users have stopped writing and the last contact is over, all gather: everybody reaches
    everybody, so that whatever is left must arrive. Without `gathers` nothing is demanded of what
    has not arrived; `expect` then says what should.
    """

    gathers: bool = True


class ContactTrace(Encounters, frozen=True, kw_only=True, tag_field="kind", tag="contacts"):
    """Contacts from a file, by radio. `nodes` takes those who were together longest."""

    file: str
    format: TraceFormat
    pad_s: Seconds = 0
    slot_s: Positive = 20
    speed: TraceSpeed = 1
    from_s: Seconds = 0
    until_s: Positive | None = None


class Waypoints(Encounters, frozen=True, kw_only=True, tag_field="kind", tag="waypoints"):
    """Nodes that walk by the random waypoint model, with radios of some range, for `moves_s`."""

    area_m: tuple[Metres, Metres] = (450, 340)
    range_m: Positive = 10
    speed_m_per_s: tuple[Speed, Speed] = (0.5, 1.5)
    pause_s: tuple[Seconds, Seconds] = (0, 120)
    warmup_s: Seconds = 1_000
    moves_s: Positive


class Setdest(Encounters, frozen=True, kw_only=True, tag_field="kind", tag="setdest"):
    """Nodes that walk as a file of ns-2's `setdest` says, with radios of some range."""

    file: str
    range_m: Positive
    moves_s: Positive


class Meetings(Encounters, frozen=True, kw_only=True, tag_field="kind", tag="meetings"):
    """Laptops that are shut nearly always; acquaintances meet again and again, by radio.

    A drawn graph says who is acquainted with whom. Two acquaintances meet for `for_s`, with
    `every_s` between two meetings, both drawn each time. A laptop is open while its owner meets
    somebody and, for `alone_for_s`, when they are alone, with `alone_every_s` between.
    """

    degree: Degree = 3
    """How many acquaintances each has."""

    every_s: tuple[Positive, Positive] = (259_200, 1_728_000)
    for_s: tuple[Positive, Positive] = (900, 5_400)
    alone_every_s: tuple[Positive, Positive] = (43_200, 345_600)
    alone_for_s: tuple[Positive, Positive] = (300, 3_600)
    killed_share: Share = 0
    """In so many of the times that a laptop is open its node is killed, at any moment, and started
    again within two minutes."""
    until_s: Positive


Topology = (
    Clusters
    | Couriers
    | Line
    | Ring
    | Star
    | Tree
    | Grid
    | Regular
    | SmallWorld
    | Geometric
    | GraphMl
    | ContactTrace
    | Waypoints
    | Setdest
    | Meetings
)
