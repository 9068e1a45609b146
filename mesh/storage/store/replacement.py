"""A new store in the place of a damaged one: what it takes over, and where its numbers begin.

Implements `docs/protocol/storage.md`, section "Damage". What a store carries neighbours have too,
and fill it with again. What a person typed (addresses) is copied, as far as it can be read.
"""

from contextlib import suppress
from typing import Final

from mesh.database import Connection
from mesh.errors import MeshError
from mesh.ids import UnixSeconds
from mesh.storage.connection import transaction
from mesh.storage.salvage import DamagedDatabase, Row

_ARRIVALS_PER_SECOND: Final = 1 << 20
"""More than any node takes in: so a number made of the time is beyond all that were given."""


def begin_after(store: Connection, former: DamagedDatabase | None, now: UnixSeconds) -> None:
    """Let a new store go on where a `former` one ended, of which some may still be read.

    The vault remembers how far it read, so arrival numbers go on above all that were given; where
    the last one cannot be read, they begin at one made of the time. Raises StorageError if the new
    store cannot be written.
    """
    kept: list[Row] = []
    last_arrival = now * _ARRIVALS_PER_SECOND
    if former is not None:
        kept, last_arrival = _readable(former, last_arrival)
    with transaction(store):
        store.execute("UPDATE totals SET last_arrival = ?", (last_arrival,))
        store.executemany("INSERT OR IGNORE INTO configured_peers VALUES (?, ?)", kept)


def told_of(aside: str) -> str:
    """Return what a person is told whose damaged store was moved `aside`."""
    return (
        f"The store was damaged. It was moved to {aside}, and a new one is filled by the "
        "neighbours; nothing of yours is lost: what was not delivered is given to them again."
    )


def _readable(former: DamagedDatabase, least: int) -> tuple[list[Row], int]:
    """Return the addresses that a person typed, and an arrival number beyond all given ones."""
    kept: list[Row] = []
    last_arrival = least
    with suppress(MeshError):
        for row in former.rows("totals", ["last_arrival"]):
            assert isinstance(row[0], int)
            last_arrival = max(last_arrival, row[0])
        kept += former.rows("configured_peers", ["number", "address"])
    return kept, last_arrival
