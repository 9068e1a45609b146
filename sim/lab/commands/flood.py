"""`meshsim lab flood`: what a flood leaves of waiting mail, in our stores and in queues."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, Literal

import click

from mesh.errors import UserError
from mesh.trust.distance import Depth
from sim.commands.json_output import say_json
from sim.commands.progress import clear_line, is_watched, show_line
from sim.lab.models.flooding import KINDS, Attackers, Kept, Stores, Trial, try_floods
from sim.run.forks import CAN_FORK
from sim.schema.scenario import load_scenario
from sim.schema.settings import parse_settings, with_settings
from sim.sweeps.points import parse_seeds

EXAMPLES: Final = """\b
Examples:
  python -m sim lab flood
  python -m sim lab flood --seeds 1..5 --hostile 0..3
  python -m sim lab flood --seeds 7 --hostile 3 --json
  python -m sim lab flood --insiders 1..2
  python -m sim lab flood --insiders 3,6,9 --set nodes=30 --set topology.network_nodes=30
"""

DEPTHS: Final[Mapping[str, str]] = {
    Depth.CONTACT.name: "contact",
    Depth.VOUCHED.name: "friend of one",
    Depth.FAR.name: "one further",
    Depth.STRANGER.name: "stranger",
}


@click.command("flood", epilog=EXAMPLES)
@click.argument("name", default="flood-30-percent")
@click.option("--seeds", default="1..5", show_default=True, help="7, 0..49, or a list of these.")
@click.option("--hostile", default="1..3", show_default=True, help="How many come: 3, or 0..3.")
@click.option(
    "--insiders",
    default=None,
    help="In place of those that come, so many laptops of people are taken over: their contacts "
    "know the keys that flood, and are told to keep room for more of them.",
)
@click.option("--withholding", is_flag=True, help="Insiders also give nobody what others wrote.")
@click.option(
    "--stores",
    type=click.Choice([*KINDS, "both"]),
    default="both",
    show_default=True,
    help="Whose stores are tried.",
)
@click.option("--set", "settings", multiple=True, help="path=value, in the scenario's place.")
@click.option("--json", "is_json", is_flag=True, help="Print every trial as JSON.")
def flood_command(
    *,
    name: str,
    seeds: str,
    hostile: str,
    insiders: str | None,
    withholding: bool,
    stores: Stores | Literal["both"],
    settings: tuple[str, ...],
    is_json: bool,
) -> None:
    """Run a scenario up to its flood, and from there on with our stores and with plain queues.

    Counted are letters whose two people are never awake together, by how near their authors are
    to the nearest of those who never sleep: so many of them arrived, of so many that had to wait.
    Of insiders also by how near the nearest of them is to authors whom a carrier knows.
    """
    if not CAN_FORK:
        raise click.UsageError("This system cannot fork a process.")
    try:
        values = {path: found[0] for path, found in parse_settings(settings).items()}
        scenario = with_settings(load_scenario(name), values)
        attackers: Attackers = "outsiders"
        if insiders is not None:
            attackers = "withholding insiders" if withholding else "insiders"
        elif withholding:
            raise click.UsageError("--withholding says what --insiders do.")
        counts = parse_seeds(hostile if insiders is None else insiders)
        if insiders is not None and not all(0 < count < scenario.nodes for count in counts):
            raise click.UsageError("Of the people one at least is taken over, and not all.")
        trials: list[Trial] = []
        for seed in parse_seeds(seeds):
            if is_watched():
                show_line(f"seed {seed} …")
            trials += try_floods(
                scenario,
                seed,
                counts,
                attackers=attackers,
                kinds=KINDS if stores == "both" else (stores,),
            )
    except UserError as error:
        raise click.UsageError(str(error)) from None
    if is_watched():
        clear_line()
    if is_json:
        say_json(trials)
    else:
        _print(trials)


def _print(trials: Sequence[Trial]) -> None:
    columns = [f"{size} KiB {depth}" for depth in DEPTHS.values() for size in (1, 16)]
    columns += [f"insider: {depth}" for depth in DEPTHS.values()] * _has_insiders(trials)
    head = "".join(f"{column:>21}" for column in columns)
    click.echo(
        f"{'hostile':<14}{'stores':<8}{'turned':>7}{'trusted':>16}{'worst':>8}{'foretold':>10}{head}"
    )
    ordered = sorted(trials, key=_row)
    for (hostile, stores), group in groupby(ordered, key=_row):
        of_row = list(group)
        worst = min(one.trusted.ratio for one in of_row)
        turned = sum(one.turnovers for one in of_row) / len(of_row)
        cells = [
            _sum(by_depth, name)
            for name in DEPTHS
            for by_depth in ([t.small for t in of_row], [t.large for t in of_row])
        ]
        if _has_insiders(trials):
            cells += [_sum([t.by_insider for t in of_row], name) for name in DEPTHS]
        click.echo(
            f"{f'{hostile} ({of_row[0].share:.0%})':<14}{stores:<8}{turned:>6.1f}×"
            f"{_text(sum((one.trusted for one in of_row), Kept())):>16}{worst:>8.1%}"
            f"{sum(one.foretold for one in of_row):>10}"
            + "".join(f"{_text(cell):>21}" for cell in cells)
        )


def _has_insiders(trials: Sequence[Trial]) -> bool:
    return any(one.attackers != "outsiders" for one in trials)


def _row(trial: Trial) -> tuple[int, str]:
    return trial.hostile, trial.stores


def _sum(by_depth: Sequence[Mapping[str, Kept]], name: str) -> Kept:
    return sum((one.get(name, Kept()) for one in by_depth), Kept())


def _text(kept: Kept) -> str:
    return f"{kept.arrived} of {kept.waited}" if kept.waited else "-"
