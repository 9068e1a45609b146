"""Chores end with the vault in which they began, and let in nobody but whom they mean."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from sim.kernel.entropy import Chance
from sim.recording.rows import MessageRow, RowFile, read_rows
from sim.recording.trace_file import Head
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from sim.users.chores import SOON_US, Chore, Home
from sim.users.contact_chores import nearby
from sim.users.item_chores import LATER_S, note, picture, remind, rewrite, withdraw, write_later
from tests.sim.three_users import THREE_USERS

BEGUN_US = 6_000_000
NEARBY_US = 21_000_000
STRANGER = "ab" * 32

WORDS: Mapping[Chore, str] = {
    picture: "picture",
    remind: "reminded",
    rewrite: "rewritten",
    withdraw: "withdrawn",
    write_later: "later",
}
"""The texts that chores write end so."""

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
        tokens=world.observers.discretion.tokens,
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


def test_a_note_to_oneself_has_no_row_among_messages(tmp_path: Path) -> None:
    world, home = begun_world()
    log = world.message_log
    before = len(log.messages)
    with world.running():
        note(home, world.users.everybody[0], Chance(2, "note"))
    log.ask(0, 1, "letter", world.loop.now)
    pairs = [(one.sender, one.recipient) for one in log.messages[before:]]
    assert pairs == [(0, 0), (0, 1)]
    path = tmp_path / "rows.mp"
    with path.open("wb") as file:
        RowFile(file, Head(1, "small", 1, 3)).end(world)
    rows = [row for row in read_rows(path) if isinstance(row, MessageRow)]
    assert [(one.from_host, one.to_host) for one in rows[before:]] == [(0, 1)]


@pytest.mark.parametrize("chore", [picture, remind, rewrite, withdraw, write_later])
def test_what_a_chore_writes_is_confirmed_and_arrives_as_other_messages(chore: Chore) -> None:
    world, home = begun_world()
    log = world.message_log
    before = len(log.messages)
    with world.running():
        chore(home, world.users.everybody[0], Chance(2, "confirmed"))
    world.run_until(BEGUN_US + (LATER_S[1] + 5) * 1_000_000)
    # That seed leaves a text for later as it is. A reminder is logged when the check-in stands.
    [logged] = [one for one in log.messages[before:] if one.text.endswith(WORDS[chore])]
    assert logged.confirmed_at is not None
    assert logged.is_held
    assert world.observers.sealings.of(logged.sender, logged.number_there)
