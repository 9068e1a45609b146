"""The time that a question waits which a neighbour asks right after it has brought an envelope.

What is for a person of the node is opened once the answers have left, and so before the question is
read: `docs/protocol/who-learns-what.md`, section "What is known to leak".
"""

import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from statistics import median

from mesh.commands.messages import SendMessage
from mesh.database import Connection
from mesh.inputs import VaultOpened
from mesh.storage.connection import KEY_BYTES, connect
from mesh.storage.migrations import migrate_store, migrate_vault
from mesh.wire.frames import Ping, Push
from tests.bench.table import Row, percentile
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce
from tests.engine.test_hostile import envelope

KEYS = 3
PAUSE_SECONDS = 0.3


def rows(place: Path, messages: int) -> Iterable[Row]:
    """A node with an open vault, and what a neighbour measures at it; both databases on the disk.

    By turns somebody's mail comes and the node's own. Of two samples, one of each kind, the longer
    wait is said to be behind the node's own.
    """
    numbers = count()

    def on_disk() -> tuple[Connection, Connection]:
        number = next(numbers)
        store, vault = (
            connect(place / f"{name}-{number}.db", bytes(KEY_BYTES)) for name in ("store", "vault")
        )
        migrate_store(store)
        migrate_vault(vault)
        return store, vault

    table = Joined()
    table.new_databases = on_disk
    own = _mail_for("bea", table, messages)
    node = table.sit("node", is_relay=True)
    node.inbox.append(VaultOpened(table.seats["bea"].vault))
    neighbour = Stranger(table, "node")
    table.pass_time(1)
    waits: dict[str, list[float]] = {"others' mail": [], "own mail": []}
    for number, mail in enumerate(own):
        others = envelope(number, key=number % KEYS)
        for kind, data in (("others' mail", others), ("own mail", mail)):
            waits[kind].append(_wait(table, neighbour, data))
            table.pass_time(PAUSE_SECONDS)
            neighbour.keep_alive()
    for kind, took in waits.items():
        note = f"of {len(took)}: {min(took):.2f} to {percentile(took, 0.95):.2f} ms for 95 %"
        yield Row("Mesh", f"a question behind {kind}", median(took), "ms", note)
    pairs = [(one, other) for one in waits["own mail"] for other in waits["others' mail"]]
    right = sum(one > other for one, other in pairs) / len(pairs)
    yield Row("Mesh", "named rightly by one question each", 100 * right, "%", "guessing is 50 %")


def _mail_for(name: str, table: Joined, messages: int) -> list[bytes]:
    """Return what a contact wrote to somebody who was away."""
    for one in ("ada", name):
        table.sit(one)
    introduce(table, "ada", name)
    befriend(table, "ada", name)
    table.join("ada", name)
    for author, other in ((name, "ada"), ("ada", name)) * 2:
        table.ask(author, SendMessage(other, "hello"))
        table.pass_time(20)
    table.pass_time(900)
    store = table.seats["ada"].engine._forwarder.store
    table.stop(name)
    before = store.last_arrival()
    for number in range(messages):
        table.ask("ada", SendMessage(name, f"While you were away {number}"))
        table.pass_time(1)
    return [data for _, data in store.scans.arrivals_after(before, messages)]


def _wait(table: Joined, neighbour: Stranger, data: bytes) -> float:
    """Return the milliseconds between the answer to an envelope and that to a question."""
    heard_at: list[float] = []
    hear = table.strangers[neighbour.link_id]

    def note(answer: bytes) -> None:
        heard_at.append(time.perf_counter())
        hear(answer)

    table.strangers[neighbour.link_id] = note
    neighbour.send(Push(data))
    answered_at = heard_at[0]
    neighbour.send(Ping())
    table.strangers[neighbour.link_id] = hear
    return (heard_at[-1] - answered_at) * 1000
