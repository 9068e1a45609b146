"""Programs beside a real daemon: the bots of `docs/api.md` as they stand there, and paging."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
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


def send_many(node: Node, contact: str, texts: list[str]) -> None:
    """Send by one request of the API."""
    outgoing = [Outgoing(contact=contact, text=text) for text in texts]
    sent = node.client.ask(SendMessages(outgoing), SentMessages)
    assert all(each.message is not None for each in sent.results)


def pages(node: Node, contact: str, *, back: bool) -> Iterator[list[MessageAnswer]]:
    """Yield pages from one end of the history to the other."""
    before, after = None, None if back else 0
    while True:
        asked = AskMessages(contact, before=before, after=after, limit=7)
        page = node.client.ask(asked, MessagesAnswer)
        yield page.messages
        if not (page.has_older if back else page.has_newer):
            return
        if back:
            before = page.messages[0].number
        else:
            after = page.messages[-1].number


@pytest.mark.parametrize("back", [True, False])
def test_who_pages_while_messages_arrive_meets_each_once(
    pair: tuple[Node, Node], *, back: bool
) -> None:
    ada, bob = pair
    send_many(bob, ada.name, [f"before {number}" for number in range(60)])
    eventually(lambda: len(ada.messages()), lambda count: count == 61, within_s=30, what="61")
    send_many(bob, ada.name, [f"meanwhile {number}" for number in range(60)])
    for contact in ("", bob.name):
        met = [message.number for page in pages(ada, contact, back=back) for message in page]
        assert len(met) == len(set(met))
        assert set(range(1, 62)) <= set(met)
        assert met == sorted(met) or back
    eventually(lambda: len(ada.messages()), lambda count: count == 121, within_s=30, what="121")
    everything = [message.number for page in pages(ada, "", back=False) for message in page]
    assert everything == list(range(1, 122))


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
