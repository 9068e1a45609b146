"""An engine with a locked vault holds tags and ids, and nothing that opens."""

import gc
from collections import deque
from types import CodeType, FunctionType, ModuleType

from mesh.commands.messages import SendMessage
from mesh.database import Connection
from mesh.events import VaultLocked, VaultUnlocked
from mesh.inputs import VaultClosing, VaultOpened
from mesh.storage.connection import transaction
from sim.hosts.databases import new_store
from tests.engine.joined import Joined, Seat
from tests.engine.test_engine import befriend, chain, introduce, status, texts

SECRETS = {
    "identity": "SELECT seed FROM identity",
    "ratchet": "SELECT ratchet FROM sessions",
    "tags out": "SELECT out_key FROM sessions",
    "tags in": "SELECT key FROM generations",
    "prekeys": "SELECT private FROM prekeys WHERE private <> x''",
    "posting keys": "SELECT seed FROM posting_keys WHERE seed IS NOT NULL",
    "names": "SELECT name FROM identity",
    "labels": "SELECT label FROM contacts",
    "keys": "SELECT verify_key FROM contacts",
    "texts": "SELECT text FROM texts",
}


def secrets(vault: Connection) -> dict[str, set[object]]:
    """Return what is only in the vault, by kind."""
    return {
        name: {row[0] for row in vault.execute(sql).fetchall()} for name, sql in SECRETS.items()
    }


def reachable_values(root: object) -> set[object]:
    """All texts and byte strings that can be reached from an object, but not from its code."""
    seen, values = {id(root)}, set[object]()
    waiting = deque([root])
    while waiting:
        each = waiting.popleft()
        if isinstance(each, str | bytes):
            values.add(each)
        if isinstance(each, bytearray):
            values.add(bytes(each))
        for referent in gc.get_referents(each):
            is_code = isinstance(referent, type | ModuleType | FunctionType | CodeType)
            if not is_code and id(referent) not in seen:
                seen.add(id(referent))
                waiting.append(referent)
    return values


def test_a_locked_engine_reaches_no_secret_of_the_vault() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    for number in range(4):
        table.ask("cy", SendMessage("ada", f"a text from cy {number}"))
        table.ask("ada", SendMessage("cy", f"a text from ada {number}"))
    seat = table.seats["ada"]
    hidden = secrets(seat.vault)
    assert all(hidden.values())
    before = reachable_values(seat.engine)
    assert {name for name, values in hidden.items() if values & before} >= {
        "tags in",
        "posting keys",
        "names",
        "labels",
    }
    seat.inbox.append(VaultClosing())
    table.run()
    gc.collect()
    after = reachable_values(seat.engine)
    assert {name for name, values in hidden.items() if values & after} == set()


def test_a_locked_engine_lets_go_of_the_keys_that_its_kem_kept() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "one"))
    seat = table.seats["ada"]
    assert kept_keys_count(seat) > 0
    seat.inbox.append(VaultClosing())
    table.run()
    assert kept_keys_count(seat) == 0


def kept_keys_count(seat: Seat) -> int:
    """Return how many ML-KEM keys and names of keys an engine has at hand."""
    kem = seat.engine._vault._primitives.kem
    return sum(len(getattr(kem, name)) for name in ("_used_once", "_private_keys", "_public_keys"))


def test_locking_and_unlocking_are_told_and_shown_with_their_time() -> None:
    table = chain()
    seat = table.seats["ada"]
    seat.events.clear()
    assert status(table, "ada").locked_since == 0
    table.pass_time(10)
    seat.inbox.append(VaultClosing())
    table.run()
    assert seat.events == [VaultLocked()]
    since = status(table, "ada").locked_since
    table.pass_time(100)
    assert status(table, "ada").locked_since == since > 0
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    assert seat.events[1] == VaultUnlocked()
    assert status(table, "ada").locked_since == 0


def test_a_locked_node_carries_for_others_and_its_friend_is_told_the_truth() -> None:
    """Mail waits with a locked node, is carried by it, and is not delivered until it is
    unlocked.
    """
    table = chain()
    table.ask("cy", SendMessage("ada", "first"))
    table.pass_time(900)
    seat = table.seats["ada"]
    seat.inbox.append(VaultClosing())
    table.run()
    table.ask("cy", SendMessage("ada", "waits"))
    table.pass_time(900)
    assert states(table) == {"first": "delivered", "waits": "carried"}
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    assert texts(table, "ada") == ["first", "waits"]
    table.pass_time(900)
    assert states(table) == {"first": "delivered", "waits": "delivered"}


def states(table: Joined) -> dict[str, str]:
    """Return what cy is told of each message to ada."""
    rows = (
        table.seats["cy"]
        .vault.execute("SELECT text, state FROM entries JOIN texts ON entry = number")
        .fetchall()
    )
    return {str(text): str(state) for text, state in rows}


def test_a_new_store_hides_nothing_that_came_before_the_vault_was_opened() -> None:
    table = Joined("ada", "ben")
    introduce(table, "ada", "ben")
    befriend(table, "ada", "ben")
    table.join("ada", "ben")
    ben = table.seats["ben"]
    # So many envelopes came in some months.
    with transaction(ben.store):
        ben.store.execute("UPDATE totals SET last_arrival = 100000")
    table.restart("ben")
    table.join("ada", "ben")
    table.ask("ada", SendMessage("ben", "one"))
    table.cut("ada", "ben")
    table.ask("ada", SendMessage("ben", "two"))
    table.stop("ben")
    ben.store = new_store()
    table.restart("ben")
    ben.inbox.clear()
    table.join("ada", "ben")
    table.pass_time(600)
    ben.inbox.append(VaultOpened(ben.vault))
    table.run()
    table.pass_time(600)
    assert texts(table, "ben") == ["one", "two"]
