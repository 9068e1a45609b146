"""A world with groups keeps what is promised of them, and a group's rules are found broken."""

from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace

from mesh.commands.items import CheckedAnswer, CheckInAnswer, RollUpAnswer
from mesh.limits.api import PEOPLE_NAMED_MAX
from sim.invariants.groups import GroupView, require_same_groups
from sim.invariants.invariants import S20, S22, BrokenInvariant
from sim.run.runner import Ran, run_scenario
from sim.run.world import Options
from sim.schema.fault_tables import Locks
from sim.schema.scenario import load_scenario

NINE = [
    CheckedAnswer(key=f"{place:064x}", label="", is_me=False, answer=None, others=[])
    for place in range(PEOPLE_NAMED_MAX + 1)
]


@pytest.fixture(scope="module")
def ran() -> Ran:
    return run_scenario(load_scenario("cut-crew"), Options(seed=1, is_crypto_real=False))


@pytest.mark.world
def test_a_crew_that_was_cut_keeps_its_promises(ran: Ran) -> None:
    report = ran.report
    assert report.verdict == "pass", report.broken
    assert report.watched["group_epochs"] > 5
    assert report.watched["group_sealings"] > 30
    assert report.watched["groups_looked_at"] > 5
    assert report.watched["group_items_compared"] > 20
    doings = ran.world.group_doings.counts
    assert {"MakeGroup", "AcceptGroup", "WriteItem", "RotateGroup"} <= set(doings)


@pytest.mark.world
def test_nodes_that_know_the_same_and_show_another_thing_are_found(ran: Ran) -> None:
    world = ran.world
    vaults = {index: host.vault for index, host in world.hosts.items()}
    views = dict(world.group_doings.views)
    assert require_same_groups(views, vaults)
    by_code: dict[str, list[tuple[int, str]]] = {}
    for place, view in views.items():
        by_code.setdefault(view.group.code, []).append(place)
    first, other, *_ = max(by_code.values(), key=len)
    view = views[other]

    def broken_by(changed: GroupView) -> BrokenInvariant:
        with pytest.raises(BrokenInvariant) as broken:
            require_same_groups({first: views[first], other: changed}, vaults)
        return broken.value

    renamed = replaced(view, group=replace(view.group, name="another"))
    assert broken_by(renamed).invariant is S22
    assert broken_by(replaced(view, members=view.members[1:])).invariant is S22
    last = view.log[-1]
    turned = [*view.log[:-1], replace(last, counts=not last.counts)]
    assert broken_by(replaced(view, log=turned)).invariant is S22
    pinned = [replace(item, is_pinned=not item.is_pinned) for item in view.items]
    assert broken_by(replaced(view, items=pinned)).invariant is S20
    assert broken_by(replaced(view, timer=view.timer + 60)).invariant is S20


@pytest.mark.world
def test_of_a_check_in_with_more_people_than_are_named_each_may_name_others(ran: Ran) -> None:
    vaults = {index: host.vault for index, host in ran.world.hosts.items()}
    views = ran.world.group_doings.views
    by_code: dict[str, list[tuple[int, str]]] = {}
    for place, view in views.items():
        by_code.setdefault(view.group.code, []).append(place)
    first, other, *_ = max(by_code.values(), key=len)

    def compared(of: int, other_of: int) -> int:
        return require_same_groups(
            {
                first: _with_check_in(views[first], NINE[:-1], of),
                other: _with_check_in(views[other], NINE[1:], other_of),
            },
            vaults,
        )

    assert compared(len(NINE), len(NINE))
    for of, other_of in ((len(NINE), len(NINE) + 1), (PEOPLE_NAMED_MAX, PEOPLE_NAMED_MAX)):
        with pytest.raises(BrokenInvariant) as broken:
            compared(of, other_of)
        assert broken.value.invariant is S20


def _with_check_in(view: GroupView, people: list[CheckedAnswer], of: int) -> GroupView:
    """Return a group in which each item is a check-in of so many people."""
    check_in = CheckInAnswer(
        question="well?",
        answers=[],
        asked=[],
        until=0,
        old_after=0,
        people=people,
        of=of,
        roll_up=RollUpAnswer(),
    )
    return replaced(view, items=[replace(item, check_in=check_in) for item in view.items])


@pytest.mark.world
def test_who_will_not_hear_that_he_is_out_is_read_by_nobody_who_knows() -> None:
    scenario = load_scenario("cut-crew")
    assert scenario.workload.groups is not None
    groups = replace(scenario.workload.groups, deaf_share=0.5)
    scenario = replace(scenario, workload=replace(scenario.workload, groups=groups))
    ran = run_scenario(scenario, Options(seed=1, is_crypto_real=False))
    assert ran.report.verdict == "pass", ran.report.broken
    views = ran.world.group_doings.views
    keys = {node: {one.key for one in view.members} for (node, _), view in views.items()}
    believing = {
        node: next(one.key for one in view.members if one.is_me)
        for (node, _), view in views.items()
        if view.group.state == "in"
    }
    # Some are members by their own word alone.
    assert any(
        key not in members
        for node, key in believing.items()
        for other, members in keys.items()
        if other != node
    )


@pytest.mark.world
def test_vaults_that_are_locked_while_two_sides_meet_read_on_when_they_are_open_again() -> None:
    scenario = load_scenario("cut-crew")
    (cut,) = scenario.faults
    # They are locked before the sides meet, and opened when the others have come together.
    locks = Locks(between_s=(cut.ends_s - 3, cut.ends_s - 1), share=0.6, for_s=(8, 40))
    scenario = replace(scenario, faults=(cut, locks))
    ran = run_scenario(scenario, Options(seed=1, is_crypto_real=False))
    assert ran.report.verdict == "pass", ran.report.broken
    assert ran.report.faults["locks"] >= 2
