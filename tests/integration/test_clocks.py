"""Real daemons with wrong clocks: what was written under one arrives, and none erases anything."""

import json

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links
from tests.integration.test_doctor import asked, failures, faketime

pytestmark = pytest.mark.netns

DELIVERED_WITHIN_S = 60.0


@pytest.mark.parametrize("offset", ["-41d", "-3650d", "+3650d"])
def test_what_was_written_alone_under_a_wrong_clock_arrives(
    desk: Desk, make_node: NodeMaker, offset: str
) -> None:
    bridge = desk.bridge("left")
    anna, ben, cleo, dora = (
        make_node(desk.laptop(bridge), name) for name in ("Anna", "Ben", "Cleo", "Dora")
    )
    # They met before, when Anna's clock was right.
    start_all(anna, ben)
    invite = json.loads(ben.run("invite", "--json"))
    anna.run("add", invite["link"], "--label", "Ben")
    anna.run("send", "Ben", "Before.")
    eventually(ben.received_texts, lambda texts: len(texts) == 1, within_s=60, what="Ben")
    anna.stop()
    ben.stop()
    anna.more_environment = faketime(offset)
    start_all(anna)
    anna.run("send", "Ben", "Alone.")
    start_all(ben, cleo, dora)
    wait_for_links(anna, 3)
    eventually(
        ben.received_texts,
        lambda texts: texts == ["Before.", "Alone."],
        within_s=DELIVERED_WITHIN_S,
        what="Ben",
    )


def test_a_clock_ten_years_ahead_is_told_and_believed_by_nobody(
    desk: Desk, make_node: NodeMaker
) -> None:
    anna = make_node(desk.laptop(desk.bridge("left")), "Anna")
    start_all(anna)
    anna.run("invite")
    eventually(
        lambda: anna.status().envelopes_count, lambda count: count > 0, within_s=60, what="invite"
    )
    anna.stop()
    anna.more_environment = faketime("+3650d")
    start_all(anna)
    assert "later than when this node was last on" in anna.run("status")
    code, findings = asked(anna)
    assert code == 7
    assert "later than when this node was last on" in failures(findings)["clock"].found
