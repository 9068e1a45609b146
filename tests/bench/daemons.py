"""Real daemons as a person sees them: each in a namespace, asked through its local API.

A message's time runs from the moment before `POST /v1/messages` is sent to the moment when the
recipient's event was read and decoded here. It includes two durable commits (the sender's vault
and store), the relays' commits, and the recipient's.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from mesh.api.stream import Happened
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.errors import UserError
from mesh.events import MessageReceived
from mesh.limits.cover import COVER_INTERVALS_MS
from tests.bench import lacking_node
from tests.bench.table import Row, percentile
from tests.bench.without import VARIABLE
from tests.integration.meshes import closed_config, node_of
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually
from tests.integration.traces import resident_bytes

TEXT_BYTES = 200
WRITERS = 8
ARRIVES_WITHIN_S = 60.0
STAMP_WITHIN_S = 300.0
MIB = 1024 * 1024
SETTLES_S = 60.0
"""From the last link on: peers tell each other of whom they know, and what time it is."""

LOOK_S = 1.0
"""Between looks at the threads of an idle daemon: one that serves for a moment stays for ten."""


class Arrivals:
    """The texts that arrive at a node, each with the moment when it was read here."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._queue: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        self._is_listening = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._is_listening.wait(ARRIVES_WITHIN_S)

    def next(self) -> tuple[float, str]:
        """Wait for one more."""
        return self._queue.get(timeout=ARRIVES_WITHIN_S)

    def _listen(self) -> None:
        try:
            for told in self._node.client.events():
                self._is_listening.set()
                match told:
                    case Happened(event=MessageReceived(message=message)):
                        self._queue.put((time.monotonic(), message.text))
                    case _:
                        pass
        except UserError:
            # The node was stopped at the end of its bench.
            pass


@contextmanager
def line(scratch: Path, relays: int, *, config: str | None = None) -> Iterator[list[Node]]:
    """Nodes in a row, so that the ends reach each other through all the others only."""
    with Desk() as desk:
        bridges = [desk.bridge(f"b{number}") for number in range(relays + 1)]
        nodes = []
        for number in range(relays + 2):
            namespace = desk.laptop(*bridges[max(0, number - 1) : number + 1])
            settings = closed_config(scratch) if config is None else config
            nodes.append(node_of(namespace, scratch, f"Person {number}", config=settings))
            take_parts_away(nodes[-1])
        try:
            yield nodes
        finally:
            for node in nodes:
                node.end()


def take_parts_away(node: Node) -> None:
    """Let a node lack what the environment names."""
    if VARIABLE in os.environ:
        node.daemon_module = lacking_node.__name__
        node.more_environment[VARIABLE] = os.environ[VARIABLE]


def start(nodes: Sequence[Node]) -> None:
    """Start nodes one after another: each first start takes a quarter of a gigabyte."""
    for node in nodes:
        node.start()
        node.wait_until_up()


def latency(scratch: Path, what: str, *, relays: int, messages: int) -> list[Row]:
    """One message after another, each waited for."""
    with line(scratch, relays) as nodes:
        start(nodes)
        first, last = nodes[0], nodes[-1]
        befriend(last, first, inviter_label="last")
        arrivals = Arrivals(last)
        exchange(first, arrivals, 0)
        taken = [exchange(first, arrivals, number + 1) for number in range(messages)]
    return [
        Row("Mesh", f"{what}, {TEXT_BYTES} B, p50", percentile(taken, 0.5) * 1000, "ms"),
        Row("Mesh", f"{what}, {TEXT_BYTES} B, p95", percentile(taken, 0.95) * 1000, "ms"),
    ]


def exchange(first: Node, arrivals: Arrivals, number: int) -> float:
    """Send one message and return the seconds until it arrived."""
    began = time.monotonic()
    send(first, text(number))
    at, arrived = arrivals.next()
    assert arrived == text(number)
    return at - began


def rate(scratch: Path, messages: int) -> list[Row]:
    """As many as go through one hop, written by a few programs at once."""
    with line(scratch, 0) as nodes:
        start(nodes)
        first, last = nodes
        befriend(last, first, inviter_label="last")
        arrivals = Arrivals(last)
        exchange(first, arrivals, 0)
        before = [cpu_seconds(node.pid) for node in nodes]
        began = time.monotonic()
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda number: send(first, text(number)), range(1, messages + 1)))
            accepted = time.monotonic() - began
            taken = max(arrivals.next()[0] for _ in range(messages)) - began
        cpu = [cpu_seconds(node.pid) - was for node, was in zip(nodes, before, strict=True)]
    return [
        Row("Mesh", "one hop, sustained", messages / taken, "messages/s"),
        Row("Mesh", "accepted and durable at the sender", messages / accepted, "messages/s"),
        Row("Mesh", "CPU of the sender", cpu[0] / messages * 1000, "ms/message"),
        Row("Mesh", "CPU of the recipient", cpu[1] / messages * 1000, "ms/message"),
    ]


def first_message(scratch: Path) -> list[Row]:
    """From starting both processes to the first message, with the usual rules, stamps included."""
    with line(scratch, 0, config="") as nodes:
        first, last = nodes
        began = time.monotonic()
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_until_up()
        befriend(last, first, inviter_label="last")
        arrivals = Arrivals(last)
        send(first, text(0))
        first_run = arrivals.next()[0] - began
        for node in nodes:
            eventually(
                node.status,
                lambda status: status.stamp == "ready",
                within_s=STAMP_WITHIN_S,
                what="the stamp",
            )
            node.stop()
        began = time.monotonic()
        for node in nodes:
            node.start()
        last.wait_until_up()
        arrivals = Arrivals(last)
        first.wait_until_up()
        send(first, text(1))
        later_run = arrivals.next()[0] - began
    return [
        Row("Mesh", "from two starts to the first message", later_run, "s", "found by mDNS"),
        Row("Mesh", "the same, first run", first_run, "s", "makes keys, invite and stamp"),
    ]


def held(scratch: Path, messages: int) -> list[Row]:
    """Messages that a relay holds for someone who is away."""
    with line(scratch, 1) as nodes:
        start(nodes)
        first, relay, last = nodes
        befriend(last, first, inviter_label="last")
        exchange(first, Arrivals(last), 0)
        last.stop()
        known = relay.status().envelopes_count
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda number: send(first, text(number)), range(1, messages + 1)))
        eventually(
            lambda: relay.status().envelopes_count,
            lambda count: count >= known + messages,
            within_s=ARRIVES_WITHIN_S,
            what="all held by the relay",
        )
        first.stop()
        began = time.monotonic()
        last.start()
        last.wait_until_up()
        eventually(
            lambda: last.status().envelopes_count,
            lambda count: count >= known + messages,
            within_s=ARRIVES_WITHIN_S,
            what="all fetched",
        )
        eventually(
            lambda: last.client.ask(AskContacts(), ContactsAnswer).contacts[0].messages_count,
            lambda count: count == messages + 1,
            within_s=ARRIVES_WITHIN_S,
            what="all opened",
        )
        ended = time.monotonic()
    what = f"{messages:,} messages held for one who was away"
    return [Row("Mesh", what, ended - began, "s", "from the start of the process to the last")]


def idle(scratch: Path, links: int, seconds: float) -> list[Row]:
    """Return what a node costs that has so many links and nothing to do, at each level of cover."""
    rows: list[Row] = []
    for cover in COVER_INTERVALS_MS:
        rows += _idle(scratch / cover, links, seconds, cover)
    return rows


def _idle(scratch: Path, links: int, seconds: float, cover: str) -> list[Row]:
    with Desk() as desk:
        bridge = desk.bridge("b0")
        config = f'{closed_config(scratch)}cover = "{cover}"\n'
        nodes = [
            node_of(desk.laptop(bridge), scratch, f"Person {number}", config=config)
            for number in range(links + 1)
        ]
        try:
            start(nodes)
            eventually(
                nodes[0].links_count,
                lambda count: count == links,
                within_s=ARRIVES_WITHIN_S,
                what="all links",
            )
            # Nothing is waited for: what links say at their beginning is no part of being idle.
            threading.Event().wait(SETTLES_S)
            before = cpu_seconds(nodes[0].pid)
            wakeups = wakeups_within(nodes[0].pid, seconds)
            cpu = cpu_seconds(nodes[0].pid) - before
            memory = resident_bytes(nodes[0].pid)
        finally:
            for node in nodes:
                node.end()
    at = f"{links} links, cover {cover}"
    return [
        Row("Mesh", f"memory with {at}", memory / MIB, "MiB", "resident"),
        Row("Mesh", f"idle CPU with {at}", cpu / seconds * 100, "% of a core"),
        Row("Mesh", f"wake-ups with {at}", wakeups / seconds, "a second", "all threads"),
    ]


def wakeups_within(pid: int, seconds: float) -> int:
    """Return how often the threads of a process woke while it was left alone for so long.

    Threads that serve for a moment come and go, and what the system counted of one goes with it. So
    each is looked at every second, and one that is new counts from its beginning.
    """
    ends = time.monotonic() + seconds
    last = sleeps_by_thread(pid)
    count = 0
    while (left := ends - time.monotonic()) > 0:
        # Nothing is waited for: this is the time over which the cost is measured.
        threading.Event().wait(min(LOOK_S, left))
        now = sleeps_by_thread(pid)
        count += sum(sleeps - last.get(thread, 0) for thread, sleeps in now.items())
        last = now
    return count


def sleeps_by_thread(pid: int) -> dict[str, int]:
    """Return how often each thread of a process went to sleep by itself, and so woke again."""
    counts: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    counts[task.name] = int(line.split()[1])
    return counts


def send(node: Node, written: str) -> MessageAnswer:
    """Hand one message to a node; it is durable on return."""
    return node.client.ask(SendMessage(contact="last", text=written), MessageAnswer)


def text(number: int) -> str:
    """A text of its own."""
    return f"{number:08d}".ljust(TEXT_BYTES, ".")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
