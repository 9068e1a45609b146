"""A node starts where something is in the way: in one sentence, or all the same."""

import socket

import pytest

from mesh.commands.messages import MessageAnswer
from tests.integration.networks import Desk, socket_in
from tests.integration.nodes import befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns

USUAL_PORT = 41_730


def test_a_second_daemon_of_a_profile_is_refused_in_one_sentence(
    desk: Desk, make_node: NodeMaker
) -> None:
    node = make_node(desk.laptop(desk.bridge("left")), "Anna")
    start_all(node)
    again = node.attempt("up", "--foreground", "--headless")
    assert again.returncode == 0
    assert "running already" in again.stderr
    report = node.start_second_daemon()
    assert report.kind == "already-running"
    assert report.sentence.count(".") == 1
    assert node.status().vault == "open"


def test_a_taken_port_is_left_for_another_unless_it_was_asked_for(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    laptop, other = desk.laptop(bridge), desk.laptop(bridge)
    with socket_in(laptop, socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.bind(("0.0.0.0", USUAL_PORT))
        holder.listen()
        anna, ben = make_node(laptop, "Anna"), make_node(other, "Ben")
        start_all(anna, ben)
        wait_for_links(anna, 1)
        assert ben.listening_port() == USUAL_PORT
        anna.stop()
        insisting = make_node(laptop, "Anna", more=f"listen_port = {USUAL_PORT}\n")
        refused = insisting.attempt("up", "--headless", "--quiet", "--name", insisting.name)
    assert refused.returncode == 1
    (sentence,) = refused.stderr.strip().splitlines()
    assert str(USUAL_PORT) in sentence


def test_without_any_network_a_node_runs_and_keeps_what_is_written(
    desk: Desk, make_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    alone = make_node(desk.laptop(is_loopback_up=False), "Anna")
    other = make_node(desk.laptop(bridge), "Ben")
    start_all(alone, other)
    befriend(other, alone, inviter_label="ben")
    message = alone.answer(MessageAnswer, "send", "ben", "for later")
    assert message.state == "queued"
    assert alone.links_count() == 0
    notices = eventually(lambda: alone.status().notices, bool, within_s=60, what="a notice")
    assert len(notices) == 1, notices
    assert "network" in notices[0]
    assert notices[0] in alone.run("status")
    assert alone.printed().count(notices[0]) == 1


def test_two_profiles_of_a_machine_without_a_network_meet_when_asked(
    desk: Desk, make_node: NodeMaker
) -> None:
    laptop = desk.laptop()
    anna, ben = make_node(laptop, "Anna"), make_node(laptop, "Ben")
    for node in (anna, ben):
        node.start("--local")
    for node in (anna, ben):
        node.wait_until_up()
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="anna")
    ben.run("send", "anna", "from the same chair")
    wait_for_text(anna, "from the same chair", within_s=60)


def test_with_real_stamps_on_an_open_mesh_a_first_message_arrives(
    desk: Desk, make_open_node: NodeMaker
) -> None:
    bridge = desk.bridge("left")
    anna, ben = (make_open_node(desk.laptop(bridge), name) for name in ("Anna", "Ben"))
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="anna")
    ben.run("send", "anna", "with work done")
    eventually(
        lambda: ben.status().stamp, lambda stamp: stamp == "ready", within_s=60, what="the stamp"
    )
    wait_for_text(anna, "with work done", within_s=60)
