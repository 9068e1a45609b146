"""Nothing that rots on a disk is silently wrong (S32): a damaged database is told as such.

A damaged store is replaced, and its person is told so; a damaged vault stops its node with what to
do. What is saved of a vault is what was there, and the report of it counts every row that is gone.
Where a row of groups is lost, which may have removed somebody, no key is left to write to him with.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from mesh.database import Connection
from mesh.storage.vault_saving import Saved
from sim.invariants.invariants import S32, BrokenInvariant

Rows = Mapping[str, Sequence[tuple[object, ...]]]

AS_THEY_WERE: Final = ("identity", "texts", "contents", "group_operations", "file_blocks")
"""Tables whose rows are what somebody wrote, or who somebody is: none of them is made anew."""

NEVER_MADE: Final = (*AS_THEY_WERE, "groups", "entries")
"""Tables no row of which is made anew, though it may be changed."""

KEYS_OF_GROUPS: Final = ("group_epochs", "group_chains", "group_wrap_secrets")
"""Tables of what a member writes, reads, and gives others the means to read with."""

_TABLES: Final = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    "AND name NOT LIKE 'sqlite_%' ORDER BY name"
)


def rows_of(database: Connection) -> Rows:
    """Return every row of every table that is no part of the index of words."""
    return {
        str(name): database.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 (ours)
        for (name,) in database.execute(_TABLES).fetchall()
    }


def require_said(
    node: int, damaged: Collection[str], notices: Sequence[str], *, has_stopped: bool
) -> None:
    """Require that a node which started over damaged databases has said so, or has stopped."""
    if "store" in damaged and not any("store was damaged" in one for one in notices):
        raise BrokenInvariant(S32, "a damaged store is used, and nobody is told", node)
    if "vault" in damaged and not has_stopped:
        raise BrokenInvariant(S32, "a damaged vault is used, and nobody is told", node)


def require_told_what_to_do(node: int, sentence: str) -> None:
    """Require that what a node says as it stops over a damaged vault names what saves the rest."""
    _require_named(node, sentence, ("mesh vault check", "mesh vault salvage", "mesh restore FILE"))


def require_way_out(node: int, sentence: str) -> None:
    """Require that whoever cannot save enough to be somebody is told what is left to do."""
    _require_named(node, sentence, ("mesh restore FILE", "mesh wipe"))


def _require_named(node: int, sentence: str, commands: Sequence[str]) -> None:
    for command in commands:
        if command not in sentence:
            detail = f"who has a damaged vault is not told of `{command}`: {sentence}"
            raise BrokenInvariant(S32, detail, node)


def require_counted(node: int, before: Rows, after: Rows, saved: Saved) -> int:
    """Hold what was saved of a vault against what was in it; return how many rows were lost."""
    dropped = dict(saved.dropped)
    lost_count = 0
    for table in saved.tables:
        former = before[table.name]
        if table.lost is not None and table.copied + table.lost != len(former):
            detail = (
                f"of {len(former)} rows of {table.name} {table.copied} are told as saved and "
                f"{table.lost} as lost"
            )
            raise BrokenInvariant(S32, detail, node)
        lost_count += len(former) - table.copied
        kept = len(after[table.name])
        if table.name in AS_THEY_WERE and not set(after[table.name]) <= set(former):
            detail = f"a row of {table.name} is saved that was never there"
            raise BrokenInvariant(S32, detail, node)
        if table.name in NEVER_MADE and kept != table.copied - dropped.get(table.name, 0):
            detail = f"{kept} rows of {table.name} are there, and {table.copied} told as saved"
            raise BrokenInvariant(S32, detail, node)
    return lost_count


def require_out(node: int, before: Rows, after: Rows, saved: Saved) -> None:
    """Require that who lost a row of groups, which may have removed somebody, has no keys there."""
    of_groups = [one for one in saved.tables if one.name.startswith("group")]
    lost = [one.name for one in of_groups if one.copied < len(before[one.name])]
    kept = [name for name in KEYS_OF_GROUPS if after[name]]
    if lost and kept:
        detail = f"rows of {', '.join(lost)} are lost, and keys are left in {', '.join(kept)}"
        raise BrokenInvariant(S32, detail, node)
