"""Two nodes inside two programs, over loopback: what Mesh costs without its local API."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.table import Row, percentile

_WRITERS = 64
_PATIENCE_S = 60


class Child:
    """One program with a node in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.embedded_node", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = self._answer()

    def ask(self, *order: object) -> object:
        """Give an order and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(word) for word in order]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def times(self, *order: object) -> list[float]:
        """The same, for an order that is answered by instants."""
        answer = self.ask(*order)
        assert isinstance(answer, list)
        return [float(instant) for instant in answer]

    def cpu_seconds(self) -> float:
        """The processor time of the program so far."""
        answer = self.ask("cpu")
        assert isinstance(answer, float)
        return answer

    def end(self) -> None:
        """Let the program end."""
        self._process.communicate(timeout=_PATIENCE_S)

    def _answer(self) -> object:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def rows(scratch: Path, messages: int, rate_messages: int) -> list[Row]:
    """A hop one by one, and as many as go over it."""
    with pair(scratch) as (sender, recipient):
        took: list[float] = []
        for _ in range(messages):
            (begun,) = sender.times("send", 1, 1)
            (told,) = recipient.times("arrived", 1)
            took.append((told - begun) * 1000)
        before = [child.cpu_seconds() for child in (sender, recipient)]
        begun = min(sender.times("send", rate_messages, _WRITERS))
        told = max(recipient.times("arrived", rate_messages))
        cpu = [
            child.cpu_seconds() - was
            for child, was in zip((sender, recipient), before, strict=True)
        ]
    who = "Mesh in a program"
    return [
        Row(who, "one hop, 200 B, p50", percentile(took, 0.5), "ms"),
        Row(who, "one hop, 200 B, p95", percentile(took, 0.95), "ms"),
        Row(who, "one hop, sustained", rate_messages / (told - begun), "messages/s"),
        Row(who, "CPU of the sender", cpu[0] / rate_messages * 1000, "ms/message"),
        Row(who, "CPU of the recipient", cpu[1] / rate_messages * 1000, "ms/message"),
    ]


@contextmanager
def pair(scratch: Path) -> Iterator[tuple[Child, Child]]:
    """Two programs whose nodes are linked and whose people have settled."""
    sender, recipient = Child(scratch / "sender"), Child(scratch / "recipient")
    try:
        sender.ask("peer", f"127.0.0.1:{recipient.port}")
        sender.ask("add", recipient.ask("invite"))
        until = time.monotonic() + _PATIENCE_S
        while not sender.ask("is answered"):
            assert time.monotonic() < until, "the two never settled"
        yield sender, recipient
    finally:
        sender.end()
        recipient.end()
