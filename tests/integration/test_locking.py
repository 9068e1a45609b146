"""A laptop that is locked, in the foreground of a terminal and on a real network."""

import pytest

from tests.daemon.memory import found_in_memory, require_memory
from tests.integration.networks import Desk
from tests.integration.nodes import (
    PASSPHRASE,
    befriend,
    epoch_of,
    start_all,
    wait_for_next_program,
)
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns

TEXT = "the ferry leaves at noon from the northern pier"


def test_a_node_in_a_terminal_keeps_nothing_when_it_is_locked_and_is_soon_back(
    desk: Desk, make_node: NodeMaker
) -> None:
    cable = desk.bridge("cable")
    anna, ben = (make_node(desk.laptop(cable), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    require_memory(anna.pid)
    befriend(anna, ben, inviter_label=anna.name)
    ben.run("send", anna.name, TEXT)
    wait_for_text(anna, TEXT)
    anna.run("contact", "rename", ben.name, "the lady with the red bicycle")
    wanted = {
        "passphrase": PASSPHRASE.encode(),
        "text": TEXT.encode(),
        "label": b"the lady with the red bicycle",
    }
    assert found_in_memory(anna.pid, wanted) == set(wanted)
    former = epoch_of(anna)
    anna.run("lock")
    wait_for_next_program(anna, former)
    assert found_in_memory(anna.pid, wanted) == set()
    wait_for_links(anna, 1)
    ben.run("send", anna.name, "and at night")
    anna.run("unlock")
    wait_for_text(anna, "and at night")
    anna.stop()
