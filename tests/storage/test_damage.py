"""Damaged databases: what is read is right, or the node says in a sentence what to do.

The files are those of a node that has lived; a disk does to them what `sim.hosts.damaging`
draws. Each damage is met at both doors: by a node that starts over the files and answers, and by
whoever reads every row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mesh.commands.command import Command
from mesh.commands.contacts import AskContacts
from mesh.commands.identity import AskIdentity
from mesh.commands.messages import AskMessages
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.database import Connection
from mesh.effects import Reply
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.errors import StorageError
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import Asked, VaultOpened
from mesh.storage.connection import checkpoint, connect, transaction
from mesh.storage.migrations import migrate_store, migrate_vault
from sim.hosts.damaging import DAMAGES, lost_write
from sim.hosts.host import Snapshot
from sim.hosts.host_factory import SIMULATED_MESH
from sim.kernel.calendar import EPOCH_US
from sim.kernel.entropy import Chance, SeededEntropy
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_hardships import USERS

# One process runs them all, since a node lives once for them.
pytestmark = pytest.mark.xdist_group("damage")

KEY = bytes(range(32))
NOW = Instant(Monotonic(0), EPOCH_US + 43_300_000_000)
SEEDS = range(24)
"""Of each damage, for each of both files."""

SENTENCES = ("is damaged", "does not open with its key", "disk failed", "gave up a transaction")

Migrate = Callable[[Connection], None]


@dataclass(frozen=True)
class Files:
    """Both databases, at an earlier moment and at a later one."""

    former: dict[str, bytes]
    latter: dict[str, bytes]
    rows: dict[str, list[tuple[object, list[tuple[object, ...]]]]]
    answers: list[object]


@lru_cache
def lived() -> Files:
    """The files of a node that made friends, wrote, read and carried mail."""
    world = World(parse_scenario(USERS), Options(seed=1, is_crypto_real=False))
    world.run_until(40_000_000)
    before = world.hosts[0].snapshot()
    world.run_until(95_000_000)
    with TemporaryDirectory() as folder:
        former = written(Path(folder), before)
        latter = written(Path(folder), world.hosts[0].snapshot())
        paths = put(Path(folder), latter)
        rows = {name: read_all(path) for name, path in paths.items()}
        return Files(former, latter, rows, answers_over(paths))


def written(folder: Path, disks: Snapshot) -> dict[str, bytes]:
    """The files of a stopped node, after these rows were written in the place of former ones."""
    contents: dict[str, bytes] = {}
    for name, source, migrate in (
        ("store", disks.store, migrate_store),
        ("vault", disks.vault, migrate_vault),
    ):
        path = folder / f"{name}.db"
        connection = connect(path, KEY)
        migrate(connection)
        if name == "vault":
            # Nobody notices damage in the pages that the steps of a new file have left free.
            connection.execute("VACUUM")
        connection.execute("PRAGMA foreign_keys = OFF")
        with transaction(connection):
            for table in tables_of(source):
                rows = source.execute(f'SELECT * FROM "{table}"').fetchall()
                connection.execute(f'DELETE FROM "{table}"')
                for row in rows:
                    marks = ", ".join("?" for _ in row)
                    connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
        assert checkpoint(connection)
        connection.close()
        contents[name] = path.read_bytes()
    return contents


def tables_of(connection: Connection) -> list[object]:
    query = (
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
        "AND name <> 'sqlite_schema' ORDER BY name"
    )
    return [name for (name,) in connection.execute(query).fetchall()]


def put(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.db" for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    return paths


def read_all(path: Path) -> list[tuple[object, list[tuple[object, ...]]]]:
    """Every row of every table."""
    connection = connect(path, KEY)
    try:
        return [
            (table, connection.execute(f'SELECT * FROM "{table}"').fetchall())
            for table in tables_of(connection)
        ]
    finally:
        connection.close()


def read_indexes(path: Path) -> None:
    connection = connect(path, KEY)
    try:
        connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()


def answers_over(paths: dict[str, Path]) -> list[object]:
    """Return what a node answers that starts over these files, but for how long it takes."""
    store = connect(paths["store"], KEY)
    vault: Connection | None = None
    try:
        migrate_store(store)
        engine = Engine(
            settings=EngineSettings(parameters=SIMULATED_MESH),
            store=store,
            entropy=SeededEntropy(1, "damage"),
            kem=PycaKem(),
            verify=is_signature_valid,
            now=NOW,
        )
        vault = connect(paths["vault"], KEY)
        migrate_vault(vault)
        commands: list[Command] = [AskIdentity(), AskContacts(), AskMessages(), AskStatus()]
        asked = [Asked(RequestId(number), command) for number, command in enumerate(commands)]
        effects = engine.handle([VaultOpened(vault), *asked], NOW)
        answers = [effect.answer for effect in effects if isinstance(effect, Reply)]
        assert len(answers) == len(commands)
        return [{} if isinstance(one, StatusAnswer) else one for one in answers]
    finally:
        store.close()
        if vault is not None:
            vault.close()


def test_the_files_hold_a_life() -> None:
    files = lived()
    assert all(len(content) > 20 * 4096 for content in files.latter.values())
    messages = next(rows for table, rows in files.rows["vault"] if table == "entries")
    assert len(messages) > 10


@pytest.mark.parametrize("name", ["store", "vault"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_wrong_is_read_and_what_to_do_is_said(
    damage: str, name: str, tmp_path: Path
) -> None:
    files = lived()
    told = 0
    for seed in SEEDS:
        content = DAMAGES[damage](files.former[name], files.latter[name], Chance(seed, damage))
        assert content != files.latter[name]
        paths = put(tmp_path, {**files.latter, name: content})
        try:
            assert read_all(paths[name]) == files.rows[name], seed
            # No row was looked up in an index.
            read_indexes(paths[name])
        except StorageError as error:
            told += 1
            require_sentence(str(error), paths[name])
        # A node may not need what is damaged, but what it answers is right.
        paths = put(tmp_path, {**files.latter, name: content})
        try:
            assert answers_over(paths) == files.answers, seed
        except StorageError as error:
            require_sentence(str(error), paths[name])
    # Free pages and the unused parts of a file may be damaged without anybody's noticing.
    assert told >= len(SEEDS) // 2


def require_sentence(sentence: str, path: Path) -> None:
    assert any(words in sentence for words in SENTENCES), sentence
    # A row that cannot be one is of the vault, whichever file that is.
    assert str(path) in sentence or sentence.startswith("The vault holds a row that is no ")
    assert sentence.endswith((".", "one.")), sentence


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_log_takes_back_whole_commits_from_its_end_and_nothing_else(
    seed: int, tmp_path: Path
) -> None:
    """A node that was killed leaves a log; what cannot be read of it never happened."""
    path = tmp_path / "notes.db"
    connection = connect(path, KEY)
    with transaction(connection):
        connection.execute("CREATE TABLE notes (number INTEGER PRIMARY KEY, note BLOB)")
    assert checkpoint(connection)
    for number in range(20):
        with transaction(connection):
            for place in range(3):
                note = bytes([number]) * 900
                connection.execute("INSERT INTO notes VALUES (?, ?)", (number * 3 + place, note))
    main, log = path.read_bytes(), path.with_name("notes.db-wal").read_bytes()
    connection.close()
    chance = Chance(seed, "log")
    damaged = bytearray(log)
    damaged[chance.below(len(log))] ^= 1 << chance.below(8)
    killed = tmp_path / "killed.db"
    killed.write_bytes(main)
    content = bytes(damaged) if seed % 2 else log[: chance.below(len(log))]
    killed.with_name("killed.db-wal").write_bytes(content)
    again = connect(killed, KEY)
    rows = again.execute("SELECT number, note FROM notes ORDER BY number").fetchall()
    assert len(rows) % 3 == 0
    assert rows == [(number, bytes([number // 3]) * 900) for number in range(len(rows))]
    again.close()


@pytest.mark.parametrize("name", ["store", "vault"])
def test_a_page_that_was_never_written_may_pass_and_never_for_another_error(
    name: str, tmp_path: Path
) -> None:
    """It was right once, and the cipher cannot tell: a backup that is put back looks the same."""
    files = lived()
    for seed in range(60):
        content = lost_write(files.former[name], files.latter[name], Chance(seed, "lost"))
        paths = put(tmp_path, {**files.latter, name: content})
        try:
            read_all(paths[name])
            answers_over(paths)
        except StorageError as error:
            require_sentence(str(error), paths[name])
