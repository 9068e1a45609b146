"""The simulator's command line: `python -m sim`, or `meshsim`.

A command's module is imported only when it is run.
"""

import importlib.util
import sys
from typing import Final

import click

from sim.commands.lazy_group import Commands, LazyGroup

USAGE: Final = 2

EXAMPLES: Final = """\b
Examples:
  python -m sim list
  python -m sim run partition-heal --nodes 100 --seed 7
  python -m sim sweep partition-heal --seeds 0..49 --set wire.loss=0,0.05,0.1
  python -m sim survival --seeds 1..500
  python -m sim shrink partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim compare base.jsonl head.jsonl
  python -m sim watch-relay judge captures/lan-8
"""

COMMANDS: Final[Commands] = {
    "run": ("sim.commands.run", "run_command", "Run a scenario to a verdict"),
    "replay": ("sim.commands.replay", "replay_command", "Repeat a run up to one of its records"),
    "report": ("sim.commands.report", "report_command", "Make the page of a run"),
    "trace": ("sim.commands.trace", "trace_command", "Show what happened in a run, by record"),
    "sweep": ("sim.commands.sweep", "sweep_command", "Run many seeds and settings"),
    "pairs": ("sim.commands.pairs", "pairs_command", "Do each chore with each fault in its middle"),
    "export": ("sim.commands.export", "export_command", "Write runs as tables: CSV or Parquet"),
    "survival": (
        "sim.commands.survival",
        "survival_command",
        "Say over many seeds whether mail that could come came",
    ),
    "watch-relay": (
        "sim.commands.watch_relay",
        "watch_relay_command",
        "Say what a relay and a listener can tell of people",
    ),
    "merge": ("sim.commands.compare", "merge_command", "Join the logs of sweeps"),
    "compare": ("sim.commands.compare", "compare_command", "Say whether one set of runs is worse"),
    "shrink": ("sim.commands.shrink", "shrink_command", "Find the smallest world that breaks"),
    "lab": (
        "sim.lab.commands.group",
        "lab_command",
        "Repeat the literature, model large meshes",
    ),
    "list": ("sim.commands.listing", "list_command", "List the scenarios and the planted bugs"),
}


class Simulator(LazyGroup):
    """The commands of the simulator."""

    table = COMMANDS


@click.group(
    cls=Simulator, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
def main() -> None:
    """Run whole meshes of real nodes in virtual time, and hold them to what is promised."""
    if importlib.util.find_spec("kyber_py") is None:
        click.echo(
            "The simulator needs kyber-py: install it with pip install 'mesh-messenger[sim]'.",
            err=True,
        )
        sys.exit(USAGE)


if __name__ == "__main__":
    main(prog_name="python -m sim")
