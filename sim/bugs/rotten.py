"""Planted bugs of what is done where a disk has rotted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from mesh.database import Connection
from mesh.effects import Effect
from mesh.engine.lasting import LastingEngine
from mesh.storage import vault_saving
from mesh.storage.salvage import DamagedDatabase, TableRead, copy_readable
from sim.bugs.injection import Bug
from sim.patching import Patch


def _nothing_told(engine: LastingEngine) -> list[Effect]:
    """Another store is put there, and a programmer may think: nothing of ours was in it."""
    return []


def _all_saved(source: DamagedDatabase, target: Connection) -> list[TableRead]:
    """A programmer may think: what cannot be read cannot be counted."""
    return [replace(one, lost=0) for one in copy_readable(source, target)]


def _still_in(tables: Sequence[TableRead]) -> bool:
    """A programmer may think: others have the operations that are lost, and give them again."""
    return False


ROTTEN: Final[Mapping[str, Bug]] = {
    "rot-unsaid": Bug(
        "A damaged store is replaced, and nobody is told.",
        patches=(Patch(LastingEngine, "_take_notices", _nothing_told),),
    ),
    "loss-uncounted": Bug(
        "What is lost of a vault that was saved is not counted.",
        patches=(Patch(vault_saving, "copy_readable", _all_saved),),
    ),
    "saved-and-in": Bug(
        "Who saved a damaged vault goes on in their groups.",
        patches=(Patch(vault_saving, "is_out_of_groups", _still_in),),
    ),
}
