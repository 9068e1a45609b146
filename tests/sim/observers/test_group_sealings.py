"""Entries that groups pass on are held against who was a member when it was written (S23)."""

import pytest

from mesh.group.membership import Membership
from sim.observers.group_sealings import _were_members
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario
from tests.group.scenarios import Story, add, id_of, key_of


@pytest.mark.world
def test_a_hide_goes_on_from_who_went_back_behind_its_operations() -> None:
    # In this world a node passes on a hide that names an operation which its set-back vault lacks.
    scenario = load_scenario("both-set-back")
    report = run_scenario(scenario, Options(seed=202, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken


def test_nobody_is_known_to_have_been_in_at_an_operation_that_is_not_here() -> None:
    story = Story("A", "B")
    before = story.last
    after = story.tell("O", add("C"))
    membership = Membership.of(story.operations)
    two, three = [key_of("A"), key_of("B")], [key_of("A"), key_of("B"), key_of("C")]
    assert _were_members(membership, [before], two)
    assert not _were_members(membership, [before], three)
    assert _were_members(membership, [after], three)
    assert not _were_members(membership, [after, id_of("of nowhere")], two)
