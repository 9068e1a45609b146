"""The same four figures for LXMF on Reticulum, in the same namespaces over the same cables.

Each peer is `lxmf_node.py` in a process of its own. Neighbours are joined by TCP interfaces with
typed addresses; relays are Reticulum transport nodes. What is compared is what a program sees:
for LXMF a call in the process of the sender and a callback in that of the recipient, for Mesh a
request to the local API that is answered when the message is durable, and an event.
"""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from tests.bench.table import Row, percentile
from tests.integration.networks import Desk

PORT = 4_242
NODE = Path(__file__).with_name("lxmf_node.py")
ANSWERS_WITHIN_S = 60.0
ANNOUNCE_AGAIN_S = 3.0
TEXT_BYTES = 200
MESSAGES_MAX = 200
"""Of a rate: its queue stalls for seconds now and then, so that thousands take many minutes."""
CONFIG = """\
[reticulum]
  enable_transport = {is_relay}
  share_instance = No
  panic_on_interface_error = No
[interfaces]
"""
SERVER = """\
  [[listening]]
    type = TCPServerInterface
    enabled = Yes
    listen_ip = 0.0.0.0
    listen_port = {port}
"""
CLIENT = """\
  [[towards {host}]]
    type = TCPClientInterface
    enabled = Yes
    target_host = {host}
    target_port = {port}
"""


class Told(msgspec.Struct):
    """One line of a peer."""

    what: str
    at: float = 0
    hash: str = ""
    text: str = ""
    cpu_s: float = 0


class LxmfNode:
    """One peer, and the lines that it wrote."""

    def __init__(
        self, namespace: str, folder: Path, python: Path, *, towards: str | None, is_relay: bool
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = CONFIG.format(is_relay="Yes" if is_relay else "No") + SERVER.format(port=PORT)
        if towards is not None:
            config += CLIENT.format(host=towards, port=PORT)
        (folder / "config").write_text(config)
        self._command = ["ip", "netns", "exec", namespace, str(python), str(NODE), str(folder)]
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self.hash = ""

    def start(self) -> float:
        """Start the process and return when; `wait_until_up` comes next."""
        began = time.monotonic()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        return began

    def wait_until_up(self) -> None:
        """Wait for its first line."""
        self.hash = self.wait_for("up").hash

    def __enter__(self) -> "LxmfNode":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def tell(self, do: str, **fields: str) -> None:
        """Give one order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()

    def wait_for(self, what: str, *, within_s: float = ANSWERS_WITHIN_S) -> Told:
        """The next line of this kind; queue.Empty if nothing at all comes for so long."""
        while (told := self._told.get(timeout=within_s)).what != what:
            pass
        return told

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._told.put(msgspec.json.decode(line, type=Told))

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        self.tell("usage")
        return self.wait_for("usage").cpu_s


def rows(scratch: Path, python: Path, *, messages: int, rate_messages: int) -> list[Row]:
    """One hop, three relays, how many a second, and from start to first message."""
    return [
        *_latency(scratch, python, "one hop", relays=0, messages=messages),
        *_latency(scratch, python, "three relays", relays=3, messages=messages),
        *_rate(scratch, python, min(rate_messages, MESSAGES_MAX)),
        _first_message(scratch, python),
    ]


def missing_in(python: Path) -> str | None:
    """Return in words what keeps a Python from running the peers, if anything does."""
    tried = subprocess.run(
        [str(python), "-c", "import RNS, LXMF"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else f"{python} has no rns and lxmf"


def _line(desk: Desk, scratch: Path, python: Path, relays: int) -> list[LxmfNode]:
    """Peers in a row, each joined to the one before."""
    bridges = [desk.bridge(f"b{number}") for number in range(relays + 1)]
    nodes = []
    towards: str | None = None
    for number in range(relays + 2):
        sides = bridges[max(0, number - 1) : number + 1]
        namespace = desk.laptop(*sides)
        folder = scratch / f"lxmf-{relays}-{number}"
        is_relay = 0 < number <= relays
        nodes.append(LxmfNode(namespace, folder, python, towards=towards, is_relay=is_relay))
        towards = desk.address(namespace, sides[-1])
    return nodes


def _start_and_meet(nodes: Sequence[LxmfNode]) -> None:
    for node in nodes:
        node.start()
        node.wait_until_up()
    first, last = nodes[0], nodes[-1]
    # An announce is lost where the next interface is not connected yet: repeat it until known.
    for speaker, hearer in ((last, first), (first, last)):
        hearer.tell("know", hash=speaker.hash)
        _announce_until_known(speaker, hearer)


def _announce_until_known(speaker: LxmfNode, hearer: LxmfNode) -> None:
    while True:
        speaker.tell("announce")
        try:
            hearer.wait_for("known", within_s=ANNOUNCE_AGAIN_S)
        except queue.Empty:
            continue
        return


def _exchange(first: LxmfNode, last: LxmfNode, number: int) -> float:
    """Send one message and return the seconds until it arrived."""
    text = f"{number:08d}".ljust(TEXT_BYTES, ".")
    first.tell("send", hash=last.hash, text=text)
    began = first.wait_for("sent").at
    arrived = last.wait_for("arrived")
    assert arrived.text == text
    return arrived.at - began


def _latency(scratch: Path, python: Path, what: str, *, relays: int, messages: int) -> list[Row]:
    with Desk() as desk:
        nodes = _line(desk, scratch, python, relays)
        try:
            _start_and_meet(nodes)
            _exchange(nodes[0], nodes[-1], 0)
            taken = [_exchange(nodes[0], nodes[-1], number + 1) for number in range(messages)]
        finally:
            for node in nodes:
                node.stop()
    return [
        Row("LXMF", f"{what}, {TEXT_BYTES} B, p50", percentile(taken, 0.5) * 1000, "ms"),
        Row("LXMF", f"{what}, {TEXT_BYTES} B, p95", percentile(taken, 0.95) * 1000, "ms"),
    ]


def _rate(scratch: Path, python: Path, messages: int) -> list[Row]:
    """All handed over at once, and each when the one before was delivered; both, to be fair."""
    with Desk() as desk:
        nodes = _line(desk, scratch / "rate", python, 0)
        first, last = nodes
        try:
            _start_and_meet(nodes)
            _exchange(first, last, 0)
            before = first.cpu_s(), last.cpu_s()
            began = time.monotonic()
            for number in range(messages):
                _exchange(first, last, number)
            in_turn = time.monotonic() - began
            cpu = first.cpu_s() - before[0], last.cpu_s() - before[1]
            at_once = _seconds_at_once(first, last, messages)
        finally:
            for node in nodes:
                node.stop()
    return [
        Row("LXMF", "one hop, all at once", messages / at_once, "messages/s"),
        Row("LXMF", "one hop, one by one", messages / in_turn, "messages/s"),
        Row("LXMF", "CPU of the sender", cpu[0] / messages * 1000, "ms/message", "one by one"),
        Row("LXMF", "CPU of the recipient", cpu[1] / messages * 1000, "ms/message", "one by one"),
    ]


def _seconds_at_once(first: LxmfNode, last: LxmfNode, messages: int) -> float:
    for number in range(messages):
        first.tell("send", hash=last.hash, text=f"{number:08d}".ljust(TEXT_BYTES, "."))
    began = first.wait_for("sent").at
    return max(last.wait_for("arrived").at for _ in range(messages)) - began


def _first_message(scratch: Path, python: Path) -> Row:
    """Both processes start; the sender sends as soon as the recipient's announce came."""
    with Desk() as desk:
        nodes = _line(desk, scratch / "first", python, 0)
        first, last = nodes
        try:
            began = time.monotonic()
            _start_and_meet(nodes)
            first.tell("send", hash=last.hash, text="x" * TEXT_BYTES)
            ended = last.wait_for("arrived").at
        finally:
            for node in nodes:
                node.stop()
    return Row("LXMF", "from two starts to the first message", ended - began, "s", "typed address")
