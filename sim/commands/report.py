"""`meshsim report`: a run that was kept, as a page, as text or for a CI."""

from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import click

from mesh.errors import UserError
from sim.commands.options import refuse_unheard
from sim.recording.artifacts import PAGE_FILE, read_run
from sim.recording.page import page_of
from sim.run.report import Report, render

EXAMPLES: Final = """\b
Examples:
  python -m sim run partition-heal --nodes 50 --out run
  python -m sim report run                        # writes run/report.html
  python -m sim report run --baseline before      # with the latencies of another run beside
  python -m sim report run --text
"""

_FOLDER: Final = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("report", epilog=EXAMPLES)
@click.argument("folder", type=_FOLDER)
@click.option("--baseline", type=_FOLDER, help="Another run, to draw its latencies too.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The page.")
@click.option("--text", "is_text", is_flag=True, help="Print the summary instead.")
@click.option("--junit", "is_junit", is_flag=True, help="Print JUnit XML instead.")
def report_command(
    *, folder: Path, baseline: Path | None, out: Path | None, is_text: bool, is_junit: bool
) -> None:
    """Make the page of a run that was kept with `run --out`: one file that works from disk."""
    if is_text:
        refuse_unheard(["is_junit"], "with --text: it is one or the other.")
    if is_text or is_junit:
        refuse_unheard(["baseline", "out"], "with --text or --junit: it is of the page.")
    try:
        report, observed = read_run(folder)
        other = None if baseline is None else read_run(baseline)[1]
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_text or is_junit:
        click.echo(render(report) if is_text else junit_of(report))
        return
    path = out or folder / PAGE_FILE
    try:
        path.write_text(page_of(report, observed, other), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"Cannot write {path}: {error.strerror}.") from None
    click.echo(path)


def junit_of(report: Report) -> str:
    """The run as a test suite of one case."""
    failures = "".join(
        f"<failure message={quoteattr(f'{broken.id}: {broken.promise}')}>"
        f"{escape(broken.detail)}\n{escape(report.command)}</failure>"
        for broken in report.broken
    )
    name = quoteattr(f"{report.scenario}, seed {report.seed}")
    return (
        f'<testsuite name="meshsim" tests="1" failures="{len(report.broken)}">'
        f'<testcase name={name} time="{report.wall_seconds}">{failures}</testcase></testsuite>'
    )
