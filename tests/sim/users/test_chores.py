"""Chores end with the vault in which they began, and let in nobody but whom they mean."""

import pytest
from msgspec.structs import replace

from sim.kernel.entropy import Chance
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from sim.users.chores import SOON_US, Home
from sim.users.contact_chores import nearby
from tests.sim.three_users import THREE_USERS

BEGUN_US = 6_000_000
NEARBY_US = 21_000_000
STRANGER = "ab" * 32

pytestmark = pytest.mark.world


def begun_world() -> tuple[World, Home]:
    """Three people who know somebody, and whom nothing befalls."""
    scenario = replace(parse_scenario(THREE_USERS), faults=(), lasts_s=60)
    world = World(scenario, Options(seed=1, is_crypto_real=False))
    world.run_until(BEGUN_US)
    home = Home(
        loop=world.loop,
        users=world.users,
        message_log=world.message_log,
        sent_files=world.mail_workload.sent_files,
    )
    return world, home


@pytest.mark.parametrize("is_another", [False, True])
def test_nobody_goes_on_in_another_vault(is_another: bool) -> None:
    world, home = begun_world()
    user = world.users.everybody[0]
    done: list[int] = []
    home.later(user, Chance(1, "later"), lambda: done.append(1))
    if is_another:
        user.identity_key = STRANGER
    world.run_until(BEGUN_US + SOON_US[1])
    assert done == ([] if is_another else [1])


def test_who_compares_with_somebody_near_lets_in_nobody_else() -> None:
    world, home = begun_world()
    user = world.users.everybody[0]
    (other, key), *_ = user.contacts.items()
    out = world.users.exclusion
    for who in (key, STRANGER):
        out.add(user.index, who)
    with world.running():
        user.contacts = {other: key}
        nearby(home, user, Chance(1, "nearby"))
    world.run_until(BEGUN_US + NEARBY_US)
    assert not out.is_out(user.index, key)
    assert out.is_out(user.index, STRANGER)
