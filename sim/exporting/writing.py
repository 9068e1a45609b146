"""Writers of tables: each takes a row at a time and holds no more than a batch of them.

A table is written beside its place and put there when it is whole, so that what stands in a folder
is never half of an export.
"""

import contextlib
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mesh.errors import UserError
from sim.exporting.columns import TABLES, Cell, Cells, Column, Kind

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 10_000
"""So many rows are held before they are written to a Parquet file; each batch is a group of it."""


class Table(Protocol):
    """A table that is being written."""

    def add(self, cells: Cells) -> None:
        """Add a row."""
        ...

    def close(self) -> None:
        """Write what is held."""
        ...


class CsvTable:
    """A CSV file as RFC 4180 has it: a head, commas, empty cells for what there is not."""

    ending = "csv"

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([column.name for column in columns])

    def add(self, cells: Cells) -> None:
        """Add a row."""
        self._writer.writerow([_csv_cell(cell) for cell in cells])

    def close(self) -> None:
        """Write what is held."""
        self._file.close()


class ParquetTable:
    """A Parquet file, written by pyarrow in groups of rows."""

    ending = "parquet"

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema([(one.name, _type_of(one.kind)) for one in columns])
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Cells] = []

    def add(self, cells: Cells) -> None:
        """Add a row."""
        self._rows.append(cells)
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is held."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = [list(cells) for cells in zip(*self._rows, strict=True)]
            types = self._schema.types
            arrays = [pa.array(cells, kind) for cells, kind in zip(columns, types, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._rows.clear()


Maker = Callable[[Path, Sequence[Column]], Table]


def require_pyarrow() -> None:
    """UserError that says what to install, where it is not."""
    try:
        import pyarrow.parquet  # noqa: F401 - it is asked for, and used elsewhere
    except ImportError:
        raise UserError(
            "no-pyarrow", "--parquet needs pyarrow: pip install 'mesh-messenger[study]'."
        ) from None


@contextlib.contextmanager
def opened_tables(folder: Path, maker: Maker, ending: str) -> Iterator[Mapping[str, Table]]:
    """Return the tables of an export by name; at the end all stand in the folder, or none new."""
    made: dict[str, Table] = {}
    places = {name: folder / f"{name}.{ending}" for name in TABLES}
    drafts = {name: place.with_name(f"{place.name}.part") for name, place in places.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            for name, columns in TABLES.items():
                made[name] = maker(drafts[name], columns)
                stack.callback(made[name].close)
            yield made
        for name, place in places.items():
            drafts[name].replace(place)
    except OSError as error:
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            for draft in drafts.values():
                draft.unlink(missing_ok=True)


def _csv_cell(cell: Cell) -> Cell:
    return str(cell).lower() if isinstance(cell, bool) else cell


def _type_of(kind: Kind) -> "pa.DataType":
    import pyarrow as pa

    types: dict[Kind, pa.DataType] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
    }
    return types[kind]
