"""The cost of mending a mesh that was cut (L8): little more than what is missing.

When a cut through the mesh ends and nothing else lies between nodes, it is noted what each engine
that runs lacks of what all of them know together; one that starts later is taken to lack all that
anybody lacked. Until those that ran know it, or a minute has gone, or ten seconds where only
retirements are left, which relays hold back on purpose, two things are counted: the bytes of the
bodies that were missing and are sent, and the bytes of the frames by which sets are compared. Both
are held against what was missing, and comparing also against what came into sets only meanwhile:
what was written apart and went out by a stem lies in no set yet, and differs as soon as it spreads.
A new cut ends the count without a verdict; a node that crashes is not waited for.

Who compares by halving ranges pays for what differs, and a little for each link on which sets are
compared at all; who lists everything pays for all that is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from mesh.engine.engine import Engine
from mesh.ids import EnvelopeId
from mesh.wire.envelope import envelope_id_of
from mesh.wire.frames import Push
from mesh.wire.retirement import RETIREMENT_BYTES
from sim.invariants.invariants import L8, BrokenInvariant
from sim.kernel.loop import Loop

COMPARING: Final = ("NegOpen", "NegMessage", "NegClose", "Root", "Audit", "AuditResult")
"""The frames by which sets are compared."""

LOOK_US: Final = 1_000_000
REPAIR_US: Final = 60_000_000
"""By then it is over, or L1 says so."""
HELD_BACK_US: Final = 10_000_000
"""Each node holds a retirement back for up to a minute, so that who had it first does not show, and
whatever is compared meanwhile names it again. What else was missing is here after so long, or in
its own time."""

BODY_COPIES_MAX: Final = 3
BODIES_FREE_BYTES: Final = 64 * 1024
BODIES_FREE_COUNT: Final = 4
"""Mail that is on its way when the cut ends is missing too, and comes over so many eager links.
Where little is missing one such envelope must not decide, however large: so many copies of the
largest are free, and no fewer bytes."""

DIFFERENCE_BYTES: Final = 256
"""What comparing costs for an id that a node lacks. Where one in a hundred ids differs it is 193
bytes on one link (docs/benchmarks.md, "Comparing sets"), and links are compared side by side."""

LINK_BYTES: Final = 2_048
"""What comparing costs on a link where little differs: three sets, and audits of them."""


@dataclass(slots=True)
class _Wound:
    """The mail that was missing when a cut ended, and what has been sent since."""

    began_at: int
    engines: dict[int, Engine]
    lacks: dict[int, list[EnvelopeId]]
    sizes: dict[EnvelopeId, int]
    """The bytes of each envelope that somebody lacked."""
    known: dict[EnvelopeId, None]
    """All that anybody knew."""
    comparing_before: int
    streams_before: int
    links_count: int
    bodies_bytes: int = 0
    late: list[Engine] = field(default_factory=list)
    """Engines that started since then."""

    @property
    def missing_count(self) -> int:
        return sum(map(len, self.lacks.values())) + len(self.late) * len(self.sizes)

    @property
    def missing_bytes(self) -> int:
        of_those = sum(self.sizes[id_] for ids in self.lacks.values() for id_ in ids)
        return of_those + len(self.late) * sum(self.sizes.values())

    def is_mended(self, running: Mapping[int, Engine], now: int) -> bool:
        """Say whether those that ran know what they lacked, but for what is held back."""
        is_for_all = now < self.began_at + HELD_BACK_US
        return all(
            id_ in engine.replicator.sets
            for node, engine in self.engines.items()
            if running.get(node) is engine
            for id_ in self.lacks[node]
            if is_for_all or self.sizes[id_] != RETIREMENT_BYTES
        )

    def notice(self, running: Mapping[int, Engine]) -> None:
        """Note which engines started since the last look."""
        for node, engine in running.items():
            if engine is not self.engines.get(node) and engine not in self.late:
                self.late.append(engine)


@dataclass(slots=True)
class RepairCost:
    """Observes one world. `running`: the engines of honest nodes that run."""

    loop: Loop
    running: Callable[[], Mapping[int, Engine]]
    frame_bytes: Mapping[str, int]
    streams_count: Callable[[], int]
    links_count: Callable[[], int]
    repaired_count: int = 0
    """How many cuts were followed to their end, with something missing."""
    _wound: _Wound | None = field(default=None)

    def cut(self) -> None:
        """Something comes between nodes again."""
        self._wound = None

    def healed(self) -> None:
        """Nothing lies between nodes any more."""
        engines = dict(self.running())
        known = {
            node: dict.fromkeys(engine.replicator.sets.ids()) for node, engine in engines.items()
        }
        sizes = {
            id_: engine.replicator.sets.element(id_).size_bytes
            for engine in engines.values()
            for id_ in engine.replicator.sets.ids()
        }
        lacks = {node: [id_ for id_ in sizes if id_ not in ids] for node, ids in known.items()}
        missing = {id_: sizes[id_] for each in lacks.values() for id_ in each}
        if not missing:
            return
        self._wound = _Wound(
            began_at=self.loop.now,
            engines=engines,
            lacks=lacks,
            sizes=missing,
            known=dict.fromkeys(sizes),
            comparing_before=self._comparing_bytes,
            streams_before=self.streams_count(),
            links_count=self.links_count(),
        )
        self.loop.after(LOOK_US, self._look)

    def sent(self, frame: msgspec.Struct) -> None:
        """A link encodes this frame."""
        wound = self._wound
        if (
            wound is not None
            and isinstance(frame, Push)
            and envelope_id_of(frame.envelope) in wound.sizes
        ):
            wound.bodies_bytes += len(frame.envelope)

    @property
    def _comparing_bytes(self) -> int:
        return sum(self.frame_bytes.get(kind, 0) for kind in COMPARING)

    def _look(self) -> None:
        wound = self._wound
        if wound is None or self.loop.now < wound.began_at + LOOK_US:
            return
        running = self.running()
        wound.notice(running)
        if wound.is_mended(running, self.loop.now) or self.loop.now >= wound.began_at + REPAIR_US:
            self._wound = None
            self.repaired_count += 1
            self._judge(wound, running)
        else:
            self.loop.after(LOOK_US, self._look)

    def _judge(self, wound: _Wound, running: Mapping[int, Engine]) -> None:
        came = {
            id_: None
            for engine in running.values()
            for id_ in engine.replicator.sets.ids()
            if id_ not in wound.known
        }
        links = wound.links_count + self.streams_count() - wound.streams_before
        require_little(
            missing_count=wound.missing_count,
            came_count=len(came),
            missing_bytes=wound.missing_bytes,
            largest_bytes=max(wound.sizes.values()),
            bodies_bytes=wound.bodies_bytes,
            comparing_bytes=self._comparing_bytes - wound.comparing_before,
            links_count=links,
        )


def require_little(
    *,
    missing_count: int,
    came_count: int,
    missing_bytes: int,
    largest_bytes: int,
    bodies_bytes: int,
    comparing_bytes: int,
    links_count: int,
) -> None:
    """L8: so much was missing at all nodes together, and so much was sent to mend it.

    `came_count`: ids that came into sets only meanwhile.
    """
    free = max(BODIES_FREE_BYTES, BODIES_FREE_COUNT * largest_bytes)
    allowed = BODY_COPIES_MAX * missing_bytes + free
    if bodies_bytes > allowed:
        detail = (
            f"{bodies_bytes} bytes of bodies were sent where {missing_bytes} were missing after a "
            f"cut, of {allowed}"
        )
        raise BrokenInvariant(L8, detail)
    allowed = DIFFERENCE_BYTES * (missing_count + came_count) + LINK_BYTES * links_count
    if comparing_bytes > allowed:
        detail = (
            f"{comparing_bytes} bytes were sent to compare sets that differed by {missing_count} "
            f"ids after a cut, and {came_count} that came, over {links_count} links, of {allowed}"
        )
        raise BrokenInvariant(L8, detail)
