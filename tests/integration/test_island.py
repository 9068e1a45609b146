"""An island of laptops takes the next release one by one, and some of them go back.

The release to come is this tree with a later schema of both databases and a later version of the
protocol: what every later release may bring. Four laptops by default; MESH_ISLAND_NODES says how
many: `MESH_ISLAND_NODES=20 python3 dev.py test tests/integration/test_island.py -n 0`.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from mesh.commands.contacts import ContactsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import ROOT, Node, befriend, eventually
from tests.integration.row import NodeMaker, wait_for_text

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(900)]

NODES_COUNT: Final = int(os.environ.get("MESH_ISLAND_NODES", "4"))
WITHIN_S: Final = 90.0
STARTED_AT_ONCE: Final = 4

LATER: Final = {
    "mesh/storage/vault/schema.py": "VAULT_MIGRATIONS",
    "mesh/storage/store/schema.py": "STORE_MIGRATIONS",
}


@pytest.fixture
def later_tree(tmp_path: Path) -> Path:
    """The release to come."""
    tree = tmp_path / "later"
    shutil.copytree(ROOT / "mesh", tree / "mesh", ignore=shutil.ignore_patterns("__pycache__"))
    for name, migrations in LATER.items():
        with (tree / name).open("a") as file:
            file.write(f'\n{migrations} = (*{migrations}, ("CREATE TABLE later_one (x)",))\n')
    frames = tree / "mesh/wire/frames.py"
    former = frames.read_text()
    frames.write_text(
        former.replace("PROTOCOL_VERSIONS = (1, 2, 3)", "PROTOCOL_VERSIONS = (1, 2, 3, 4)")
    )
    assert frames.read_text() != former
    return tree


class Islander:
    """Somebody with one contact, and what is to be read there in the end."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.contact: Islander | None = None
        self.label = ""
        self.expected: list[str] = []

    def write(self, text: str) -> None:
        """Send something, which the other one has to get whole and once."""
        assert self.contact is not None
        self.node.run("send", self.label, text)
        self.contact.expected.append(text)

    def wait_for_all(self) -> None:
        """Wait until all that was written to this one is read here; once, and in order."""
        texts = eventually(
            self.node.received_texts,
            lambda texts: len(texts) >= len(self.expected),
            within_s=WITHIN_S,
            what=f"the messages of {self.node.name}",
        )
        assert texts == self.expected


def settle(desk: Desk, make_node: NodeMaker) -> list[Islander]:
    """Start all on one bridge, and let each two become contacts that have both written."""
    bridge = desk.bridge("island")
    island = [
        Islander(make_node(desk.laptop(bridge), f"Islander{number}"))
        for number in range(NODES_COUNT)
    ]
    for first in range(0, NODES_COUNT, STARTED_AT_ONCE):
        for each in island[first : first + STARTED_AT_ONCE]:
            each.node.start()
        for each in island[first : first + STARTED_AT_ONCE]:
            each.node.wait_until_up()
    for one, other in zip(island[::2], island[1::2], strict=True):
        contact = befriend(one.node, other.node, inviter_label=one.node.name)
        one.contact, other.contact = other, one
        one.label, other.label = other.node.name, contact.label
        other.write("hello")
        wait_for_text(one.node, "hello", within_s=WITHIN_S)
        one.write("hello back")
        wait_for_text(other.node, "hello back", within_s=WITHIN_S)
    return island


def test_an_island_takes_the_next_release_one_by_one_and_some_go_back(
    desk: Desk, make_node: NodeMaker, later_tree: Path
) -> None:
    island = settle(desk, make_node)
    for number, each in enumerate(island):
        assert each.contact is not None
        each.contact.write(f"before {number}")
        # Some are shut down, and some are cut off in the midst of it.
        if number % 2:
            each.node.kill()
        else:
            each.node.stop()
        each.contact.write(f"while {number} is away")
        each.node.more_environment["PYTHONPATH"] = str(later_tree)
        each.node.start()
        each.node.wait_until_up()
        each.write(f"after {number}")
        # Two who write at once may be read in either order.
        each.contact.wait_for_all()
    for each in island:
        each.wait_for_all()
    for each in (island[0], island[-1]):
        go_back(each)


def go_back(each: Islander) -> None:
    """Return to the release of before: it refuses the newer files in words, and then goes on."""
    contact = each.contact
    assert contact is not None
    each.node.stop()
    del each.node.more_environment["PYTHONPATH"]
    refused = each.node.attempt("up", "--name", each.node.name)
    assert refused.returncode != 0
    assert "mesh vault back" in refused.stderr
    each.node.run("vault", "back", "--yes")
    each.node.start()
    each.node.wait_until_up()
    kept = each.node.received_texts()
    # What came before the update is there; what came after it is in the newer vault only.
    assert kept == each.expected[: len(kept)]
    # To its contact it is a vault of before the last healing: a new invite joins the two again.
    link = json.loads(each.node.run("invite", "--json"))["link"]
    contact.node.run("add", link)
    for one in (each, contact):
        (known,) = one.node.answer(ContactsAnswer, "contacts").contacts
        assert known.label == one.label
    contact.write("after the return")
    wait_for_text(each.node, "after the return", within_s=WITHIN_S)
    each.write("I went back")
    contact.wait_for_all()
    texts = each.node.received_texts()
    assert len(texts) == len(set(texts))
