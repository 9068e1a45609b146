"""The passes that leave things out of a world that breaks an invariant, in their order.

First what a run need not wait for, since every later run gains by it: what comes after the failure,
and the times of probes and rest. Then nodes, for small worlds run fast; then ddmin over the faults
and over what users wrote; at last numbers are made plain: shorter times, no loss, no jitter, no
table of which nothing is left. Rounds of all passes follow one another
until one makes nothing smaller. Every fate has a stream of chance of its own
(`sim.schema.scenario.Only`), so what is left out does not shift the rest; where leaving out does
shift something (fewer nodes in all), the run says whether it matters.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from sim.run.runner import Ran
from sim.run.world import World
from sim.schema.cut_tables import Partitions, Swizzles
from sim.schema.fault_tables import Halves, LeftOut
from sim.schema.scenario import Only, Scenario
from sim.shrinking.ddmin import ddmin, trim
from sim.shrinking.search import Search, Shrunk, Watching, broken_id

NODES_MIN: Final = 2
NODES_KEPT_AT_FIRST: Final = 8
SETTLES_S: Final = (10.0, 30.0, 90.0)
SHORTEST_S: Final = 1.0
LETTERS_FEW: Final = 32
PARTS_MAX: Final = 16
"""Of more messages not each is tried alone: where a long conversation matters, most of it does."""

ROUNDS_MAX: Final = 4
"""Of all passes; the second mostly finds what the first made possible, a third hardly ever."""


def search_from(
    ran: Ran, watching: Watching, *, runs_max: int, invariant_id: str | None = None
) -> Search:
    """A search that begins at a failed run, for what it broke."""
    broken = invariant_id or broken_id(ran)
    assert broken is not None, "only what failed can be shrunk"
    return Search(broken, ran, runs_max, watching)


def shrink(search: Search) -> Shrunk:
    """Make it smaller until nothing more can be left out, or it took too many runs.

    Whoever interrupts it finds the smallest world so far in the search.
    """
    for _ in range(ROUNDS_MAX):
        before = search.scenario
        for number, one in enumerate(PASSES):
            search.stage = one.stage
            search.runs_left = sum(later.tries(search.world) for later in PASSES[number:])
            one.make_smaller(search)
        if search.scenario == before:
            break
    return search.shrunk()


# --- Passes ---------------------------------------------------------------------------------------


def _end_sooner(search: Search) -> None:
    """Nobody writes after what must never happen has happened, and nothing is waited for in vain.

    How long a world is given to settle is what liveness invariants, and is left alone for it: of a
    world without any time every such invariant breaks.
    """
    replace = msgspec.structs.replace
    for nothing in ({"rest_s": 0.0}, {"probe_s": 0.0, "renew_after_probes": 0}):
        search.is_still_broken(replace(search.scenario, **nothing))
    if not search.is_safety:
        return
    begins_s, ends_s = search.scenario.workload.write_between_s
    failed_s = math.ceil(search.world.loop.now / 1_000_000)
    if begins_s < failed_s < ends_s:
        search.is_still_broken(_writing_until(search.scenario, failed_s))
    for settle_s in SETTLES_S:
        shorter = replace(search.scenario, settle_s=settle_s)
        if settle_s < search.scenario.settle_s and search.is_still_broken(shorter):
            break


def _drop_adversaries(search: Search) -> None:
    for table in search.scenario.hostile:
        rest = tuple(one for one in search.scenario.hostile if one != table)
        search.is_still_broken(msgspec.structs.replace(search.scenario, hostile=rest))
    for number in range(len(search.scenario.hostile)):
        count = search.world.adversaries.count
        while count > len(search.scenario.hostile):
            tables = list(search.scenario.hostile)
            fewer = msgspec.structs.replace(tables[number], share=tables[number].share / 2)
            tables[number] = fewer
            smaller = msgspec.structs.replace(search.scenario, hostile=tuple(tables))
            if not search.is_still_broken(smaller) or search.world.adversaries.count == count:
                break
            count = search.world.adversaries.count


def _drop_most_nodes(search: Search) -> None:
    """Worlds of a few nodes run fast: try those around what broke before all others."""
    nodes = _present(search.world)
    if len(nodes) <= NODES_KEPT_AT_FIRST:
        return
    broken = search.best.report.broken[0].node
    first = 0 if broken is None or broken not in nodes else nodes.index(broken)
    friends = search.world.users.user_at(nodes[first]).friends
    ordered = [nodes[first], *friends, *nodes[first + 1 :], *nodes[:first]]
    near = list(dict.fromkeys(node for node in ordered if node in nodes))
    count = NODES_KEPT_AT_FIRST
    while count < len(nodes):
        kept = tuple(sorted(near[:count]))
        if search.is_still_broken(_with_only(search.scenario, nodes=kept)):
            return
        count *= 2


def _drop_strikes(search: Search) -> None:
    def is_enough(strikes: list[str]) -> bool:
        return search.is_still_broken(_with_only(search.scenario, strikes=tuple(strikes)))

    ddmin(search.world.strikes, is_enough)


def _drop_nodes(search: Search) -> None:
    def is_enough(nodes: list[int]) -> bool:
        if len(nodes) < NODES_MIN:
            return False
        return search.is_still_broken(_with_only(search.scenario, nodes=tuple(nodes)))

    ddmin(_present(search.world), is_enough)


def _drop_messages(search: Search) -> None:
    """Of many messages first those of whole authors, then the last and the first ones."""

    def is_enough(letters: list[int]) -> bool:
        return search.is_still_broken(_with_only(search.scenario, letters=tuple(letters)))

    letters = _letters(search.world)
    if len(letters) > LETTERS_FEW and not is_enough([]):
        authors = search.world.mail_workload.authors

        def are_enough(chosen: list[int]) -> bool:
            return is_enough([message for message in letters if authors.get(message) in chosen])

        if is_enough([message for message in letters if message in authors]):
            ddmin(list(dict.fromkeys(authors.values())), are_enough)
        trim(_letters(search.world), is_enough)
    letters = _letters(search.world)
    ddmin(letters, is_enough, parts_max=PARTS_MAX if len(letters) > LETTERS_FEW else None)


def _drop_deeds(search: Search) -> None:
    """Of what is done in groups; first all of it."""

    def is_enough(deeds: list[int]) -> bool:
        return search.is_still_broken(_with_only(search.scenario, deeds=tuple(deeds)))

    deeds = _deeds(search.world)
    if len(deeds) > LETTERS_FEW and not is_enough([]):
        trim(deeds, is_enough)
        deeds = _deeds(search.world)
    ddmin(deeds, is_enough, parts_max=PARTS_MAX if len(deeds) > LETTERS_FEW else None)


def _cut_shorter(search: Search) -> None:
    for number, fault in enumerate(search.scenario.faults):
        while isinstance(fault, Halves | Partitions | Swizzles) and fault.for_s > SHORTEST_S:
            fault = msgspec.structs.replace(fault, for_s=fault.for_s / 2)
            faults = list(search.scenario.faults)
            faults[number] = fault
            shorter = msgspec.structs.replace(search.scenario, faults=tuple(faults))
            if not search.is_still_broken(shorter):
                break


def _write_shorter(search: Search) -> None:
    begins_s, ends_s = search.scenario.workload.write_between_s
    while ends_s - begins_s > SHORTEST_S:
        ends_s = begins_s + (ends_s - begins_s) / 2
        if not search.is_still_broken(_writing_until(search.scenario, ends_s)):
            break


def _smooth(search: Search) -> None:
    """A network without loss and jitter."""
    for plain in ({"loss": 0.0}, {"jitter_ms": 0.0}, {"announcement_loss": 0.0}):
        wire = msgspec.structs.replace(search.scenario.wire, **plain)
        search.is_still_broken(msgspec.structs.replace(search.scenario, wire=wire))


def _drop_tables(search: Search) -> None:
    """Those of which nothing is left."""
    for number in reversed(range(len(search.scenario.faults))):
        if not any(_table_of(strike) == number for strike in search.world.strikes):
            faults = list(search.scenario.faults)
            # The last can go; one before others keeps its place, since chance goes by numbers.
            faults[number : number + 1] = [LeftOut()] if number + 1 < len(faults) else []
            search.is_still_broken(msgspec.structs.replace(search.scenario, faults=tuple(faults)))


def _count_nodes(search: Search) -> None:
    """No nodes after the last that takes part."""
    nodes = max(NODES_MIN, 1 + max(_present(search.world)))
    search.is_still_broken(msgspec.structs.replace(search.scenario, nodes=nodes))


# --- What is left ---------------------------------------------------------------------------------


def _present(world: World) -> list[int]:
    return [node.index for node in world.present]


def _letters(world: World) -> list[int]:
    """Return what users are drawn to write and are left to."""
    planned = world.mail_workload.planned_count
    letters = world.scenario.only.letters
    return [number for number in range(planned) if letters is None or number in letters]


def _deeds(world: World) -> list[int]:
    """Return what users are drawn to do in groups and are left to."""
    deeds = world.scenario.only.deeds
    planned = world.group_doings.planned_count
    return [number for number in range(planned) if deeds is None or number in deeds]


def _writing_until(scenario: Scenario, ends_s: float) -> Scenario:
    between_s = (scenario.workload.write_between_s[0], ends_s)
    workload = msgspec.structs.replace(scenario.workload, write_between_s=between_s)
    return msgspec.structs.replace(scenario, workload=workload)


def _table_of(strike: str) -> int:
    """The number of the table of faults by which one happened."""
    return int(strike.partition("/")[0])


def _with_only(
    scenario: Scenario,
    *,
    nodes: tuple[int, ...] | None = None,
    strikes: tuple[str, ...] | None = None,
    letters: tuple[int, ...] | None = None,
    deeds: tuple[int, ...] | None = None,
) -> Scenario:
    """The scenario with less left of one kind."""
    only = scenario.only
    return msgspec.structs.replace(
        scenario,
        only=Only(
            nodes=only.nodes if nodes is None else nodes,
            strikes=only.strikes if strikes is None else strikes,
            letters=only.letters if letters is None else letters,
            deeds=only.deeds if deeds is None else deeds,
        ),
    )


# --- Their order ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pass:
    """One way to make a world smaller, and about how many runs it takes."""

    stage: str
    make_smaller: Callable[[Search], None]
    tries: Callable[[World], int]


def _few(world: World) -> int:
    return 2


def _tries_of(count: int) -> int:
    """Each of a few is tried alone; of many mostly halves are dropped."""
    return count if count <= 8 else round(8 + 4 * math.log2(count))


PASSES: Final = (
    _Pass("time after it", _end_sooner, _few),
    _Pass("nodes", _drop_most_nodes, _few),
    _Pass("nodes", _drop_nodes, lambda world: _tries_of(len(world.present))),
    _Pass("hostile nodes", _drop_adversaries, lambda world: world.adversaries.count),
    _Pass("faults", _drop_strikes, lambda world: _tries_of(len(world.strikes))),
    _Pass("tables", _drop_tables, lambda world: len(world.scenario.faults)),
    _Pass("time to write", _write_shorter, _few),
    _Pass("messages", _drop_messages, lambda world: _tries_of(len(_letters(world)))),
    _Pass("doings in groups", _drop_deeds, lambda world: _tries_of(len(_deeds(world)))),
    _Pass("time apart", _cut_shorter, lambda world: len(world.scenario.faults)),
    _Pass("losses", _smooth, lambda world: 3),
    _Pass("nodes", _count_nodes, lambda world: 1),
)
