"""A node of a bench that lacks a part does without just that."""

import os
from pathlib import Path

import pytest

from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import StorageError
from mesh.storage.connection import connect
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario
from tests.bench import lacking_node
from tests.bench.daemons import take_parts_away
from tests.bench.without import VARIABLE, without
from tests.integration.nodes import Node


def synchronous(path: Path) -> object:
    """Return for what a database on the disk waits: 0: nothing, 2: its log, at each commit."""
    row = connect(path, bytes(32)).execute("PRAGMA synchronous").fetchone()
    assert row is not None
    return row[0]


def test_a_part_is_missing_where_it_is_named(tmp_path: Path) -> None:
    with without({VARIABLE: "fsyncs"}):
        assert synchronous(tmp_path / "quick") == 0
    assert synchronous(tmp_path / "sure") == 2
    with without({VARIABLE: "fsyncs,ciphers"}):
        assert synchronous(tmp_path / "plain") == 0
    assert (tmp_path / "plain").read_bytes()[:15] == b"SQLite format 3"
    with pytest.raises(StorageError):
        connect(tmp_path / "plain", bytes(32))
    key = SigningKey.from_seed(os.urandom(32))
    with without({VARIABLE: "signatures"}):
        unsigned = key.sign(b"word")
        assert is_signature_valid(key.verify_key, b"word", unsigned)
    assert not is_signature_valid(key.verify_key, b"word", unsigned)


def stems_count() -> int:
    """Count what goes as a stem while four people write for half a minute."""
    world = World(load_scenario("desk"), Options(seed=1, is_crypto_real=False))
    world.run_until(30_000_000)
    engines = [host.engine for host in world.hosts.values() if host.engine is not None]
    counters = [engine._counters for engine in engines]
    return sum(each.by_name.get("stems_passed_on", 0) for each in counters)


def test_without_stems_all_spreads_at_once() -> None:
    assert stems_count() > 0
    with without({VARIABLE: "stems"}):
        assert stems_count() == 0


def test_what_is_no_part_is_refused() -> None:
    with pytest.raises(KeyError):
        without({VARIABLE: "sqlite"})


def test_daemons_of_a_bench_are_told_what_to_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("no namespace", tmp_path, config="", name="Ada")
    usual = node.daemon_module
    monkeypatch.delenv(VARIABLE, raising=False)
    take_parts_away(node)
    assert (node.daemon_module, node.more_environment) == (usual, {})
    monkeypatch.setenv(VARIABLE, "engine")
    take_parts_away(node)
    assert node.daemon_module == lacking_node.__name__
    assert node.more_environment == {VARIABLE: "engine"}
