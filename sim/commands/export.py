"""`meshsim export`: the runs of a study as tables, for other programs."""

from collections import Counter
from pathlib import Path
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.json_output import say_json
from sim.commands.options import refuse_unheard
from sim.exporting.columns import TABLES
from sim.exporting.sources import sources_of
from sim.exporting.tables import cells_of, cells_of_run
from sim.exporting.writing import CsvTable, Maker, ParquetTable, opened_tables, require_pyarrow
from sim.recording.rows import read_rows
from sim.sweeps.records import run_name

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 24 --out run
  python -m sim export run --csv tables
  python -m sim sweep conversation --seeds 0..49 --rows --out all.jsonl
  python -m sim export all.jsonl --parquet tables
  python -m sim export shard-1.jsonl shard-2.jsonl --csv tables
"""

_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@click.command("export", epilog=EXAMPLES)
@click.argument(
    "sources", metavar="RUN…", nargs=-1, required=True, type=click.Path(True, path_type=Path)
)
@click.option("--csv", type=_FOLDER, help="Write CSV files into this folder.")
@click.option("--parquet", type=_FOLDER, help="Write Parquet files; needs the extra `study`.")
@click.option("--json", "is_json", is_flag=True, help="Print how many rows each table has as JSON.")
def export_command(
    *, sources: tuple[Path, ...], csv: Path | None, parquet: Path | None, is_json: bool
) -> None:
    """Write the runs of folders (`run --out`) and of logs (`sweep --rows`) as tables.

    There is one row a run, message, contact and transfer; docs/export.md says what each column is.
    """
    if csv is not None:
        refuse_unheard(["parquet"], "with --csv: it is one or the other.")
    try:
        if csv is not None:
            counts = export(sources, csv, CsvTable, CsvTable.ending)
        elif parquet is not None:
            require_pyarrow()
            counts = export(sources, parquet, ParquetTable, ParquetTable.ending)
        else:
            raise click.UsageError("Say --csv FOLDER or --parquet FOLDER.")
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_json:
        say_json(counts)
        return
    tables = ", ".join(f"{counts[name]:,} {name}" for name in TABLES)
    click.echo(f"{tables} in {csv or parquet}")
    if counts["without_rows"]:
        click.echo(
            f"Of {counts['without_rows']:,} runs nobody kept the rows: sweep with --rows.", err=True
        )


def export(sources: tuple[Path, ...], folder: Path, maker: Maker, ending: str) -> dict[str, int]:
    """Write all tables; return how many rows each has, and how many runs had none."""
    counts: Counter[str] = Counter()
    found = sources_of(sources)
    with opened_tables(folder, maker, ending) as tables:
        for source in found:
            tables["runs"].add(cells_of_run(source.record))
            counts["runs"] += 1
            if source.rows is None:
                counts["without_rows"] += 1
                continue
            run = run_name(source.record)
            for row in read_rows(source.rows):
                name, cells = cells_of(run, row)
                tables[name].add(cells)
                counts[name] += 1
    return {name: counts[name] for name in (*TABLES, "without_rows")}
