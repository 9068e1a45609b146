"""A daemon that is a fork is looked after as a program of its own is."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.networks import Desk
from tests.integration.nodes import eventually, start_all
from tests.integration.prepared import Begun
from tests.integration.row import NodeMaker

pytestmark = pytest.mark.netns


def test_how_a_fork_ends_is_told_once_it_has(desk: Desk, make_node: NodeMaker) -> None:
    anna = make_node(desk.laptop(desk.bridge("left")), "Anna")
    start_all(anna)
    process = anna._process
    assert isinstance(process, Begun)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0)
    process.kill()
    assert process.wait() == process.poll() == -signal.SIGKILL
    # Nobody is struck who has its number by now.
    process.send_signal(signal.SIGKILL)
    anna.start()
    anna.wait_until_up()
    anna.stop()
    assert anna._process is not None
    assert anna._process.poll() == 0


def test_a_fork_that_nobody_looks_after_is_ended_and_counts_as_killed(
    desk: Desk, make_node: NodeMaker
) -> None:
    anna = make_node(desk.laptop(desk.bridge("left")), "Anna")
    start_all(anna)
    process = anna._process
    assert isinstance(process, Begun)
    daemon = Path(f"/proc/{process.pid}")
    # Behind its name, which may hold brackets, stand its state and who began it.
    keeper = int((daemon / "stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    assert process.wait(timeout=60) == process.poll() == -signal.SIGKILL
    eventually(
        lambda: not daemon.exists() or ") Z " in (daemon / "stat").read_text(),
        lambda is_gone: is_gone,
        within_s=60,
        what="its end",
    )
