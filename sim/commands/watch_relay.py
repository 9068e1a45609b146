"""`meshsim watch-relay`: what one relay, and a listener on a LAN, can tell of people."""

import gzip
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

import click
import msgspec

from mesh.errors import UserError
from sim.commands.exit_codes import BROKEN_INVARIANT
from sim.commands.json_output import say_json
from sim.commands.lazy_group import Commands, LazyGroup
from sim.commands.options import require_writable
from sim.commands.progress import clear_line, interruptible, is_watched, show_line
from sim.eavesdropping.capturing import Capture, Header, ground_of, run_capture
from sim.eavesdropping.older import capture_in, full_name, tree_of
from sim.sweeps.executors import Dead, LocalPool
from sim.sweeps.points import parse_seeds

WORLD_S_MAX: Final = 6 * 3_600

EXAMPLES: Final = """\b
Examples:
  python -m sim watch-relay capture --nodes 8 --seeds 1..16 --out captures/lan-8
  python -m sim watch-relay judge captures/lan-8
"""

CAPTURE_EXAMPLES: Final = """\b
Examples:
  python -m sim watch-relay capture --nodes 8 --seeds 1..16 --out captures/lan-8
  python -m sim watch-relay capture --ground thin --nodes 24 --seeds 1..8 --out captures/thin-24
  python -m sim watch-relay capture --mode quiet --hours 0.7 --nodes 24 --out captures/quiet-24
  python -m sim watch-relay capture --at cfbc61d --nodes 8 --seeds 1..16 --out captures/control
  python -m sim watch-relay capture --hours 72 --set stamp_bits=6 --out captures/days
"""

JUDGE_EXAMPLES: Final = """\b
Examples:
  python -m sim watch-relay judge captures/lan-8 captures/control
  python -m sim watch-relay judge captures/lan-8 --shuffle
  python -m sim watch-relay judge captures/lan-8 --json > figures.json
"""

COMMANDS: Final[Commands] = {
    "capture": (
        "sim.commands.watch_relay",
        "capture_command",
        "Run worlds and write down what strangers see",
    ),
    "judge": ("sim.commands.watch_relay", "judge_command", "Say what can be told from captures"),
}


class WatchRelay(LazyGroup):
    """Writing captures, and judging them."""

    table = COMMANDS


@click.group("watch-relay", cls=WatchRelay, epilog=EXAMPLES)
def watch_relay_command() -> None:
    """Say what one relay, and a listener on a LAN, can tell of who writes, reads, and knows whom.

    `capture` runs worlds in which people chat, and writes what is seen (docs/captures.md);
    `judge` trains a classifier on one half of them and judges the other half.
    """


@click.command("capture", epilog=CAPTURE_EXAMPLES)
@click.option(
    "--ground",
    default="one-lan",
    show_default=True,
    help="one-lan, two-lans, thin (four links each), or any scenario's name or file.",
)
@click.option("--nodes", type=click.IntRange(4, 200), default=8, show_default=True)
@click.option("--seeds", default="1..16", show_default=True, help="As 7, 0..49 or 1,5,8..12.")
@click.option(
    "--mode",
    type=click.Choice(["chats", "quiet"]),
    default="chats",
    show_default=True,
    help="People chat in pairs; or nobody writes, and contacts are added.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0.5, 2_000),
    default=2.0,
    show_default=True,
    help="Virtual time of each world; it begins an hour before midnight.",
)
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Replace a value.")
@click.option("--at", "commit", metavar="COMMIT", help="Run the simulator of another commit.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder of its own.")
@click.option("--jobs", type=click.IntRange(1, 256), default=2, show_default=True)
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def capture_command(
    *,
    ground: str,
    nodes: int,
    seeds: str,
    mode: Literal["chats", "quiet"],
    hours: float,
    settings: tuple[str, ...],
    commit: str | None,
    out: Path,
    jobs: int,
    quiet: bool,
) -> None:
    """Run worlds and write what a relay sees, what a listener sees, and what is true.

    The last node is the relay. The same options and seed give the same files. Worlds that are
    there already are not run again, so what was interrupted can be gone on with. Exits with 1 if
    a world could not be run.
    """
    click.get_current_context().with_resource(interruptible())
    try:
        require_writable(out)
        first = Capture(
            # Another tree is another place to look from.
            ground=str(Path(ground).absolute()) if ground.endswith(".toml") else ground,
            nodes=nodes,
            seed=0,
            folder=str(out.absolute()),
            mode=mode,
            hours=hours,
            settings=settings,
            commit="" if commit is None else full_name(commit),
        )
        captures = [replace(first, seed=seed) for seed in parse_seeds(seeds)]
        _require_alike(first, out)
        if commit is None:
            ground_of(first)
        failed = _capture_all(captures, jobs, is_shown=is_watched() and not quiet)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    for line in failed:
        click.echo(line, err=True)
    click.echo(f"{len(captures) - len(failed)} of {len(captures)} worlds are in {out}")
    if failed:
        sys.exit(BROKEN_INVARIANT)


@click.command("judge", epilog=JUDGE_EXAMPLES)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--shuffle", "is_shuffled", is_flag=True, help="Put chance in the place of truth.")
@click.option("--json", "is_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def judge_command(
    *, folders: tuple[Path, ...], is_shuffled: bool, is_json: bool, quiet: bool
) -> None:
    """Train on the lower half of the seeds of each folder, and judge the upper half.

    Accuracy stands beside guessing; AUC is the chance that a true pair looks truer than a false
    one. Intervals are of 95 %, by drawing whole worlds. With --shuffle all must be guessing.
    """
    # Loaded here: it needs numpy, which an extra brings.
    try:
        from sim.eavesdropping.judging import judge
    except ImportError:
        raise click.UsageError(
            "Judging needs numpy: install it with pip install 'mesh-messenger[sim]'."
        ) from None
    from sim.eavesdropping.tables import text_of

    is_shown = is_watched() and not quiet
    try:
        verdicts = [
            judge(folder, is_shuffled=is_shuffled, progress=partial(_tell, is_shown, folder))
            for folder in folders
        ]
    except UserError as error:
        raise click.UsageError(str(error)) from None
    finally:
        if is_shown:
            clear_line()
    if is_json:
        say_json(verdicts)
    else:
        click.echo("\n\n".join(text_of(verdict) for verdict in verdicts))


def _capture_all(captures: Sequence[Capture], jobs: int, *, is_shown: bool) -> list[str]:
    """Run those that are not there yet; return what is said of those that failed."""
    todo = [capture for capture in captures if not _truth_of(capture).exists()]
    failed: list[str] = []
    done = len(captures) - len(todo)
    with ExitStack() as stack:
        run: Callable[[Capture], str] = run_capture
        if todo and todo[0].commit:
            run = partial(capture_in, stack.enter_context(tree_of(todo[0].commit)))
        pool = LocalPool(jobs, timeout_s=WORLD_S_MAX)
        stack.callback(pool.close)
        for capture, outcome in pool.map_unordered(run, todo):
            if isinstance(outcome, Dead):
                failed.append(f"seed {capture.seed}: {outcome.why}")
            done += 1
            if is_shown:
                show_line(f"{done} of {len(captures)} worlds")
    if is_shown:
        clear_line()
    return failed


def _require_alike(capture: Capture, folder: Path) -> None:
    """UserError if a folder holds worlds of another kind: they would be taken for these."""
    for path in sorted(folder.glob("*.listener.jsonl.gz"))[:1]:
        with gzip.open(path) as file:
            header = msgspec.json.decode(file.readline(), type=Header)
        for name in ("ground", "nodes", "mode", "hours", "settings", "commit"):
            there, wanted = getattr(header, name), getattr(capture, name)
            if list(there) != list(wanted) if name == "settings" else there != wanted:
                raise UserError(
                    "bad-folder", f"{folder} has worlds of {name} {there!r}, not {wanted!r}."
                )


def _truth_of(capture: Capture) -> Path:
    return Path(capture.folder) / f"world-{capture.seed:06d}.truth.json"


def _tell(is_shown: bool, folder: Path, what: str) -> None:
    if is_shown:
        show_line(f"{folder}: {what}")
