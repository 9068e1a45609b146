"""The demands on a world at rest, without a fault or a message for a while (L2, L3, L5, L6, L12).

A scenario with `rest_s` is observed for so long after everything has arrived. Of a world with
hostile nodes only L2 and L6 are demanded, of its honest ones: the hostile ones never rest.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from mesh.database import Connection
from mesh.engine.engine import Engine
from mesh.ids import UnixSeconds
from mesh.limits.replication import EAGER_LINKS_MIN
from mesh.replication.eager_links import EagerLinks
from mesh.replication.seen_sets import Element
from mesh.wire.envelope import LIFETIME_SECONDS
from sim.invariants.bounds import census
from sim.invariants.invariants import L2, L3, L5, L6, L12, BrokenInvariant

MEASURED_US: Final = 60_000_000
"""Over how long the traffic at rest is measured, at the end."""

KEEP_ALIVE_BYTES: Final = 40
"""A second and link, both ways: pings, roots, addresses, a new link now and then; lists of vouched
keys are left out. Worlds at rest were seen to take 4 to 20. An envelope of 1 KiB every half minute
is more."""

BACKLOGS: Final = (
    "Intake._deferred",
    "Stemming._elements",
    "WantList._missing",
    "FairQueue._waiting",
    "_LinkState.announcing",
    "_LinkState.announcing_live",
)
"""Tables of an engine in which something waits to be sent, asked for, or judged."""

Engines = Mapping[int, Engine]


def require_quiescence(
    engines: Engines,
    *,
    sent_bytes: int,
    links: Sequence[tuple[int, int]],
    is_all_honest: bool,
    lapsing_before: UnixSeconds,
) -> None:
    """All of it, of a minute in which so much was sent over so many links.

    `lapsing_before`: what lapses before may be gone from some nodes and not from others.
    """
    if is_all_honest:
        require_quiet(sent_bytes, links)
        require_no_backlog(engines)
    require_same_sets(engines, lapsing_before)
    require_eager(engines, is_all_honest=is_all_honest)


def require_same_sets(engines: Engines, lapsing_before: UnixSeconds) -> None:
    """L2: all know the same of what lives."""
    first: tuple[int, dict[bytes, None]] | None = None
    for node, engine in engines.items():
        sets = engine.replicator.sets
        living = [id_ for id_ in sets.ids() if _lapses(sets.element(id_)) >= lapsing_before]
        ids: dict[bytes, None] = dict.fromkeys(living)
        if first is None:
            first = node, ids
        elif ids.keys() != first[1].keys():
            missing = len(first[1].keys() - ids.keys())
            surplus = len(ids.keys() - first[1].keys())
            detail = f"it lacks {missing} ids that node {first[0]} knows, and knows {surplus} more"
            raise BrokenInvariant(L2, detail, node)


def _lapses(element: Element) -> int:
    return element.created + LIFETIME_SECONDS[element.lifetime_class]


def require_bodies(stores: Mapping[int, Connection], lapsing_before: UnixSeconds) -> None:
    """L12: who knows an envelope by its stub, and would keep its body, has it if anybody has."""
    query = "SELECT id FROM envelopes JOIN missing USING (arrival) WHERE lapses >= ?"
    holds = "SELECT 1 FROM envelopes JOIN bodies USING (arrival) WHERE id = ?"
    for node, store in stores.items():
        for (id_,) in store.execute(query, (lapsing_before,)).fetchall():
            for other, theirs in stores.items():
                if theirs.execute(holds, (id_,)).fetchone() is not None:
                    detail = f"it still lacks the body of an envelope that node {other} has"
                    raise BrokenInvariant(L12, detail, node)


def require_quiet(sent_bytes: int, links: Sequence[tuple[int, int]]) -> None:
    """L3: so much in a minute is no more than what keeps so many links."""
    allowed = KEEP_ALIVE_BYTES * max(len(links), 1) * MEASURED_US // 1_000_000
    if sent_bytes > allowed:
        detail = f"{sent_bytes} bytes were sent in a minute over {len(links)} links, of {allowed}"
        raise BrokenInvariant(L3, detail)


def require_no_backlog(engines: Engines) -> None:
    """L5: nothing waits."""
    for node, engine in engines.items():
        held = census(engine)
        for words in BACKLOGS:
            if held.get(words):
                raise BrokenInvariant(L5, f"{held[words]} entries wait in {words}", node)


def require_eager(engines: Engines, *, is_all_honest: bool) -> None:
    """L6: new mail is pushed over as many links as the floor says, or over all.

    Where some are hostile, over all that are not doubted: nobody pushes to who gives nothing.
    """
    for node, engine in engines.items():
        eager = vars(engine.replicator)["_eager_links"]
        assert isinstance(eager, EagerLinks)
        links, scores = list(vars(eager)["_links"]), engine.replicator.scores
        doubted = [] if is_all_honest else [link for link in links if scores.is_doubted(link)]
        if eager.count < min(EAGER_LINKS_MIN, len(links) - len(doubted)):
            detail = f"it pushes over {eager.count} of its {len(links)} links, "
            detail += f"of which it doubts {len(doubted)}"
            raise BrokenInvariant(L6, detail, node)
