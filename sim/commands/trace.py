"""`meshsim trace`: the records of a run that was kept, as text or for Perfetto."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from mesh.errors import UserError
from sim.recording.artifacts import TRACE_FILE
from sim.recording.trace_file import Row, read_trace_file
from sim.recording.trace_text import perfetto_of, text_of

EXAMPLES: Final = """\b
Examples:
  python -m sim trace run --node 17 --from 61.5 --to 62
  python -m sim trace run --perfetto > run.json     # open it at ui.perfetto.dev, or offline
"""


@click.command("trace", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--node", type=click.IntRange(0), multiple=True, help="Only of these nodes.")
@click.option("--kind", multiple=True, metavar="KIND", help="Only of these kinds.")
@click.option("--from", "from_s", type=float, default=0.0, help="Virtual seconds.")
@click.option("--to", "to_s", type=float, help="Virtual seconds.")
@click.option("--perfetto", is_flag=True, help="JSON in the Trace Event Format.")
def trace_command(
    *,
    folder: Path,
    node: tuple[int, ...],
    kind: tuple[str, ...],
    from_s: float,
    to_s: float | None,
    perfetto: bool,
) -> None:
    """Show what happened in a run that was kept with `run --out`.

    A line names its time, record, node, kind, the other node, the bytes, and the record that caused
    it.
    """
    try:
        head, rows = read_trace_file(folder / TRACE_FILE)
        chosen = _chosen(rows, node, kind, from_s, to_s)
        if perfetto:
            for piece in perfetto_of(head, chosen):
                click.echo(piece, nl=False)
        else:
            is_empty = True
            for line in text_of(chosen):
                is_empty = False
                click.echo(line)
            if is_empty:
                click.echo(_nothing_fits(folder), err=True)
    except UserError as error:
        raise click.UsageError(str(error)) from None


def _chosen(
    rows: Iterable[Row],
    nodes: tuple[int, ...],
    kinds: tuple[str, ...],
    from_s: float,
    to_s: float | None,
) -> Iterable[Row]:
    for row in rows:
        at_s = row.at_us / 1_000_000
        if to_s is not None and at_s > to_s:
            return
        is_chosen = (not nodes or row.node in nodes) and (not kinds or row.kind in kinds)
        if is_chosen and at_s >= from_s:
            yield row


def _nothing_fits(folder: Path) -> str:
    """Return what there would have been."""
    _, rows = read_trace_file(folder / TRACE_FILE)
    kinds: dict[str, None] = {}
    nodes: dict[int, None] = {}
    for row in rows:
        kinds[row.kind] = nodes[row.node] = None
    return (
        f"No record fits. There are nodes {min(nodes, default=0)} to {max(nodes, default=0)}, "
        f"and kinds: {', '.join(sorted(kinds))}."
    )
