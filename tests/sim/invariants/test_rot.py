"""Rot on disks (S32): each rule is broken by who does not keep it, and by nobody else."""

import pytest

from mesh.errors import DamagedError
from mesh.storage.salvage import TableRead
from mesh.storage.vault_saving import NOTHING_LEFT, Saved, vault_damage
from sim.hosts.databases import new_vault
from sim.invariants.invariants import S32, BrokenInvariant
from sim.invariants.rot import (
    AS_THEY_WERE,
    KEYS_OF_GROUPS,
    Rows,
    require_counted,
    require_out,
    require_said,
    require_told_what_to_do,
    require_way_out,
    rows_of,
)

TOLD = "The store was damaged. It was moved to store.db.damaged."
BEFORE: Rows = {"texts": [(1, "one"), (2, "two"), (3, "three")], "heads": [(1,)]}


def saved(copied: int = 2, lost: int | None = 1, dropped: int = 0) -> Saved:
    tables = TableRead("texts", copied, lost), TableRead("heads", 1, 0)
    return Saved(tables, (("texts", dropped),) if dropped else (), is_out_of_groups=False)


def test_a_damaged_store_is_told_of_and_a_damaged_vault_stops_its_node() -> None:
    require_said(0, (), [], has_stopped=False)
    require_said(0, ("store",), [TOLD], has_stopped=False)
    require_said(0, ("vault",), [], has_stopped=True)
    with pytest.raises(BrokenInvariant, match="store is used"):
        require_said(0, ("store",), ["The clock is wrong."], has_stopped=False)
    with pytest.raises(BrokenInvariant, match="vault is used") as broken:
        require_said(0, ("store", "vault"), [TOLD], has_stopped=False)
    assert broken.value.invariant is S32


def test_what_to_do_is_said_by_its_commands() -> None:
    require_told_what_to_do(0, str(vault_damage(DamagedError("It is damaged.", "vault.db"))))
    require_way_out(0, NOTHING_LEFT)
    with pytest.raises(BrokenInvariant, match="mesh vault check"):
        require_told_what_to_do(0, NOTHING_LEFT)
    with pytest.raises(BrokenInvariant, match="mesh wipe"):
        require_way_out(0, "Restore a backup with `mesh restore FILE`.")


def test_what_is_lost_is_counted_and_what_is_saved_was_there() -> None:
    after: Rows = {"texts": [(1, "one"), (3, "three")], "heads": [(2,)]}
    assert require_counted(0, BEFORE, after, saved()) == 1
    # Nobody knows how many there were: that is said too.
    assert require_counted(0, BEFORE, after, saved(lost=None)) == 1
    assert require_counted(0, BEFORE, {**after, "texts": [(1, "one")]}, saved(dropped=1)) == 1
    with pytest.raises(BrokenInvariant, match="2 are told as saved and 0 as lost"):
        require_counted(0, BEFORE, after, saved(lost=0))
    with pytest.raises(BrokenInvariant, match="was never there"):
        require_counted(0, BEFORE, {**after, "texts": [(1, "one"), (3, "tree")]}, saved())
    with pytest.raises(BrokenInvariant, match="1 rows of texts are there, and 2 told as saved"):
        require_counted(0, BEFORE, {**after, "texts": [(1, "one")]}, saved())


def test_who_lost_a_row_of_groups_has_no_keys_there() -> None:
    before: Rows = {"group_operations": [(1,), (2,)], "texts": [(1,)]}
    closed: Rows = dict.fromkeys(KEYS_OF_GROUPS, ())
    open_: Rows = {**closed, "group_epochs": [(1,)]}

    def read(operations: int, texts: int) -> Saved:
        tables = TableRead("group_operations", operations, None), TableRead("texts", texts, None)
        return Saved(tables, (), is_out_of_groups=False)

    require_out(0, before, open_, read(2, 0))
    require_out(0, before, closed, read(1, 1))
    with pytest.raises(BrokenInvariant, match="keys are left in group_epochs"):
        require_out(0, before, open_, read(1, 1))


def test_the_tables_that_are_held_to_what_they_were_are_tables_of_the_vault() -> None:
    assert {*AS_THEY_WERE, *KEYS_OF_GROUPS} < set(rows_of(new_vault()))
