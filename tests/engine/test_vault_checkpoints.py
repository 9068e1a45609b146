"""Erased rows leave the vault's files within a bounded time, and not at every commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.commands.messages import SendMessage
from mesh.database import Connection
from mesh.engine.vault_checkpoints import VaultCheckpoints
from mesh.ids import Instant, Monotonic
from mesh.limits.storage import VAULT_CHECKPOINT_MS
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.vault import Vault
from tests.engine.joined import Joined
from tests.engine.test_engine import befriend, introduce, texts
from tests.storage.plain import all_bytes, connect_plainly

KEY = bytes(range(32))
TERM_US = VAULT_CHECKPOINT_MS * 1_000


def at(us: int) -> Instant:
    return Instant(Monotonic(us), 1_700_000_000_000_000 + us)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Connection]:
    connection = connect(tmp_path / "vault.db", KEY)
    migrate_vault(connection)
    yield connection
    connection.close()


def log_bytes(tmp_path: Path) -> int:
    return (tmp_path / "vault.db-wal").stat().st_size


def commit(vault: Connection, number: int) -> None:
    with transaction(vault):
        Vault(vault).set_mark("test", number)


def test_the_log_is_emptied_once_a_term_after_the_first_commit(
    vault: Connection, tmp_path: Path
) -> None:
    checkpoints = VaultCheckpoints(vault)
    assert checkpoints.deadline() is None
    for number in range(5):
        commit(vault, number)
        checkpoints.committed(at(number))
        checkpoints.tend(at(number))
    assert log_bytes(tmp_path) > 0
    assert checkpoints.deadline() == TERM_US
    checkpoints.tend(at(TERM_US))
    assert log_bytes(tmp_path) == 0
    assert checkpoints.deadline() is None
    assert Vault(vault).mark("test") == 4


def test_a_term_in_which_nothing_was_written_costs_no_checkpoint(
    vault: Connection, tmp_path: Path
) -> None:
    commit(vault, 1)
    checkpoints = VaultCheckpoints(vault)
    with transaction(vault):
        Vault(vault).mark("test")
    checkpoints.committed(at(0))
    checkpoints.tend(at(TERM_US))
    assert log_bytes(tmp_path) > 0
    assert checkpoints.deadline() is None


def test_a_log_that_is_being_read_by_another_is_emptied_a_term_later(
    vault: Connection, tmp_path: Path
) -> None:
    checkpoints = VaultCheckpoints(vault)
    reader = connect(tmp_path / "vault.db", KEY)
    vault.execute("PRAGMA busy_timeout = 0")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM marks").fetchone()
    commit(vault, 1)
    checkpoints.committed(at(0))
    checkpoints.tend(at(TERM_US))
    assert log_bytes(tmp_path) > 0
    assert checkpoints.deadline() == 2 * TERM_US
    reader.close()
    checkpoints.tend(at(2 * TERM_US))
    assert log_bytes(tmp_path) == 0


def test_former_states_of_a_session_leave_the_files_of_a_node_within_the_term(
    tmp_path: Path,
) -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.ask("cy", SendMessage("ada", "one"))
    file = tmp_path / "vault.db"
    keep_plainly(table, "ada", file)
    table.join("ada", "cy")
    seen: dict[bytes, None] = {}
    for number in range(8):
        seen |= dict.fromkeys(secret_states(table.seats["ada"].vault))
        table.ask("cy", SendMessage("ada", f"to ada {number}"))
        table.ask("ada", SendMessage("cy", f"to cy {number}"))
    present = secret_states(table.seats["ada"].vault)
    former = [state for state in seen if state not in present]
    assert len(former) > 8
    assert all(state in all_bytes(file) for state in present)
    assert any(state in all_bytes(file) for state in former)
    table.pass_time(VAULT_CHECKPOINT_MS / 1_000)
    content = all_bytes(file)
    assert not [state for state in former if state in content]
    assert len(texts(table, "ada")) == 17


def keep_plainly(table: Joined, name: str, file: Path) -> None:
    """Let a node go on with a copy of its vault in a file that can be read."""
    seat = table.seats[name]
    seat.vault.execute("VACUUM INTO ?", (str(file),))
    seat.vault = connect_plainly(file)
    table.restart(name)
    table.run()


def secret_states(vault: Connection) -> list[bytes]:
    """The states of sessions and tags that are superseded as messages come and go."""
    found = []
    for sql in ("SELECT ratchet FROM sessions", "SELECT out_key FROM sessions"):
        for (state,) in vault.execute(sql).fetchall():
            assert isinstance(state, bytes)
            found.append(state)
    return found
