"""The real engine over recorded contacts, between the bounds that routers of the literature give.

The same messages go over the same contacts under each: nobody delivers sooner than Epidemic whose
transfers take no time, and to give six copies away and wait is what a mesh that carries everything
must at least equal.
"""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.lab.models.engine_on_contacts import Results

SCENARIO = """
schema = 1
name = "contacts"
summary = "People who meet now and then."
nodes = 8
tick_us = 10_000

[topology]
kind = "contacts"
file = "SFHH_tij.dat.xz"
format = "tij"
pad_s = 20
until_s = 6_000
gathers = false

[wire]
noise = false

[workload]
boot_within_s = 60
befriend_between_s = [60, 300]
contacts = 3
write_between_s = [400, 4_200]
messages_per_second = 0.012
text_letters = [9_900, 10_100]
long_text_share = 0
"""


@pytest.mark.slow
def test_the_engine_delivers_no_sooner_than_epidemic_and_no_less_than_spray_and_wait(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "contacts.toml"
    scenario.write_text(SCENARIO)
    told = CliRunner().invoke(main, ["lab", "contacts", str(scenario), "--json"])
    assert told.exit_code == 0, told.output
    results = msgspec.json.decode(told.stdout, type=Results)
    assert results.letters > 20
    assert results.sooner_than_bound == 0
    assert results.broken == []
    delivered = {name: one.count for name, one in results.rows.items()}
    assert delivered["bound"] >= delivered["engine"] >= delivered["spray"] > delivered["direct"]
    assert delivered["bound"] >= delivered["epidemic"]


def test_without_contacts_there_is_nothing_to_compare() -> None:
    told = CliRunner().invoke(main, ["lab", "contacts", "hunting-ground"])
    assert told.exit_code == 2
    assert "nobody meets" in told.output
