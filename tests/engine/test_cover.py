"""Cover in an engine: dummies reach others, are retired there, and stop when they are to."""

from dataclasses import replace

from mesh.inputs import VaultClosing
from tests.engine.joined import Joined
from tests.engine.test_engine import introduce, status
from tests.engine.test_settings import FORMER, change

COVERING = replace(FORMER, cover_interval_ms=60_000, retire_delay_ms=(1_000, 10_000))


def bodies_count(table: Joined, name: str) -> int:
    return sum(one.envelopes_count for one in status(table, name).carried)


def test_dummies_spread_are_retired_and_end_with_the_setting() -> None:
    table = Joined("ada", "ben", retire_delay_ms=(1_000, 10_000), relay_delay_ms_max=0)
    introduce(table, "ada", "ben")
    table.join("ada", "ben")
    table.pass_time(600)
    before = status(table, "ben").envelopes_count
    change(table, "ada", COVERING)
    table.pass_time(3_600)
    known = status(table, "ben").envelopes_count - before
    assert 25 < known < 110
    assert status(table, "ada").envelopes_count == status(table, "ben").envelopes_count
    # Three quarters were retired within seconds.
    assert bodies_count(table, "ben") < known / 2
    change(table, "ada", replace(COVERING, cover_interval_ms=0))
    table.pass_time(60)
    ended = status(table, "ben").envelopes_count
    table.pass_time(13 * 3_600)
    # Link keys changed at midnight.
    table.join("ada", "ben")
    table.pass_time(600)
    assert status(table, "ben").envelopes_count == ended
    assert bodies_count(table, "ben") == bodies_count(table, "ada") == 0


def test_a_locked_node_posts_none() -> None:
    table = Joined("ada", "ben", retire_delay_ms=(1_000, 10_000), relay_delay_ms_max=0)
    introduce(table, "ada", "ben")
    table.join("ada", "ben")
    change(table, "ada", COVERING)
    table.seats["ada"].inbox.append(VaultClosing())
    table.pass_time(120)
    before = status(table, "ben").envelopes_count
    table.pass_time(3_600)
    assert status(table, "ben").envelopes_count == before
