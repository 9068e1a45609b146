"""A disk that fills while daemons exchange mail: the node goes on, and nothing is half-written."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.commands.contacts import ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.commands.status import StatusAnswer
from mesh.errors import UserError
from tests.integration.making import made_with
from tests.integration.meshes import closed_config
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, hear, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.mounts import require_mounts

pytestmark = pytest.mark.netns

DISK = "size=128m"
SEEN_WITHIN_S = 60.0
"""The node looks at its disk every 5 s, and waits 10 s after a write that failed; and a busy
machine may keep it waiting.
"""

HEALED_WITHIN_S = 60.0


class SmallDisk:
    """A disk of its own for the next node's home, and the file that fills it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._filler = home / "filler"
        home.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", home], check=True)

    def fill(self, *, but_bytes: int = 0) -> None:
        """Leave so much free."""
        with self._filler.open("ab") as file:
            while (free := self.free_bytes - but_bytes) > 0:
                try:
                    file.write(bytes(min(free, 1 << 20)))
                    file.flush()
                except OSError:
                    break

    def fill_all(self) -> int:
        """Leave nothing; return what is free again by then."""
        self.fill()
        return self.free_bytes

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.home)
        return found.f_bavail * found.f_frsize

    def make_room(self) -> None:
        """Somebody tidies up."""
        self._filler.unlink()

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", self.home], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that one node has."""
    require_mounts()
    small = SmallDisk(tmp_path / "small")
    yield small
    small.end()


@pytest.fixture
def make_node_there(disk: SmallDisk, tmp_path: Path) -> Iterator[NodeMaker]:
    """Make nodes on that disk."""
    with made_with(disk.home, closed_config(tmp_path)) as make:
        yield make


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker, make_node_there: NodeMaker) -> tuple[Node, Node]:
    """Anna has the disk that fills; Ben has another one. They know each other."""
    bridge = desk.bridge("shared")
    anna = make_node_there(desk.laptop(bridge), "Anna")
    ben = make_node(desk.laptop(bridge), "Ben")
    start_all(anna, ben)
    wait_for_links(anna, 1)
    befriend(anna, ben, inviter_label="anna")
    ben.run("send", "anna", "hello")
    wait_for_text(anna, "hello")
    return anna, ben


def wait_for_disk(node: Node, disk: str, *, within_s: float = SEEN_WITHIN_S) -> StatusAnswer:
    return eventually(
        node.status, lambda status: status.disk == disk, within_s=within_s, what=f"disk {disk}"
    )


def label_of_ben(anna: Node) -> str:
    [contact] = anna.answer(ContactsAnswer, "contacts").contacts
    return contact.label


def test_a_full_disk_refuses_what_is_new_and_shows_and_serves_what_is_there(
    pair: tuple[Node, Node], disk: SmallDisk
) -> None:
    anna, ben = pair
    label = label_of_ben(anna)
    with anna.tail("--after", "0", "--events") as tail:
        # From here on it hears what happens.
        hear(tail, "hello")
        eventually(disk.fill_all, lambda free: free == 0, within_s=60, what="no byte that is free")
        status = wait_for_disk(anna, "full")
        assert any("The disk is full" in sentence for sentence in status.limits)
        with pytest.raises(UserError) as refused:
            anna.client.ask(SendMessage(label, "no room for this"), MessageAnswer)
        assert refused.value.kind == "no-room"
        done = anna.attempt("send", label, "nor for this")
        assert done.returncode == 1
        assert "The disk is full" in done.stderr
        ben.run("send", "anna", "this waits at Ben")
        assert "hello" in anna.run("read", label)
        assert "disk" in anna.run("status")
        assert anna.received_texts() == ["hello"]
        disk.make_room()
        wait_for_disk(anna, "room", within_s=HEALED_WITHIN_S)
        wait_for_text(anna, "this waits at Ben", within_s=HEALED_WITHIN_S)
        anna.run("send", label, "there is room")
        wait_for_text(ben, "there is room", within_s=HEALED_WITHIN_S)
        assert ben.received_texts() == ["there is room"]
        hear(tail, '"disk":"full"')
        hear(tail, '"disk":"room"')


def test_whatever_was_told_is_stored_while_a_disk_fills_and_empties(
    pair: tuple[Node, Node], disk: SmallDisk
) -> None:
    anna, ben = pair
    label = label_of_ben(anna)
    told: dict[str, list[str]] = {"anna": [], "ben": []}
    refused: list[str] = []
    kinds: list[str] = []
    stop = threading.Event()

    def write(node: Node, name: str, to: str) -> None:
        number = 0
        while not stop.is_set():
            text = f"{name} {number} " + "x" * 3_000
            number += 1
            try:
                node.client.ask(SendMessage(to, text), MessageAnswer)
                told[name].append(text)
            except UserError as error:
                kinds.append(error.kind)
                refused.append(text)
            stop.wait(0.03)

    writers = [
        threading.Thread(target=write, args=(anna, "anna", label)),
        threading.Thread(target=write, args=(ben, "ben", "anna")),
    ]
    for writer in writers:
        writer.start()
    try:
        for _ in range(2):
            stop.wait(2)
            disk.fill()
            wait_for_disk(anna, "full")
            stop.wait(2)
            disk.make_room()
            wait_for_disk(anna, "room", within_s=HEALED_WITHIN_S)
        stop.wait(1)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert set(kinds) == {"no-room"}
    assert told["anna"]

    def is_all_there() -> tuple[int, int]:
        at_ben = [text for text in ben.received_texts() if text.startswith("anna")]
        at_anna = [text for text in anna.received_texts() if text.startswith("ben")]
        assert not set(at_ben) & set(refused)
        assert len(at_ben) == len(set(at_ben))
        assert len(at_anna) == len(set(at_anna))
        return (
            len(set(told["anna"]) - set(at_ben)),
            len(set(told["ben"]) - set(at_anna)),
        )

    eventually(is_all_there, lambda left: left == (0, 0), within_s=90, what="all of it")
    assert sorted(text for text in told["anna"]) == sorted(
        message.text for message in anna.messages() if message.is_mine
    )


def test_a_node_starts_on_a_full_disk_and_shows_what_is_there(
    pair: tuple[Node, Node], disk: SmallDisk
) -> None:
    anna, ben = pair
    disk.fill()
    wait_for_disk(anna, "full")
    anna.run("lock")
    anna.run("unlock")
    assert anna.received_texts() == ["hello"]
    anna.stop()
    disk.fill()
    anna.start()
    anna.wait_until_up()
    assert wait_for_disk(anna, "full").vault == "open"
    assert anna.received_texts() == ["hello"]
    disk.make_room()
    wait_for_disk(anna, "room", within_s=HEALED_WITHIN_S)
    ben.run("send", "anna", "afterwards")
    wait_for_text(anna, "afterwards", within_s=HEALED_WITHIN_S)


def test_a_scarce_disk_takes_the_mail_of_contacts_and_says_so(
    pair: tuple[Node, Node], disk: SmallDisk
) -> None:
    anna, ben = pair
    disk.fill(but_bytes=24 << 20)
    status = wait_for_disk(anna, "scarce")
    assert any("mail of others is not kept" in sentence for sentence in status.limits)
    ben.run("send", "anna", "from a contact")
    wait_for_text(anna, "from a contact", within_s=60)
    anna.run("send", label_of_ben(anna), "and back")
    wait_for_text(ben, "and back")
