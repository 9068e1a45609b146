"""Programs beside a real daemon: the bots of `docs/api.md` and its examples, and paging."""

import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from mesh.api.tokens import TokenAnswer
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


def example(name: str) -> str:
    """Return the code of an example."""
    return (ROOT / "docs" / "examples" / name).read_text()


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
    eventually(node.received_texts, lambda seen: seen == texts, within_s=60, what=f"{texts}")


@contextmanager
def running(
    program: str, node: Node, *arguments: str, **environment: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program as the person at this node would, in its namespace."""
    runtime = node.home / "runtime"
    (runtime / "mesh" / "default").mkdir(parents=True, exist_ok=True)
    door = runtime / "mesh" / "default" / "api.sock"
    if not door.is_symlink():
        door.symlink_to(node.folders.socket_file)
    known = {"MESH_HOME": str(node.home), "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
    file = node.home / f"bot-{zlib.crc32(program.encode())}.py"
    file.write_text(program)
    process = subprocess.Popen(
        ["ip", "netns", "exec", node.namespace, sys.executable, str(file), *arguments],
        cwd=node.home,
        env={"PATH": os.environ["PATH"], **known, **environment},
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
    eventually(lambda: len(ada.messages()), lambda count: count == 61, within_s=60, what="61")
    send_many(bob, ada.name, [f"meanwhile {number}" for number in range(60)])
    for contact in ("", bob.name):
        met = [message.number for page in pages(ada, contact, back=back) for message in page]
        assert len(met) == len(set(met))
        assert set(range(1, 62)) <= set(met)
        assert met == sorted(met) or back
    eventually(lambda: len(ada.messages()), lambda count: count == 121, within_s=60, what="121")
    everything = [message.number for page in pages(ada, "", back=False) for message in page]
    assert everything == list(range(1, 122))


def test_the_echo_bot_answers_each_message_once_also_after_it_was_away(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    bot = example("echo_bot.py")
    with running(bot, ada):
        # The contact is named by the number that the message bears.
        wait_for_texts(bob, ["You said: first"])
    bob.run("send", ada.name, "second")
    wait_for_texts(ada, ["first", "second"])
    with running(bot, ada):
        bob.run("send", ada.name, "third")
        wait_for_texts(bob, [f"You said: {text}" for text in ("first", "second", "third")])
    assert Path(ada.home, "handled.txt").exists()


def test_the_check_in_bot_asks_a_group_and_tells_who_answered(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    ada.run("group", "create", "Crew", "--with", bob.name)
    shown(bob, "you were asked in", "group")
    bob.run("group", "accept", "Crew")
    for node in pair:
        shown(node, "2 members  you are in", "group")
    bot, pause = example("check_in_bot.py"), "time.sleep(wait_s)"
    assert bot.count(pause) == 1
    # It waits for the answer and not for a time, which is long on one machine and short on another.
    waits = 'while not __import__("pathlib").Path("answered").exists(): time.sleep(0.1)'
    with running(bot.replace(pause, waits), ada, "Crew", "--once", "--wait", "1") as process:
        asked = shown(bob, "How are you this morning?", "read", "Crew")
        number = re.search(r"#(\d+) .*How are you this morning", asked)
        assert number is not None
        bob.run("answer", number[1], "3", "--note", "a flat tyre")
        shown(ada, "a flat tyre", "read", "Crew")
        (ada.home / "answered").touch()
        assert process.wait(timeout=90) == 0
    told = shown(bob, "I need help: ", "read", "Crew")
    assert "(a flat tyre)" in told
    # Once a day, however often it is started.
    with running(bot, ada, "Crew", "--once", "--wait", "0") as process:
        assert process.wait(timeout=60) == 0
    assert ada.run("read", "Crew").count("How are you this morning?") == 1


def shown(node: Node, words: str, *command: str) -> str:
    return eventually(
        lambda: node.run(*command), lambda said: words in said, within_s=90, what=words
    )


def test_the_bot_that_takes_events_answers_by_the_number_in_them(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    (bot,) = programs()
    with running(bot, ada) as process:
        # It has no word for that it listens, so it is written to until it answers.
        def answered() -> list[str]:
            assert process.poll() is None
            bob.run("send", ada.name, "hello")
            return bob.received_texts()

        eventually(answered, lambda texts: "I got hello" in texts, within_s=60, what="an answer")


HOOK = """
import http.server, json, sys

class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {} if told["text"] == "quiet" else {"text": f"{told['label']}: {told['text']}"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
"""


def test_the_bridge_hands_all_to_a_webhook_also_what_came_while_that_was_away(
    pair: tuple[Node, Node],
) -> None:
    ada, bob = pair
    token = ada.answer(TokenAnswer, "token", "create", "bridge", "--scope", "send").token
    address = json.loads(ada.run("open", "--no-browser", "--json"))["address"]
    known = {"MESH_URL": address.partition("/#")[0], "MESH_TOKEN": token}
    bridge = example("webhook_bridge.py")
    with running(bridge, ada, "http://127.0.0.1:8000/hook", **known):
        # Nobody is at the other end yet.
        bob.run("send", ada.name, "second")
        wait_for_texts(ada, ["first", "second"])
        assert bob.received_texts() == []
        with running(HOOK, ada, "8000"):
            wait_for_texts(bob, [f"{bob.name}: first", f"{bob.name}: second"])
            bob.run("send", ada.name, "quiet")
            wait_for_texts(ada, ["first", "second", "quiet"])
    with running(HOOK, ada, "8000"), running(bridge, ada, "http://127.0.0.1:8000/hook", **known):
        bob.run("send", ada.name, "third")
        said = ("first", "second", "third")
        wait_for_texts(bob, [f"{bob.name}: {text}" for text in said])
