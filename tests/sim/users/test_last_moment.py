"""Questions in the last moment of a world are answered, and nobody waits for what never answers."""

import pytest

from mesh.commands.answer import Answer
from mesh.commands.status import AskStatus, StatusAnswer
from sim.run.verdict import ANSWERED_WITHIN_US, let_answer
from sim.run.world import STEP_US, Options, World
from sim.schema.scenario import parse_scenario

pytestmark = pytest.mark.world

TWO = """
schema = 1
name = "two"
summary = "Two people on one network."
nodes = 2
settle_s = 120

[workload]
boot_within_s = 1
contacts = 1
met_before_share = 1
write_between_s = [2, 4]
messages_per_second = 1
text_letters = [10, 60]
long_text_share = 0
verify_share = 0
"""


def test_who_asks_in_the_last_moment_is_answered() -> None:
    world = World(parse_scenario(TWO), Options(seed=1, is_crypto_real=False))
    answers: list[Answer] = []
    with world.running():
        world.step(world.settles_at, lambda world: None)
        world.users.everybody[0].ask(AskStatus(), answers.append)
        let_answer(world, lambda world: None)
    [answer] = answers
    assert isinstance(answer, StatusAnswer)
    assert not world.users.are_waiting


def test_a_world_ends_though_one_whose_computer_is_off_is_not_answered() -> None:
    world = World(parse_scenario(TWO), Options(seed=1, is_crypto_real=False))
    answers: list[Answer] = []
    with world.running():
        world.step(world.settles_at, lambda world: None)
        user = world.users.everybody[0]
        user.node.crash(is_silent=False)
        user.ask(AskStatus(), answers.append)
        began = world.loop.now
        let_answer(world, lambda world: None)
    assert not answers
    assert world.users.are_waiting
    assert world.loop.now <= began + ANSWERED_WITHIN_US + STEP_US
