"""`meshsim sweep --bugs`: every planted bug is searched on its ground, named, and made small."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from mesh.errors import UserError
from sim.corpus import SEEDS_MAX, corpus, find_bug
from sim.running import Ran
from sim.shrinking import Progress, Shrunk, shrink_to
from sim.tables.toml_text import toml_of

SHRINKING_RUNS_MAX = 60


@dataclass(frozen=True, slots=True)
class Hunt:
    """What came of the search for one bug; no `seed`: it was not found."""

    bug: str
    promise_id: str
    scenario: str
    seed: int | None
    shrunk: Shrunk | None
    cpu_seconds: float


def hunt(bug: str, seeds: Sequence[int], *, runs_max: int, progress: Progress) -> Hunt:
    """Search one bug and shrink the first run that names it."""
    hunted = corpus()[bug]
    began = time.process_time()
    ran: Ran | None = find_bug(bug, seeds)
    found = partial(Hunt, bug, hunted.promise, hunted.scenario)
    if ran is None:
        return found(None, None, time.process_time() - began)
    seed = ran.world.options.seed
    shrunk = None
    if runs_max:
        shrunk = shrink_to(hunted.promise, ran, progress, runs_max=runs_max)
    return found(seed, shrunk, time.process_time() - began)


def hunt_all(
    bugs: Sequence[str],
    *,
    folder: Path | None,
    runs_max: int,
    say: Callable[[str], None],
) -> bool:
    """Hunt all of them and print a table; whether each was found. Shrunk worlds go to a folder."""
    say(
        f"{'bug':<22}{'named':<7}{'scenario':<18}{'seed':>5}{'faults':>8}{'nodes':>7}"
        f"{'messages':>10}{'runs':>6}{'CPU':>8}"
    )
    is_complete = True
    for bug in bugs:
        one = hunt(
            bug,
            range(1, SEEDS_MAX + 1),
            runs_max=runs_max,
            progress=_show if sys.stderr.isatty() else _show_nothing,
        )
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)
        is_complete = is_complete and one.seed is not None
        seed = "none" if one.seed is None else str(one.seed)
        sizes: tuple[str, ...] = ("", "", "", "")
        if one.shrunk is not None:
            shrunk = one.shrunk
            counts = (shrunk.strikes_count, shrunk.nodes_count, shrunk.letters_count)
            sizes = (*map(str, counts), str(shrunk.runs_count))
            if folder is not None:
                _write(folder, bug, shrunk)
        say(
            f"{bug:<22}{one.promise_id:<7}{one.scenario:<18}{seed:>5}{sizes[0]:>8}{sizes[1]:>7}"
            f"{sizes[2]:>10}{sizes[3]:>6}{one.cpu_seconds:>6.0f} s"
        )
    return is_complete


def _write(folder: Path, bug: str, shrunk: Shrunk) -> None:
    """The world as a file that names in its first line what repeats it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        head = f"# --seed {shrunk.options.seed} --bug {bug} breaks {shrunk.promise_id}\n"
        path = folder / f"{bug.replace('-', '_')}.toml"
        path.write_text(head + toml_of(shrunk.scenario), encoding="utf-8")
    except OSError as error:
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None


def _show(stage: str, runs_count: int) -> None:
    click.echo(f"\r\033[Krun {runs_count}: fewer {stage}", nl=False, err=True)


def _show_nothing(stage: str, runs_count: int) -> None:
    pass
