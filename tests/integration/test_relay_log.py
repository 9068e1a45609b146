"""A relay's log, at its most talkative, tells nothing of the group whose mail passes through it."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from mesh.commands.groups import AcceptGroup, AskMembers, GroupAnswer, MakeGroup, MembersAnswer
from mesh.node.logs import start_logging, stop_logging
from mesh.node.profile import Profile
from mesh.storage.store.rows import joined
from mesh.wire.envelope import Envelope, decode_envelope
from tests.bench.relay_log import Passed, faults, lines_of
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, start_all, start_relays
from tests.integration.row import NodeMaker, wait_for_links
from tests.integration.test_group_cut import (
    group_of,
    items,
    say,
    wait_for,
    wait_for_contacts,
    wait_until,
)
from tests.integration.test_group_set_back import wait_for_said

MEMBER_KEY = bytes(range(32))


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in which a relay that tells too much has logged."""
    level = logging.getLogger().level
    start_logging(level="debug", folder=tmp_path, console=None)
    structlog.get_logger("mesh.waking").info("the machine has slept")
    log = structlog.get_logger("mesh.engine.forwarding")
    log.debug("something came", of=MEMBER_KEY.hex())
    structlog.get_logger("mesh.daemon.running").info("for the group Crew")
    structlog.get_logger("mesh.networking").info("it begins as a name that may")
    yield tmp_path
    stop_logging()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_a_line_of_mail_and_what_it_names_are_found(written: Path) -> None:
    lines = lines_of(written)
    passed = Passed({"member key": [MEMBER_KEY], "tag": [bytes(16)]}, ("Crew", "Bob"))
    assert faults(lines, passed) == [
        "a line of mesh.engine.forwarding",
        "a line of mesh.networking",
        "a member key",
        "the word 'Crew'",
    ]
    assert faults(lines[:1], passed) == []


def carried(relay: Node) -> list[Envelope]:
    """Return what a relay that is off has carried."""
    profile = Profile(relay.folders)
    try:
        with closing(profile.open_store()) as store:
            rows = store.execute(
                "SELECT stub, body FROM envelopes JOIN bodies USING (arrival)"
            ).fetchall()
    finally:
        profile.release()
    return [decode_envelope(joined(stub, body)) for stub, body in rows]


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_log_of_a_relay_tells_nothing_of_a_group(desk: Desk, make_node: NodeMaker) -> None:
    left, right = desk.bridge("left"), desk.bridge("right")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada = make_node(desk.laptop(left), "Ada", more=at_once)
    relay = make_node(desk.laptop(left, right), "Rod", more=at_once)
    bob = make_node(desk.laptop(right), "Bob", more=at_once)
    start_relays(relay)
    start_all(ada, bob)
    wait_for_links(relay, 2)
    befriend(ada, bob, inviter_label="Ada")
    wait_for_contacts(ada, bob)
    ada.client.ask(MakeGroup("Crew", (bob.name,)), GroupAnswer)
    wait_until(bob, "invited")
    bob.client.ask(AcceptGroup("Crew"), GroupAnswer)
    for node in (ada, bob):
        wait_for(node, "in", 2)
    for number in range(5):
        for node, other in ((ada, bob), (bob, ada)):
            say(node, f"Rendezvous {number} of {node.name}")
            wait_for_said(other, f"Rendezvous {number} of {node.name}")
    told = group_of(ada)
    assert told is not None
    members = ada.client.ask(AskMembers("Crew"), MembersAnswer).members
    said = [bytes.fromhex(item.id) for item in items(ada)]
    relay.kill()

    envelopes = carried(relay)
    assert len(envelopes) > 10
    passed = Passed.of(envelopes, ("Crew", ada.name, bob.name, "Rendezvous"))
    keys = [bytes.fromhex(member.key) for member in members]
    numbers = {**passed.numbers, "group": [bytes.fromhex(told.gid)], "member": keys, "entry": said}
    # All these daemons log at `debug`.
    lines = lines_of(relay.home)
    assert lines, "it wrote something"
    assert faults(lines, Passed(numbers, passed.words)) == []
