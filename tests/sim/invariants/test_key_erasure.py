"""A used key that is still in a vault breaks S9, and so does one from which it can be derived."""

from dataclasses import dataclass
from typing import cast

import pytest

from mesh.crypto import aead
from mesh.engine.engine import Engine
from mesh.ratchet import double_ratchet
from mesh.storage.connection import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.invariants import S9, BrokenInvariant
from sim.invariants.key_erasure import KEY_BYTES, VALUE_BYTES_MAX, KeyErasure
from sim.kernel.entropy import SeededEntropy
from sim.observers.ciphers import observing_cipher
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_only import SMALL

NONCE = bytes(12)
FIRST = bytes(range(32))


@dataclass
class Life:
    """The engine that works, and whose; an engine is only ever compared with itself here."""

    node: int | None = 0
    engine: object = "first life"


def watched(life: Life) -> KeyErasure:
    return KeyErasure(working=lambda: life.node, engine_of=lambda _: cast("Engine", life.engine))


def vault_with(*values: bytes) -> MemoryDatabase:
    vault = MemoryDatabase()
    with transaction(vault):
        vault.execute("CREATE TABLE sessions (fast BLOB)")
        vault.executemany("INSERT INTO sessions VALUES (?)", [(value,) for value in values])
    return vault


def keys_of_a_chain(key_erasure: KeyErasure) -> tuple[list[bytes], list[bytes]]:
    """Three messages of a chain; the second one is sealed."""
    chain, messages = [FIRST], []
    with key_erasure.observing(), observing_cipher(lambda key, *_: key_erasure.used(key)):
        for _ in range(3):
            key, message_key = double_ratchet._chain_step(chain[-1])
            chain.append(key)
            messages.append(message_key)
        aead.seal(messages[1], NONCE, b"", b"text")
    return chain, messages


def is_broken(key_erasure: KeyErasure, *values: bytes) -> bool:
    try:
        key_erasure.require_gone(0, vault_with(*values))
    except BrokenInvariant as broken:
        return broken.invariant is S9
    return False


def test_a_key_that_was_used_and_those_before_it_must_be_gone() -> None:
    key_erasure = watched(Life())
    chain, messages = keys_of_a_chain(key_erasure)
    assert is_broken(key_erasure, b"\x99" + messages[1] + b"\x01")
    assert is_broken(key_erasure, chain[0])
    assert is_broken(key_erasure, bytes(7), chain[1])


@pytest.mark.parametrize("before", [0, 1, 12, 13, 5_000, VALUE_BYTES_MAX - KEY_BYTES])
def test_a_used_key_is_found_wherever_it_stands_in_a_value(before: int) -> None:
    key_erasure = watched(Life())
    _, messages = keys_of_a_chain(key_erasure)
    assert is_broken(key_erasure, bytes(before) + messages[1])
    assert is_broken(key_erasure, bytes(before) + messages[1] + bytes(9_000))
    assert not is_broken(key_erasure, bytes(before) + messages[1][1:] + bytes(9_000))


def test_keys_of_messages_that_have_not_come_may_stay() -> None:
    key_erasure = watched(Life())
    chain, messages = keys_of_a_chain(key_erasure)
    assert not is_broken(
        key_erasure, messages[0], messages[2], chain[2], chain[3], messages[1][:31]
    )


def test_what_a_batch_used_whose_commit_never_came_may_stay_until_it_is_used_again() -> None:
    life = Life()
    key_erasure = watched(life)
    _, messages = keys_of_a_chain(key_erasure)
    life.engine = "second life"
    assert not is_broken(key_erasure, messages[1])
    keys_of_a_chain(key_erasure)
    assert is_broken(key_erasure, messages[1])


def test_a_disk_that_was_put_back_may_hold_them_again() -> None:
    key_erasure = watched(Life())
    _, messages = keys_of_a_chain(key_erasure)
    key_erasure.settle(0)
    key_erasure.put_back(0)
    assert not is_broken(key_erasure, messages[1])


def test_a_search_leaves_nothing_behind() -> None:
    key_erasure = watched(Life())
    keys_of_a_chain(key_erasure)
    vault = vault_with(b"harmless")
    key_erasure.require_gone(0, vault)
    assert vault.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)
    assert key_erasure.keys_count == 3


def test_nobody_may_write_a_used_key_into_a_vault_of_a_world() -> None:
    scenario = parse_scenario(SMALL)
    world = World(scenario, Options(seed=3, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    assert world.observers.key_erasure.keys_count > 20
    assert world.observers.authenticity.signatures_count > 10
    node, used = next(
        (node, used)
        for node, used in world.observers.key_erasure._used.items()
        if len(used.gone) > 4
    )
    vault = world.hosts[node].vault
    with transaction(vault):
        vault.execute("CREATE TABLE souvenirs (key BLOB)")
        vault.execute("INSERT INTO souvenirs VALUES (?)", (SeededEntropy(1).draw(32),))
    world.observers.before_loss(node)
    assert node not in world.observers.key_erasure._used
    world.observers.key_erasure._used[node] = used
    with transaction(vault):
        vault.execute("INSERT INTO souvenirs VALUES (?)", (next(iter(used.gone)),))
    with pytest.raises(BrokenInvariant, match="S9: a used key stands in the table souvenirs"):
        world.observers.before_loss(node)


def test_watching_changes_nothing_in_a_ratchet_and_ends() -> None:
    step = double_ratchet._chain_step
    key_erasure = watched(Life())
    with key_erasure.observing():
        assert double_ratchet._chain_step(FIRST) == step(FIRST)
    assert double_ratchet._chain_step is step
