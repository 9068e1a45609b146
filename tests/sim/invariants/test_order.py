"""One order of a conversation on both sides, and parents above children."""

import pytest

from mesh.storage.connection import transaction
from sim.hosts.databases import MemoryDatabase
from sim.invariants.invariants import S5, BrokenInvariant
from sim.invariants.order import require_parents_above, require_same_order

A, B, C = ("aa" * 32, "bb" * 32, "cc" * 32)


def vault(*messages: tuple[str, tuple[str, ...]]) -> MemoryDatabase:
    made = MemoryDatabase()
    with transaction(made):
        made.execute("CREATE TABLE entries (id BLOB, parents BLOB)")
        for id_, parents in messages:
            row = (bytes.fromhex(id_), bytes.fromhex("".join(parents)))
            made.execute("INSERT INTO entries VALUES (?, ?)", row)
    return made


def test_another_order_of_the_same_messages_breaks_s5() -> None:
    assert require_same_order({(1, 2): [A, B], (2, 1): [A, B]}) == 1
    with pytest.raises(BrokenInvariant) as caught:
        require_same_order({(1, 2): [A, B], (2, 1): [B, A]})
    assert caught.value.invariant is S5


def test_sides_that_do_not_have_the_same_messages_are_not_compared() -> None:
    assert require_same_order({(1, 2): [A, B], (2, 1): [B], (1, 3): [C]}) == 0


def test_a_message_above_its_parent_breaks_s5() -> None:
    written = vault((A, ()), (B, (A,)), (C, (A, B)))
    require_parents_above(1, [A, B, C], written)
    with pytest.raises(BrokenInvariant) as caught:
        require_parents_above(1, [A, C, B], written)
    assert caught.value.invariant is S5


def test_a_parent_that_is_missing_breaks_nothing() -> None:
    require_parents_above(1, [B, C], vault((B, (A,)), (C, (B,))))
