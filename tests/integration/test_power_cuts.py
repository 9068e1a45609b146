"""Whatever a node said is there after a power cut before or after any sync of a message's way.

A cut takes back all bytes that were not synced: of each database only those of its last sync are on
the disk then (`power_cut.c`). Files that are no databases, and which files there are, count as
written at once.
"""

import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.errors import UserError
from tests.integration import unsynced
from tests.integration.networks import Desk
from tests.integration.nodes import Node, eventually
from tests.integration.row import NodeMaker, two_acquainted, wait_for_links
from tests.searching import seeds

pytestmark = pytest.mark.netns

CUT_WITHIN_S = 60.0
"""All syncs of one message and its receipts are over by then, on any machine."""
MOMENTS = seeds(4, in_search=60)
COMPILER = shutil.which("cc")


class Disk:
    """The bytes of a node that are on the disk for certain, and when its power fails."""

    def __init__(self, node: Node, library: Path, folder: Path) -> None:
        """The node is off, and what is in its files is on the disk."""
        self.node = node
        self._folder = node.folders.vault_file.parent
        self._kept = folder / "kept"
        self._at = folder / "at"
        self._kept.mkdir(parents=True)
        self._at.write_text("0       ")
        for file in self._databases():
            shutil.copyfile(file, self._kept / file.name)
        node.more_environment |= {
            "LD_PRELOAD": str(library),
            "CUT_FOLDER": str(self._folder),
            "CUT_KEPT": str(self._kept),
            "CUT_AT": str(self._at),
        }

    def cut_at(self, moment: int) -> None:
        """Let the power fail at so many moments from now on: each sync has two."""
        self._at.write_text(f"{moment:<8}")

    def has_failed(self) -> bool:
        """Say whether it has failed, or does within a while."""
        assert self.node._process is not None
        until = time.monotonic() + CUT_WITHIN_S
        while time.monotonic() < until:
            if self.node._process.poll() is not None:
                return True
            time.sleep(0.02)
        return False

    def start_again(self) -> None:
        """Let the power fail if it has not, and start over what is on the disk."""
        self.node.kill()
        self.cut_at(0)
        for file in self._databases():
            file.unlink()
        for file in self._kept.iterdir():
            if file.suffix != ".part":
                shutil.copyfile(file, self._folder / file.name)
        for file in self._folder.glob("*.db-shm"):
            file.unlink()
        self.node.start()
        self.node.wait_until_up()

    def _databases(self) -> list[Path]:
        return [*self._folder.glob("*.db"), *self._folder.glob("*.db-wal")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that stands before the system's own."""
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    made = tmp_path_factory.mktemp("library") / "power_cut.so"
    source = Path(__file__).with_name("power_cut.c")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


@pytest.fixture
def pair(desk: Desk, make_node: NodeMaker) -> tuple[Node, Node]:
    """Anna and Ben, who has written to her."""
    return two_acquainted(desk, make_node)


def on_disk(node: Node, library: Path, folder: Path) -> Disk:
    """The disk of a node, which starts anew over it."""
    node.stop()
    disk = Disk(node, library, folder / node.name)
    node.start()
    node.wait_until_up()
    return disk


def is_told(sender: Node, text: str) -> bool:
    """Have a text stored, or the same one again; return whether it was told to be."""
    sent = SendMessage(contact="anna", text=text, idempotency_key=text)
    try:
        return sender.client.ask(sent, MessageAnswer).text == text
    except UserError:
        return False


@pytest.mark.parametrize("is_sender", [True, False])
def test_a_power_cut_takes_back_nothing_that_was_said(
    pair: tuple[Node, Node], library: Path, tmp_path: Path, is_sender: bool
) -> None:
    """A text that was told to be stored arrives, once, and one that was shown stays."""
    anna, ben = pair
    disk = on_disk(ben if is_sender else anna, library, tmp_path)
    texts = ["hello"]
    for moment in MOMENTS:
        wait_for_links(anna, 1)
        text = f"moment {moment}"
        disk.cut_at(moment + 1)
        was_told = is_told(ben, text)
        has_failed = disk.has_failed()
        shown = [] if not is_sender and has_failed else anna.received_texts()
        disk.start_again()
        assert set(shown) <= set(anna.received_texts())
        if was_told:
            assert text in [one.text for one in ben.messages() if one.is_mine]
        else:
            eventually(partial(is_told, ben, text), bool, within_s=30, what="its storing")
        texts.append(text)
        eventually(anna.received_texts, lambda got: got == texts, within_s=60, what="all, once")
        if not has_failed:
            break
    assert len(texts) > 4


def test_a_node_that_does_not_sync_loses_what_it_said(
    pair: tuple[Node, Node], library: Path, tmp_path: Path
) -> None:
    """The cut takes back what a commit without a sync has told."""
    _, ben = pair
    ben.daemon_module = unsynced.__name__
    disk = on_disk(ben, library, tmp_path)
    assert is_told(ben, "lost")
    disk.start_again()
    assert "lost" not in [one.text for one in ben.messages()]
