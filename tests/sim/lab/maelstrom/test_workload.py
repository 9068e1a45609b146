"""The challenges of Gossip Glomers in virtual time, and the program over pipes."""

import json
import subprocess
import sys

import pytest

from sim.lab.maelstrom.node import Body, MaelstromNode, Message, Windows, links_of


@pytest.mark.parametrize("fan_out", [1, 2, 5, 24])
def test_links_are_a_tree_that_both_ends_know(fan_out: int) -> None:
    links = {node: links_of(node, 25, fan_out) for node in range(25)}
    assert all(node in links[other] for node, others in links.items() for other in others)
    assert sum(map(len, links.values())) == 2 * 24
    reached = [0]
    for node in reached:
        reached += [other for other in links[node] if other not in reached]
    assert len(reached) == 25


def test_what_comes_before_init_or_is_not_understood_is_answered_with_an_error() -> None:
    node = MaelstromNode(Windows())
    node.received(Message("c1", "n0", Body(type="read", msg_id=1)), 0)
    node.received(
        Message("c1", "n0", Body(type="init", msg_id=2, node_id="n0", node_ids=["n0"])), 0
    )
    node.received(Message("c1", "n0", Body(type="cas", msg_id=3)), 0)
    node.received(Message("n7", "n0", Body(type="mesh", frames=["/w=="])), 0)
    answers = [(one.body.type, one.body.code, one.body.in_reply_to) for one in node.take(0)]
    assert answers == [("error", 12, 1), ("init_ok", None, 2), ("error", 10, 3)]


def test_the_program_speaks_lines_over_pipes() -> None:
    asked = [
        {"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0", "n1"]},
        {"type": "topology", "msg_id": 2, "topology": {"n0": ["n1"]}},
        {"type": "broadcast", "msg_id": 3, "message": 1000},
        {"type": "read", "msg_id": 4},
    ]
    lines = [json.dumps({"src": "c1", "dest": "n0", "body": body}) for body in asked]
    done = subprocess.run(
        [sys.executable, "-m", "sim", "lab", "maelstrom"],
        input="no json\n" + "\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    to_client = [one["body"] for one in said if one["dest"] == "c1"]
    assert [body["type"] for body in to_client] == [
        "init_ok",
        "topology_ok",
        "broadcast_ok",
        "read_ok",
    ]
    assert to_client[-1]["messages"] == [1000]
    pushed = [one["body"] for one in said if one["dest"] == "n1" and one["body"].get("values")]
    assert pushed[0]["values"][0][0] == 1000
    assert "passed over a line" in done.stderr
