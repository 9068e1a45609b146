"""The arrival of each envelope at each node: how soon new mail is everywhere, and whether it is.

Latency is of one reader of each message; this is of all who carry it. An envelope is there when its
node stores it, also without a body that was opened meanwhile or does not fit. What a power cut
takes back within the very batch counts as there.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mesh.ids import EnvelopeId
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope, Stub
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.patching import Patch, patched


@dataclass(frozen=True, slots=True)
class Arrived:
    """Of the envelopes that some of these nodes have."""

    envelopes_count: int
    coverage: float
    """How many of the envelopes a node has, in the mean."""

    times: Sequence[int]
    """From when an author's node had one to when another had it, in order; microseconds."""


class Arrivals:
    """Of one world, of its honest nodes."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._nodes: dict[EnvelopeId, dict[int, int]] = {}
        self._bodies: dict[EnvelopeId, dict[int, int]] = {}
        self._copied: dict[int, frozenset[EnvelopeId]] = {}

    def forget(self) -> None:
        """Begin anew."""
        self._nodes.clear()
        self._bodies.clear()
        self._copied.clear()

    def copied(self, node: int, copy: int) -> None:
        """The disk of a second machine begins as a copy of that of a node."""
        had = (id_ for id_, came in self._bodies.items() if node in came)
        self._copied[copy] = frozenset(had)

    def has_had_body(self, node: int, envelope: EnvelopeId) -> bool:
        """Say whether a node has ever stored the body of an envelope, or began with it."""
        is_stored = node in self._bodies.get(envelope, ())
        return is_stored or envelope in self._copied.get(node, ())

    def body_came_at(self, node: int, envelope: EnvelopeId) -> int | None:
        """Return when a node stored the body of an envelope first."""
        return self._bodies.get(envelope, {}).get(node)

    def body_left_at(self, node: int, envelope: EnvelopeId) -> int | None:
        """Return when another node than this one stored the body of an envelope first."""
        came = self._bodies.get(envelope, {})
        return min((at for other, at in came.items() if other != node), default=None)

    @property
    def by_envelope(self) -> Mapping[EnvelopeId, Mapping[int, int]]:
        """Return when each node first had each envelope; the first of them is its author's."""
        return self._nodes

    def among(self, nodes: Sequence[int]) -> Arrived:
        """Return what came to these."""
        times: list[int] = []
        envelopes_count = held_count = 0
        for arrivals in self._nodes.values():
            theirs = {node: arrivals[node] for node in nodes if node in arrivals}
            envelopes_count += bool(theirs)
            held_count += len(theirs)
            author, written_at = next(iter(arrivals.items()))
            times += [at - written_at for node, at in theirs.items() if node != author]
        wanted = envelopes_count * len(nodes)
        return Arrived(envelopes_count, held_count / wanted if wanted else 1, sorted(times))

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, all that stores take in is looked at."""
        add, add_stubs = Store.add, Store.add_stubs

        def added(store: Store, envelopes: Sequence[Envelope]) -> None:
            ids = [envelope.id for envelope in envelopes]
            self._came(ids)
            self._bodies_came(ids)
            add(store, envelopes)

        def stubs_added(store: Store, stubs: Sequence[Stub], *, are_missed: bool = True) -> None:
            self._came([stub.id for stub in stubs])
            add_stubs(store, stubs, are_missed=are_missed)

        with patched(Patch(Store, "add", added), Patch(Store, "add_stubs", stubs_added)):
            yield

    def _came(self, ids: Sequence[EnvelopeId]) -> None:
        node = PURITY_GUARDS.node
        if node is None or PURITY_GUARDS.is_double:
            return
        for id_ in ids:
            self._nodes.setdefault(id_, {}).setdefault(node, self._now())

    def _bodies_came(self, ids: Sequence[EnvelopeId]) -> None:
        node = PURITY_GUARDS.node
        if node is None or PURITY_GUARDS.is_double:
            return
        for id_ in ids:
            self._bodies.setdefault(id_, {}).setdefault(node, self._now())
