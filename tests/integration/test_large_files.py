"""Large files between two real daemons: cut, killed in the middle, changed, without room."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually
from tests.integration.row import NodeMaker, wait_for_text, write_to_each_other
from tests.integration.test_files import shape
from tests.integration.test_full_disk import SmallDisk, disk, make_node_there
from tests.searching import only_in_search

pytestmark = pytest.mark.netns

__all__ = ["disk", "make_node_there"]
"""Fixtures of another module, which pytest finds by their names here."""

MIB = 1024 * 1024
LINKED_WITHIN_S = 60.0
RESTARTED_WITHIN_S = 300.0
"""As long as for its blocks: the machine still writes what was sent, and this test is not of how
long a start takes."""


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node, str, str]:
    """Return Ada and Bob, who have recognised each other, Ada's laptop, and their bridge."""
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    laptops = [desk.laptop(bridge) for _ in range(2)]
    ada, bob = (
        make_node(laptop, name, more=at_once)
        for laptop, name in zip(laptops, ("Ada", "Bob"), strict=True)
    )
    acquaint(ada, bob)
    return ada, bob, laptops[0], bridge


def acquaint(ada: Node, bob: Node) -> None:
    """Let two meet, write to each other, and recognise each other on a new link."""
    write_to_each_other(ada, bob)
    # On a new link they say who they are at once.
    bob.stop()
    bob.start()
    bob.wait_until_up()
    eventually(
        lambda: (ada.status().contact_links_count, bob.status().contact_links_count),
        lambda counts: counts == (1, 1),
        within_s=LINKED_WITHIN_S,
        what="recognition",
    )


def test_a_disk_without_room_is_said_in_words_and_the_node_goes_on(
    desk: Desk, make_node: NodeMaker, make_node_there: NodeMaker, disk: SmallDisk, tmp_path: Path
) -> None:
    bridge = desk.bridge("left")
    ada, bob = make_node(desk.laptop(bridge), "Ada"), make_node_there(desk.laptop(bridge), "Bob")
    acquaint(ada, bob)
    big = tmp_path / "big.bin"
    digest = make(big, 90 * MIB)
    ada.run("send", "Bob", "--file", str(big))
    waits = newest(bob, "Ada")
    bob.run("save", str(waits.item), "--resume")
    stopped = eventually(
        lambda: newest(bob, "Ada"), lambda file: file.state == "no-room", within_s=60, what="words"
    )
    assert "the disk has no room for it" in bob.run("read", "Ada")
    assert stopped.here_count == 0
    assert bob.status().disk == "room", "what the node needs for itself is left"
    bob.run("send", "Ada", "Mail goes on.")
    wait_for_text(ada, "Mail goes on.", within_s=60)
    subprocess.run(["mount", "-o", "remount,size=400m", str(disk.home)], check=True)
    bob.run("save", str(waits.item), "--resume")
    came = wait_for_blocks(bob, "Ada", waits.blocks_count)
    assert digest_of(saved(bob, came, tmp_path / "out")) == digest


def files(node: Node, chat: str) -> list[FileAnswer]:
    page = node.client.ask(AskItems(chat), ItemsAnswer)
    return [file for item in page.items for file in item.files]


def newest(node: Node, chat: str) -> FileAnswer:
    return eventually(
        lambda: files(node, chat), lambda found: bool(found), within_s=60, what="the file"
    )[-1]


def make(path: Path, size: int) -> str:
    """Write a file of chance; return its hash."""
    digest = hashlib.blake2b()
    with path.open("wb") as file:
        for at in range(0, size, MIB):
            piece = os.urandom(min(MIB, size - at))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def wait_for_blocks(node: Node, chat: str, count: int) -> FileAnswer:
    return eventually(
        lambda: newest(node, chat),
        lambda file: file.here_count >= count,
        within_s=300,
        what=f"{count} blocks",
    )


def saved(node: Node, file: FileAnswer, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    done = node.attempt("save", str(file.item), "--out", str(out), timeout_s=120)
    assert done.returncode == 0, done.stderr
    return out / file.name


def test_a_file_below_25_mib_comes_by_itself_and_a_larger_one_when_it_is_asked_for(
    pair: tuple[Node, Node, str, str], tmp_path: Path
) -> None:
    ada, bob, _, _ = pair
    small, large = tmp_path / "small.bin", tmp_path / "large.bin"
    hashes = make(small, 5 * MIB), make(large, 30 * MIB)
    ada.run("send", "Bob", "--file", str(small))
    came = wait_for_blocks(bob, "Ada", 81)
    assert came.state == "here"
    assert digest_of(saved(bob, came, tmp_path / "out")) == hashes[0]
    ada.run("send", "Bob", "--file", str(large))
    waits = eventually(
        lambda: newest(bob, "Ada"),
        lambda file: file.name == "large.bin",
        within_s=60,
        what="large",
    )
    assert (waits.state, waits.here_count) == ("waits", 0)
    bob.attempt("save", str(waits.item), "--wait", "--timeout", "60", timeout_s=90)
    came = wait_for_blocks(bob, "Ada", waits.blocks_count)
    assert digest_of(saved(bob, came, tmp_path / "out")) == hashes[1]
    given = eventually(
        lambda: newest(ada, "Bob"),
        lambda file: file.opened_count == file.blocks_count,
        within_s=60,
        what="word of what was given",
    )
    assert given.state == "here"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("mib", [200, pytest.param(1_024, marks=only_in_search)])
def test_a_large_file_survives_five_cuts_and_a_kill_of_each_side(
    mib: int, pair: tuple[Node, Node, str, str], desk: Desk, tmp_path: Path
) -> None:
    ada, bob, laptop, bridge = pair
    big = tmp_path / "big.bin"
    digest = make(big, mib * MIB)
    # Slow enough that the cuts fall within it.
    shape(ada.namespace, "100mbit")
    ada.run("send", "Bob", "--file", str(big))
    waits = newest(bob, "Ada")
    assert waits.state == "waits"
    bob.attempt("save", str(waits.item), "--resume")
    steps = [waits.blocks_count * step // 9 for step in range(1, 8)]
    for number, step in enumerate(steps):
        came = wait_for_blocks(bob, "Ada", step)
        assert came.state == "fetching", "the cuts fall within the transfer"
        if number == 2:
            bob.kill()
            bob.start()
            bob.wait_until_up(within_s=RESTARTED_WITHIN_S)
            # What was written down is there, and nothing of it comes again.
            assert newest(bob, "Ada").here_count >= step - 1
        elif number == 4:
            ada.kill()
            ada.start()
            ada.wait_until_up(within_s=RESTARTED_WITHIN_S)
        else:
            desk.cut(laptop, bridge)
            eventually(bob.links_count, lambda count: count == 0, within_s=60, what="the cut")
            desk.heal(laptop, bridge)
    came = wait_for_blocks(bob, "Ada", waits.blocks_count)
    assert came.state == "here"
    assert digest_of(saved(bob, came, tmp_path / "out")) == digest
    # At rest it is sealed, in one file beside the vault.
    [blob] = (bob.folders.data / "files").iterdir()
    with big.open("rb") as file, blob.open("rb") as sealed:
        assert file.read(64) not in sealed.read(2 * MIB)
    ada.run("delete", str(newest(ada, "Bob").item), "--yes")
    eventually(lambda: files(bob, "Ada"), lambda told: not told, within_s=60, what="deleted")
    eventually(blob.exists, lambda is_there: not is_there, within_s=60, what="the sealed file")


def test_a_file_that_is_changed_at_its_place_is_given_no_more(
    pair: tuple[Node, Node, str, str], tmp_path: Path
) -> None:
    ada, bob, _, _ = pair
    big = tmp_path / "big.bin"
    make(big, 30 * MIB)
    ada.run("send", "Bob", "--file", str(big))
    waits = newest(bob, "Ada")
    found = big.stat()
    with big.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"another")
    # As who restores times does: then the hashes alone say that it is another one.
    os.utime(big, ns=(found.st_atime_ns, found.st_mtime_ns))
    bob.run("save", str(waits.item), "--resume")
    lost = eventually(
        lambda: newest(ada, "Bob"), lambda file: file.state == "lost", within_s=60, what="the loss"
    )
    assert "changed or moved" in ada.run("read", "Bob"), lost
    came = newest(bob, "Ada")
    assert came.state == "fetching"
    assert came.here_count < came.blocks_count
    assert ada.attempt("save", str(newest(ada, "Bob").item)).returncode != 0


def test_both_sides_pause_go_on_and_cancel(
    pair: tuple[Node, Node, str, str], tmp_path: Path
) -> None:
    ada, bob, laptop, _ = pair
    big = tmp_path / "big.bin"
    digest = make(big, 40 * MIB)
    shape(laptop, "20mbit")
    ada.run("send", "Bob", "--file", str(big))
    waits = newest(bob, "Ada")
    mine = newest(ada, "Bob")
    ada.run("save", str(mine.item), "--pause")
    bob.run("save", str(waits.item), "--resume")
    assert newest(ada, "Bob").state == "paused"
    ada.run("save", str(mine.item), "--resume")
    wait_for_blocks(bob, "Ada", 60)
    bob.run("save", str(waits.item), "--pause")
    paused = newest(bob, "Ada")
    assert paused.state == "paused"
    bob.run("save", str(waits.item), "--resume")
    came = wait_for_blocks(bob, "Ada", waits.blocks_count)
    assert digest_of(saved(bob, came, tmp_path / "out")) == digest
    ada.run("save", str(mine.item), "--cancel")
    assert newest(ada, "Bob").state == "cancelled"
    bob.run("save", str(waits.item), "--cancel")
    assert newest(bob, "Ada").state == "here"
