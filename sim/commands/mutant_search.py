"""`meshsim sweep --bugs`: every planted bug is searched in its scenario, named, and made small.

Each line of the table is a bug; with a folder its smallest world is a file there, which
`sim.mutants.corpus` reads when the folder is its own.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.bugs.bugs import BUGS
from sim.commands.options import require_writable
from sim.commands.progress import clear_line, show_line
from sim.commands.shrink import said_of
from sim.mutants.corpus import FAULTS_MAX, NODES_MAX, corpus, find_bug, shrunk_name
from sim.schema.scenario import SHRUNK
from sim.schema.toml_text import toml_of
from sim.shrinking.passes import search_from, shrink
from sim.shrinking.search import Progress, Shrunk

SHRINKING_RUNS_MAX: Final = 400

HEAD: Final = (
    f"{'bug':<20}{'named':<7}{'scenario':<16}{'seed':>5}{'faults':>8}{'nodes':>7}"
    f"{'messages':>10}{'seconds':>9}{'events':>8}{'runs':>6}{'CPU':>7}"
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table, for machines; what is missing was not found, or not made small."""

    bug: str
    promise: str
    scenario: str
    seed: int | None
    faults: int | None = None
    nodes: int | None = None
    messages: int | None = None
    virtual_seconds: float | None = None
    events: int | None = None
    runs: int | None = None
    cpu_seconds: float
    is_interrupted: bool
    is_complete: bool


@dataclass(frozen=True, slots=True)
class MutantSearch:
    """The result of the search for one bug; no `seed`: it was not found."""

    bug: str
    seed: int | None
    shrunk: Shrunk | None
    cpu_seconds: float
    is_interrupted: bool = False
    """Then it may become smaller still."""

    @property
    def is_complete(self) -> bool:
        """Say whether it was found and, if that was asked, made small enough."""
        found = self.shrunk
        return self.seed is not None and (
            found is None or (found.strikes_count <= FAULTS_MAX and found.nodes_count <= NODES_MAX)
        )

    @property
    def row(self) -> Row:
        """Of the table."""
        entry, found = corpus()[self.bug], self.shrunk
        return Row(
            bug=self.bug,
            promise=entry.promise,
            scenario=entry.scenario,
            seed=self.seed,
            faults=None if found is None else found.strikes_count,
            nodes=None if found is None else found.nodes_count,
            messages=None if found is None else found.letters_count,
            virtual_seconds=None if found is None else found.virtual_seconds,
            events=None if found is None else found.events_count,
            runs=None if found is None else found.runs_count,
            cpu_seconds=self.cpu_seconds,
            is_interrupted=self.is_interrupted,
            is_complete=self.is_complete,
        )

    @property
    def line(self) -> str:
        """The row for users."""
        row = self.row
        seed = "none" if row.seed is None else str(row.seed)
        sizes = ""
        if self.shrunk is not None:
            sizes = (
                f"{row.faults:>8}{row.nodes:>7}{row.messages:>10}"
                f"{row.virtual_seconds:>9.1f}{row.events:>8}{row.runs:>6}"
            )
        return (
            f"{row.bug:<20}{row.promise:<7}{row.scenario:<16}{seed:>5}{sizes:<48}"
            f"{row.cpu_seconds:>5.0f} s{' interrupted' if row.is_interrupted else ''}"
        )


def search_all(
    bugs: Sequence[str],
    *,
    seeds: Sequence[int],
    folder: Path | None,
    runs_max: int,
    tell: Callable[[MutantSearch], None],
    is_shown: bool,
) -> None:
    """Hunt all of them, one after another, and tell of each what came of it.

    Shrunk worlds go to a folder; interrupted, also the smallest of the bug that was hunted, and
    it is told of before KeyboardInterrupt goes on.
    """
    show = show_line if is_shown else _show_nothing
    if folder is not None:
        require_writable(folder)
    for number, bug in enumerate(bugs, start=1):
        one = _search(
            bug, seeds, folder, runs_max, partial(_say, show, f"{number} of {len(bugs)}, {bug}")
        )
        if is_shown:
            clear_line()
        tell(one)
        if one.is_interrupted:
            raise KeyboardInterrupt


def _search(
    bug: str,
    seeds: Sequence[int],
    folder: Path | None,
    runs_max: int,
    show: Callable[[str], None],
) -> MutantSearch:
    """Search one bug and shrink the first run that names it."""
    began = time.process_time()

    def tried() -> Iterator[int]:
        for number, seed in enumerate(seeds, start=1):
            show(f"seed {seed}, {number} of {len(seeds)}")
            yield seed

    def watch(progress: Progress) -> None:
        show(said_of(progress))

    ran = find_bug(bug, tried())
    if ran is None:
        return MutantSearch(bug, None, None, time.process_time() - began)
    seed = ran.world.options.seed
    if not runs_max:
        return MutantSearch(bug, seed, None, time.process_time() - began)
    search = search_from(ran, watch, runs_max=runs_max, invariant_id=corpus()[bug].promise)
    is_interrupted = False
    try:
        shrink(search)
    except KeyboardInterrupt:
        is_interrupted = True
    found = search.shrunk()
    if folder is not None:
        _write(folder, bug, found)
    return MutantSearch(bug, seed, found, time.process_time() - began, is_interrupted)


def _write(folder: Path, bug: str, shrunk: Shrunk) -> None:
    """The world as a file that says in its first line what repeats it."""
    head = (
        f"# {shrunk.invariant_id} breaks: python -m sim run {SHRUNK}{bug} "
        f"--seed {shrunk.options.seed} --crypto modelled --bug {bug}\n"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / shrunk_name(bug)
        named = msgspec.structs.replace(shrunk.scenario, name=bug, summary=BUGS[bug].sentence)
        path.write_text(head + toml_of(named), encoding="utf-8")
    except OSError as error:
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None


def _say(show: Callable[[str], None], which: str, text: str) -> None:
    show(f"{which}: {text}")


def _show_nothing(text: str) -> None:
    pass
