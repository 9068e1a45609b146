"""A closed mesh and an open one in one network: a profile stays where it was made, until moved."""

import json
from pathlib import Path

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import eventually, start_relays
from tests.integration.row import LINKED_WITHIN_S, NodeMaker, wait_for_links

pytestmark = pytest.mark.netns


def test_a_closed_profile_stays_closed_until_a_command_opens_it(
    desk: Desk, make_open_node: NodeMaker, tmp_path: Path
) -> None:
    bridge = desk.bridge("left")
    anna, ben, cleo = (
        make_open_node(desk.laptop(bridge), name) for name in ("Anna", "Ben", "Cleo")
    )
    secret = tmp_path / "secret"
    secret.write_text("c1" * 32)
    for member in (anna, cleo):
        member.start("--relay", "--mesh-secret-file", str(secret))
        member.wait_until_up()
    ben.start("--relay")
    ben.wait_until_up()
    wait_for_links(anna, 1)
    anna.stop()
    assert json.loads(anna.attempt("status", "--json").stdout)["is_closed"]
    secret.unlink()
    start_relays(anna)
    wait_for_links(anna, 1)
    assert "mesh       mesh (closed)" in anna.run("status")
    wait_for_links(cleo, 1)
    # Ben has found both and may have tried; he is in another mesh.
    assert (anna.links_count(), cleo.links_count(), ben.links_count()) == (1, 1, 0)

    refused = anna.attempt("join", "--open", "--yes")
    assert (refused.returncode, "mesh down" in refused.stderr) == (1, True)
    anna.stop()
    moved = anna.attempt("join", "--open", "--yes")
    assert moved.returncode == 0
    assert "leaves the closed mesh" in moved.stderr
    assert "dropped" in moved.stderr
    start_relays(anna)
    wait_for_links(anna, 1)
    eventually(ben.links_count, lambda links: links == 1, within_s=LINKED_WITHIN_S, what="Ben")
    assert cleo.links_count() == 0
