"""`meshsim lab published`: what others published, run again, with ours beside it and a verdict."""

import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from mesh.errors import UserError
from sim.commands.exit_codes import INTERRUPTED
from sim.commands.json_output import say_json
from sim.commands.options import refuse_unheard
from sim.commands.progress import clear_line, interruptible, is_watched, show_line
from sim.lab.literature.catalogue import STUDIES
from sim.lab.literature.studies import Experiment, Heeded, Published, Row, Scope, rows_of, span
from sim.sweeps.points import parse_seeds

EXAMPLES: Final = """\b
Examples:
  python -m sim lab published                              # what there is, and how long it takes
  python -m sim lab published guide glomers
  python -m sim lab published simsub --nodes 250,500 --seeds 2
  python -m sim lab published iroh --nodes 20,100 --floor 1 --json
  MESH_REFERENCE_DATA=../reference python -m sim lab published infocom05
  python -m sim lab published all > published.txt
"""

ALL: Final = "all"
BROKEN: Final = 1
LEAST_NODES: Final = 20
ABOUT_STUDIES: Final = ("seeds", "nodes", "floors")
_SAID: Final[dict[Heeded, str]] = {"nodes": "--nodes", "floors": "--floor"}


def _numbers(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, ...]:
    """`7`, `0..49`, or a list of these; none where it is not said."""
    try:
        return () if text is None else tuple(parse_seeds(text))
    except UserError as error:
        raise click.BadParameter(str(error)) from None


def _sizes(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    """As seeds are said; fewer nodes make no graph of six links each."""
    sizes = _numbers(context, parameter, text)
    if any(size < LEAST_NODES for size in sizes):
        raise click.BadParameter(f"A mesh has {LEAST_NODES} nodes at least.")
    return sizes


@click.command("published", epilog=EXAMPLES)
@click.argument("names", metavar="[STUDY]...", type=click.Choice([*STUDIES, ALL]), nargs=-1)
@click.option(
    "--seeds", callback=_numbers, help="7, 0..49, or a list of these (default: 1..3, or 1)."
)
@click.option("--nodes", callback=_sizes, help="Sizes, such as 20,100 (default: the published).")
@click.option(
    "--floor", "floors", type=click.IntRange(1, 8), multiple=True, help="Eager links at least."
)
@click.option("--json", "is_json", is_flag=True, help="Print the rows as JSON.")
def published_command(
    *,
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    nodes: tuple[int, ...],
    floors: tuple[int, ...],
    is_json: bool,
) -> None:
    """Repeat figures that others published, and say whether ours are what they may be.

    Without a study it lists them. Ours are medians of the seeds, and each seed is held to the
    bound; of random waypoints it is the mean. The exit code is 1 if a bound is broken.
    """
    if not names:
        refuse_unheard(ABOUT_STUDIES, "without a study.")
        _list(is_json=is_json)
        return
    asked = Scope(nodes, floors)
    try:
        experiments = _experiments(names, asked)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if not any(one.is_drawn for _, one in experiments):
        refuse_unheard(["seeds"], "where nothing is drawn.")
    rows: list[Row] = []
    is_interrupted = False
    try:
        with interruptible():
            for experiment, found in _run(experiments, seeds):
                if not is_json:
                    _print(experiment, found, is_first=not rows or rows[-1].study != found[0].study)
                rows += found
    except KeyboardInterrupt:
        is_interrupted = True
        click.echo("interrupted", err=True)
    if is_json:
        say_json(rows)
    if is_interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(BROKEN if any(row.verdict == "broken" for row in rows) else 0)


def _list(*, is_json: bool) -> None:
    if is_json:
        say_json({name: study.title for name, study in STUDIES.items()})
        return
    for name, study in STUDIES.items():
        click.echo(f"{name:<12}{study.title:<64}{study.cpu:>8} of CPU")


def _experiments(names: Sequence[str], asked: Scope) -> list[tuple[str, Experiment]]:
    """All that is to be run. Of all studies those are left out for which something is missing."""
    is_all = ALL in names
    found: list[tuple[str, Experiment]] = []
    for name in STUDIES if is_all else dict.fromkeys(names):
        study = STUDIES[name]
        for option, said in _SAID.items():
            if getattr(asked, option) and option not in study.heeds and not is_all:
                raise UserError("unheard", f"{said} says nothing of {name}.")
        try:
            found += [(name, experiment) for experiment in study.experiments(asked)]
        except UserError as error:
            if not is_all:
                raise
            click.echo(f"{name} is left out. {error}", err=True)
    return found


def _run(
    experiments: Sequence[tuple[str, Experiment]], seeds: Sequence[int]
) -> Iterator[tuple[Experiment, list[Row]]]:
    """Each experiment as soon as it is done."""
    for number, (study, experiment) in enumerate(experiments, start=1):
        found = []
        chosen = (seeds or experiment.seeds) if experiment.is_drawn else experiment.seeds[:1]
        for seed in chosen:
            if is_watched():
                place = f"{number} of {len(experiments)}"
                show_line(f"{place}: {study}, {experiment.name}, seed {seed} …")
            found.append(experiment.run(seed))
        if is_watched():
            clear_line()
        yield experiment, rows_of(study, experiment, found)


def _print(experiment: Experiment, rows: Sequence[Row], *, is_first: bool) -> None:
    if is_first:
        study = rows[0].study
        click.echo(f"{study}: {STUDIES[study].title}")
        click.echo(
            f"  {'':<42}{'figure':<20}{'published':>16}{'ours':>12}{'least to most':>24}"
            f"{'off':>8}{'bound':>18}  verdict"
        )
    for golden, row in zip(experiment.goldens, rows, strict=True):
        click.echo(_line(row, golden.form))


def _line(row: Row, form: str) -> str:
    spread = "" if row.least == row.most else span(row.least, row.most, form)
    off = "" if row.difference is None else f"{row.difference:+.1%}"
    return (
        f"  {row.experiment:<42}{row.figure:<20}{_text(row.published, form):>16}"
        f"{form.format(row.ours):>12}{spread:>24}{off:>8}{row.bound:>18}"
        f"  {'' if row.verdict == 'beside' else row.verdict}"
    )


def _text(published: Published, form: str) -> str:
    match published:
        case None:
            return ""
        case (least, most):
            return span(least, most, form)
        case value:
            return form.format(value)
