"""A used key that is still in a vault breaks S9, and so does one from which it can be derived."""

from dataclasses import dataclass
from typing import cast

import pytest

from mesh.crypto import aead
from mesh.engine.door import Engine
from mesh.ratchet import double_ratchet
from mesh.storage.sqlcipher import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.invariants import S9, BrokenPromise
from sim.invariants.key_erasure import Erased
from sim.kernel.entropy import SeededEntropy
from sim.observers.ciphers import watching_cipher
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_only import SMALL

NONCE = bytes(12)
FIRST = bytes(range(32))


@dataclass
class Life:
    """Whose engine works, and which; an engine is only ever compared with itself here."""

    node: int | None = 0
    engine: object = "first life"


def watched(life: Life) -> Erased:
    return Erased(working=lambda: life.node, engine_of=lambda _: cast("Engine", life.engine))


def vault_with(*values: bytes) -> MemoryDatabase:
    vault = MemoryDatabase()
    with transaction(vault):
        vault.execute("CREATE TABLE sessions (fast BLOB)")
        vault.executemany("INSERT INTO sessions VALUES (?)", [(value,) for value in values])
    return vault


def keys_of_a_chain(erased: Erased) -> tuple[list[bytes], list[bytes]]:
    """Three messages of a chain; the second one is sealed."""
    chain, messages = [FIRST], []
    with erased.watching(), watching_cipher(lambda key, *_: erased.used(key)):
        for _ in range(3):
            key, message_key = double_ratchet._chain_step(chain[-1])
            chain.append(key)
            messages.append(message_key)
        aead.seal(messages[1], NONCE, b"", b"text")
    return chain, messages


def is_broken(erased: Erased, *values: bytes) -> bool:
    try:
        erased.require_gone(0, vault_with(*values))
    except BrokenPromise as broken:
        return broken.promise is S9
    return False


def test_a_key_that_was_used_and_those_before_it_must_be_gone() -> None:
    erased = watched(Life())
    chain, messages = keys_of_a_chain(erased)
    assert is_broken(erased, b"\x99" + messages[1] + b"\x01")
    assert is_broken(erased, chain[0])
    assert is_broken(erased, bytes(7), chain[1])


def test_keys_of_messages_that_have_not_come_may_stay() -> None:
    erased = watched(Life())
    chain, messages = keys_of_a_chain(erased)
    assert not is_broken(erased, messages[0], messages[2], chain[2], chain[3], messages[1][:31])


def test_what_a_batch_used_whose_commit_never_came_may_stay_until_it_is_used_again() -> None:
    life = Life()
    erased = watched(life)
    _, messages = keys_of_a_chain(erased)
    life.engine = "second life"
    assert not is_broken(erased, messages[1])
    keys_of_a_chain(erased)
    assert is_broken(erased, messages[1])


def test_a_disk_that_was_put_back_may_hold_them_again() -> None:
    erased = watched(Life())
    _, messages = keys_of_a_chain(erased)
    erased.settle(0)
    erased.put_back(0)
    assert not is_broken(erased, messages[1])


def test_a_search_leaves_nothing_behind() -> None:
    erased = watched(Life())
    keys_of_a_chain(erased)
    vault = vault_with(b"harmless")
    erased.require_gone(0, vault)
    assert vault.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)
    assert erased.keys_count == 3


def test_nobody_may_write_a_used_key_into_a_vault_of_a_world() -> None:
    scenario = parse_scenario(SMALL)
    world = World(scenario, Options(seed=3, is_crypto_real=False))
    world.run(lambda world: None)
    assert world.watch.erased.keys_count > 20
    assert world.watch.proofs.signatures_count > 10
    node, used = next(
        (node, used) for node, used in world.watch.erased._used.items() if len(used.gone) > 4
    )
    vault = world.laptops[node].vault
    with transaction(vault):
        vault.execute("CREATE TABLE souvenirs (key BLOB)")
        vault.execute("INSERT INTO souvenirs VALUES (?)", (SeededEntropy(1).draw(32),))
    world.watch.before_loss(node)
    assert node not in world.watch.erased._used
    world.watch.erased._used[node] = used
    with transaction(vault):
        vault.execute("INSERT INTO souvenirs VALUES (?)", (next(iter(used.gone)),))
    with pytest.raises(BrokenPromise, match="S9: a used key stands in the table souvenirs"):
        world.watch.before_loss(node)


def test_watching_changes_nothing_in_a_ratchet_and_ends() -> None:
    step = double_ratchet._chain_step
    erased = watched(Life())
    with erased.watching():
        assert double_ratchet._chain_step(FIRST) == step(FIRST)
    assert double_ratchet._chain_step is step
