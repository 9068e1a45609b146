"""`python -m tests.bench`: measures, prints a table, asserts nothing."""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tests.bench import (
    admission,
    api,
    daemons,
    embedded,
    fifty,
    files,
    group_crowds,
    group_lan,
    group_node,
    groups,
    heal,
    history,
    large_files,
    lxmf,
    machine,
    oracles,
    page,
    posting,
    questions,
    ratchet,
    reality,
    reconcile,
    relay_month,
    replay,
    simulator,
    tenfold,
)
from tests.bench.table import HEAD, Row, formatted
from tests.conftest import missing_for_namespaces

Bench = Callable[[], Iterable[Row]]

DESCRIPTION = """\
Measures this tree on this machine and prints one table. All of it takes about ten minutes on
two cores without `fifty` and `worlds`, which take longer; name benches to run only those.
Figures of one run are for ratios among each other.
"""


def main(arguments: list[str]) -> int:
    """Run the benches that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=DESCRIPTION)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--messages", type=int, default=200, help="for each latency")
    parser.add_argument("--rate-messages", type=int, default=1_000, help="for each rate")
    parser.add_argument("--requests", type=int, default=400, help="to the API, of each kind")
    parser.add_argument("--held", type=int, default=1_000, help="messages held for one away")
    parser.add_argument("--links", type=int, default=8, help="links of the idle node")
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--history", type=int, default=100_000, help="texts of the long histories")
    parser.add_argument("--count", type=int, default=5_000, help="operations of a machine's round")
    parser.add_argument(
        "--ids", type=int, default=1_000_000, help="ids of the larger sets compared"
    )
    parser.add_argument("--joiners", type=int, default=250, help="members who come by one link")
    parser.add_argument("--days", type=int, default=30, help="of groups beside a relay")
    parser.add_argument("--stamps", type=int, default=8, help="stamps to make")
    parser.add_argument("--envelopes", type=int, default=10_000, help="admitted and stored")
    parser.add_argument("--authors", type=int, default=200, help="of the mesh that is joined")
    parser.add_argument("--shared", type=int, default=100_000, help="envelopes of two that heal")
    parser.add_argument("--differing", type=int, default=1_000, help="of these, and new ones")
    parser.add_argument(
        "--stored", type=int, default=1_000_000, help="envelopes of the daemon with fifty links"
    )
    parser.add_argument("--file-mib", type=int, default=1_024, help="of the large file")
    parser.add_argument("--spread", type=int, default=1_000, help="messages among ten daemons")
    parser.add_argument("--pace", type=int, default=20, help="of these a second, at first")
    parser.add_argument("--sim-nodes", type=int, default=100, help="of the larger worlds")
    parser.add_argument("--sim-runs", type=int, default=3, help="of which medians are taken")
    parser.add_argument(
        "--lxmf-python",
        type=Path,
        default=Path(sys.executable),
        help="a Python with the packages rns and lxmf (the extra `bench`); default: this one",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.benches if name not in NAMES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]!r}; there are: {', '.join(NAMES)}")
    say(f"Python {platform.python_version()}, {platform.machine()}\n\n{HEAD}")
    with tempfile.TemporaryDirectory() as folder:
        benches = all_benches(options, Path(folder))
        for name in options.benches or NAMES:
            for row in measured(name, benches[name], options):
                say(formatted(row))
    return 0


def say(text: str) -> None:
    """Print a line at once: a run takes minutes, and what is measured should not get lost."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


NAMES = (
    "machine",
    "posting",
    "ratchet",
    "questions",
    "reconcile",
    "embedded",
    "api",
    "hop",
    "relays",
    "files",
    "rate",
    "first",
    "held",
    "idle",
    "admission",
    "heal",
    "tenfold",
    "fifty",
    "page",
    "history",
    "groups",
    "group-node",
    "group-crowds",
    "group-lan",
    "relay-month",
    "large-files",
    "sim",
    "worlds",
    "replay",
    "oracles",
    "reality",
    "lxmf",
)
NEEDS_NAMESPACES = (
    "hop",
    "relays",
    "files",
    "rate",
    "first",
    "held",
    "idle",
    "admission",
    "heal",
    "tenfold",
    "fifty",
    "page",
    "group-lan",
    "large-files",
    "reality",
    "lxmf",
)


def all_benches(options: argparse.Namespace, scratch: Path) -> dict[str, Bench]:
    """Every bench with its counts, by its name."""

    def place(name: str) -> Path:
        folder = scratch / name
        folder.mkdir()
        return folder

    hop = partial(daemons.latency, what="one hop", relays=0, messages=options.messages)
    relays = partial(daemons.latency, what="three relays", relays=3, messages=options.messages)
    return {
        "machine": lambda: machine.rows(place("machine"), options.count),
        "posting": lambda: posting.rows(options.stamps),
        "ratchet": lambda: ratchet.rows(place("ratchet"), options.rate_messages),
        "questions": lambda: questions.rows(place("questions"), options.messages),
        "reconcile": lambda: reconcile.rows(place("reconcile"), options.ids),
        "embedded": lambda: embedded.rows(
            place("embedded"), options.messages, options.rate_messages
        ),
        "api": lambda: api.rows(place("api"), options.requests),
        "hop": lambda: hop(place("hop")),
        "relays": lambda: relays(place("relays")),
        "files": lambda: files.rows(place("files")),
        "rate": lambda: daemons.rate(place("rate"), options.rate_messages),
        "first": lambda: daemons.first_message(place("first")),
        "held": lambda: daemons.held(place("held"), options.held),
        "idle": lambda: daemons.idle(place("idle"), options.links, options.idle_seconds),
        "admission": lambda: admission.rows(place("admission"), options.envelopes, options.authors),
        "heal": lambda: heal.rows(place("heal"), options.shared, options.differing),
        "tenfold": lambda: tenfold.rows(place("tenfold"), options.spread, options.pace),
        "fifty": lambda: fifty.rows(place("fifty"), options.stored),
        "page": lambda: page.rows(
            place("page"), options.messages, options.history, options.idle_seconds
        ),
        "history": lambda: history.rows(place("history"), options.history),
        "groups": groups.rows,
        "group-node": group_node.rows,
        "group-crowds": lambda: group_crowds.rows(options.joiners),
        "group-lan": lambda: group_lan.rows(place("group-lan"), options.messages),
        "relay-month": lambda: relay_month.rows(options.days, place("relay-month")),
        "large-files": lambda: large_files.rows(place("large-files"), options.file_mib),
        "sim": lambda: simulator.rows(options.sim_nodes, options.sim_runs),
        "worlds": lambda: simulator.world_rows(options.sim_nodes, options.sim_runs),
        "replay": lambda: replay.rows(place("replay"), options.sim_nodes),
        "oracles": oracles.rows,
        "reality": lambda: reality.rows(place("reality")),
        "lxmf": lambda: lxmf.rows(
            place("lxmf"),
            options.lxmf_python,
            messages=options.messages,
            rate_messages=options.rate_messages,
        ),
    }


def measured(name: str, bench: Bench, options: argparse.Namespace) -> Iterable[Row]:
    """The rows of one bench, or none and the reason."""
    sys.stderr.write(f"measuring: {name}\n")
    missing = missing_for_namespaces() if name in NEEDS_NAMESPACES else None
    if missing is None and name == "lxmf":
        missing = lxmf.missing_in(options.lxmf_python)
    if missing is not None:
        sys.stderr.write(f"left out: {missing}\n")
        return []
    return bench()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
