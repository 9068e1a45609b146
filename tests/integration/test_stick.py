"""Two laptops without a network between them, and a stick that goes from one to the other."""

import json
from pathlib import Path

import pytest

from mesh.commands.messages import MessageAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_text

pytestmark = pytest.mark.netns


def sent(node: Node) -> list[MessageAnswer]:
    """Messages that were written at a node."""
    return [message for message in node.messages() if message.is_mine]


def test_mail_for_one_person_goes_by_stick_and_says_so(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    anna, ben, cleo = (
        make_node(desk.laptop(desk.bridge(place)), name)
        for place, name in (("left", "Anna"), ("right", "Ben"), ("far", "Cleo"))
    )
    start_all(anna, ben, cleo)
    befriend(ben, anna, inviter_label="ben")
    befriend(cleo, anna, inviter_label="cleo")
    anna.run("send", "ben", "over the hill")
    anna.run("send", "cleo", "over the sea")
    stick = tmp_path / "for-ben.mesh"
    told = json.loads(anna.run("carry", "export", str(stick), "--for", "ben", "--json"))
    # The greeting is theirs too, unless it still waits for its few seconds.
    assert told["envelopes_count"] in (1, 2)
    by_text = {message.text: message for message in sent(anna)}
    assert by_text["over the hill"].exported > 0
    assert by_text["over the sea"].exported == 0
    assert "[queued here, on a stick since " in anna.run("read", "ben")
    assert "on a stick" not in anna.run("read", "cleo")

    cleo.run("carry", "import", str(stick))
    ben.run("carry", "import", str(stick))
    wait_for_text(ben, "over the hill", within_s=60)
    assert cleo.received_texts() == []
    ben.run("send", anna.name, "it came")
    back = tmp_path / "back.mesh"
    ben.run("carry", "export", str(back), "--for", anna.name)
    anna.run("carry", "import", str(back))
    wait_for_text(anna, "it came", within_s=60)
    eventually(
        lambda: {message.text: (message.state, message.exported) for message in sent(anna)},
        lambda states: states["over the hill"] == ("delivered", 0),
        within_s=60,
        what="the proof",
    )


def test_without_a_name_that_is_known_or_an_open_vault_no_file_is_written(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    anna, ben = (make_node(desk.laptop(desk.bridge(place)), place) for place in ("left", "right"))
    start_all(anna, ben)
    befriend(ben, anna, inviter_label="ben")
    stick = tmp_path / "mail.mesh"
    unknown = anna.attempt("carry", "export", str(stick), "--for", "dan")
    assert (unknown.returncode, "no contact" in unknown.stderr) == (5, True)
    anna.run("lock")
    locked = anna.attempt("carry", "export", str(stick), "--for", "ben")
    assert (locked.returncode, "mesh unlock" in locked.stderr) == (4, True)
    assert not stick.exists()
    assert not stick.with_name("mail.mesh.part").exists()
