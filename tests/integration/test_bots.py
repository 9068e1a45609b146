"""The bots of `docs/api.md`, typed as they stand there, beside a real daemon."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import ROOT, Node, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = pytest.mark.netns

SECTION = re.compile(r"^## With Python\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:^    .*\n|^\n)+", re.MULTILINE)


def programs() -> list[str]:
    """Return the code that the page tells people to type."""
    section = SECTION.search((ROOT / "docs" / "api.md").read_text())
    assert section is not None
    blocks = [block for block in BLOCK.findall(section[1]) if block.strip()]
    return [re.sub("^    ", "", block, flags=re.MULTILINE).strip() for block in blocks]


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Return Ada, whose bot it is, and Bob, who is a contact of hers."""
    bridge = desk.bridge("left")
    ada, bob = (make_node(desk.laptop(bridge), name) for name in ("Ada", "Bob"))
    start_all(ada, bob)
    wait_for_links(ada, 1)
    bob.run("add", ada.run("invite").strip())
    bob.run("send", ada.name, "first")
    wait_for_texts(ada, ["first"])
    return ada, bob


def wait_for_texts(node: Node, texts: list[str]) -> None:
    eventually(node.received_texts, lambda seen: seen == texts, within_s=30, what=f"{texts}")


@contextmanager
def running(program: str, node: Node) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program as the person at this node would."""
    runtime = node.home / "runtime"
    (runtime / "mesh" / "default").mkdir(parents=True, exist_ok=True)
    door = runtime / "mesh" / "default" / "api.sock"
    if not door.is_symlink():
        door.symlink_to(node.folders.socket_file)
    known = {"MESH_HOME": str(node.home), "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
    file = node.home / "bot.py"
    file.write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(file)], cwd=node.home, env={"PATH": os.environ["PATH"], **known}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_bot_of_the_page_answers_each_message_once_also_after_it_was_away(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    bot, _ = programs()
    with running(bot, ada):
        # The contact is named by the number that the message bears.
        wait_for_texts(bob, ["You said: first"])
    bob.run("send", ada.name, "second")
    wait_for_texts(ada, ["first", "second"])
    with running(bot, ada):
        bob.run("send", ada.name, "third")
        wait_for_texts(bob, [f"You said: {text}" for text in ("first", "second", "third")])
    assert Path(ada.home, "handled.txt").exists()


def test_the_bot_that_takes_events_answers_by_the_number_in_them(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    _, bot = programs()
    with running(bot, ada) as process:
        # It has no word for that it listens, so it is written to until it answers.
        def answered() -> list[str]:
            assert process.poll() is None
            bob.run("send", ada.name, "hello")
            return bob.received_texts()

        eventually(answered, lambda texts: "I got hello" in texts, within_s=30, what="an answer")
