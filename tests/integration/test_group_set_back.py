"""A group of three real daemons, of which one's vault goes back by a week."""

import shutil
from pathlib import Path

import pytest

from mesh.commands.groups import AcceptGroup, GroupAnswer, MakeGroup
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links
from tests.integration.test_doctor import faketime
from tests.integration.test_group_cut import (
    WITHIN_S,
    items,
    say,
    wait_for,
    wait_for_contacts,
    wait_until,
)

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]

WEEK = "+7d"


def put_in_time(offset: str, *nodes: Node) -> None:
    """Start daemons with their calendars so far on."""
    for node in nodes:
        node.more_environment = faketime(offset)
    start_all(*nodes)
    wait_for_links(nodes[0], len(nodes) - 1)


def keep_vault(node: Node, place: Path) -> None:
    """Copy the vault of a daemon that is off, its log with it, as a snapshot of the disk would."""
    place.mkdir()
    for file in node.folders.data.glob(f"{node.folders.vault_file.name}*"):
        if file.is_file():
            shutil.copy2(file, place)


def put_vault_back(node: Node, place: Path) -> None:
    """Put the copy in the place of what came after it; the store of carried mail is the newer."""
    for file in node.folders.data.glob(f"{node.folders.vault_file.name}*"):
        if file.is_file():
            file.unlink()
    for file in place.iterdir():
        shutil.copy2(file, node.folders.data)


def wait_for_said(node: Node, *texts: str) -> None:
    """Wait until somebody reads these texts, each once and none of them apart."""

    def found() -> list[tuple[str, bool]]:
        return [(one.text, one.is_apart) for one in items(node) if one.text in texts]

    eventually(
        found,
        lambda told: sorted(told) == sorted((text, False) for text in texts),
        within_s=WITHIN_S,
        what=f"{texts} at {node.name}",
    )


@pytest.fixture
def crew(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node, Node]:
    """Return Ada, Bob and Cem on one cable, in a group in which all have said something."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    ada, bob, cem = people = tuple(
        make_node(desk.laptop(bridge), name, more=at_once) for name in ("Ada", "Bob", "Cem")
    )
    start_all(*people)
    wait_for_links(ada, 2)
    for guest in (bob, cem):
        befriend(ada, guest, inviter_label="Ada")
    wait_for_contacts(ada, bob, cem)
    ada.client.ask(MakeGroup("Crew", (bob.name, cem.name)), GroupAnswer)
    for joiner in (bob, cem):
        wait_until(joiner, "invited")
        joiner.client.ask(AcceptGroup("Crew"), GroupAnswer)
    for node in people:
        wait_for(node, "in", 3)
    for node in people:
        say(node, f"{node.name} is here")
    for node in people:
        wait_for_said(node, *(f"{each.name} is here" for each in people))
    return ada, bob, cem


def test_a_vault_that_goes_back_by_a_week_loses_nobody_a_word(
    crew: tuple[Node, Node, Node], tmp_path: Path
) -> None:
    ada, bob, cem = crew
    bob.kill()
    keep_vault(bob, tmp_path / "snapshot")
    bob.start()
    bob.wait_until_up()
    say(bob, "Before it went back")
    for node in (ada, cem):
        wait_for_said(node, "Before it went back")
    for node in crew:
        node.kill()

    put_vault_back(bob, tmp_path / "snapshot")
    put_in_time(WEEK, *crew)
    assert "Before it went back" not in [one.text for one in items(bob)]
    say(bob, "After it went back")
    # He uses no number again, under which they would read nothing, or another word.
    for node in (ada, cem):
        wait_for_said(node, "Before it went back", "After it went back")
    say(ada, "To who went back")
    for node in (bob, cem):
        wait_for_said(node, "To who went back")
