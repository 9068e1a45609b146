"""The simulator's command line: `python -m sim`, or `meshsim`.

A command's module is imported only when it is run.
"""

import importlib.util
import sys
from importlib import import_module
from typing import Final

import click

from sim.commands.exit_codes import INTERRUPTED

USAGE: Final = 2

EXAMPLES: Final = """\b
Examples:
  python -m sim list
  python -m sim run partition-heal --nodes 100 --seed 7
  python -m sim sweep partition-heal --seeds 0..49 --set wire.loss=0,0.05,0.1
  python -m sim shrink partition-heal --nodes 24 --seed 7 --bug no-anti-entropy
  python -m sim compare base.jsonl head.jsonl
"""

COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "run": ("sim.commands.run", "run_command", "Run a scenario to a verdict"),
    "replay": ("sim.commands.replay", "replay_command", "Repeat a run up to one of its records"),
    "report": ("sim.commands.report", "report_command", "Make the page of a run"),
    "trace": ("sim.commands.trace", "trace_command", "Show what happened in a run, by record"),
    "sweep": ("sim.commands.sweep", "sweep_command", "Run many seeds and settings"),
    "merge": ("sim.commands.compare", "merge_command", "Join the logs of sweeps"),
    "compare": ("sim.commands.compare", "compare_command", "Say whether one set of runs is worse"),
    "shrink": ("sim.commands.shrink", "shrink_command", "Find the smallest world that breaks"),
    "spread": ("sim.commands.spread", "spread_command", "Measure how new mail spreads"),
    "model": ("sim.commands.model", "model_command", "Spread mail as arrays, beside the engine"),
    "flood": ("sim.commands.flood", "flood_command", "Flood the stores, ours and plain queues"),
    "holders": ("sim.commands.holders", "holders_command", "Model who is reached in a flood"),
    "survive": ("sim.commands.survive", "survive_command", "Let most of a mesh fail at once"),
    "route": ("sim.commands.route", "route_command", "Carry messages over recorded contacts"),
    "contacts": ("sim.commands.contacts", "contacts_command", "Engines beside those routers"),
    "published": ("sim.commands.published", "published_command", "Repeat what others published"),
    "maelstrom": ("sim.commands.maelstrom", "maelstrom_command", "Be a node for Maelstrom"),
    "list": ("sim.commands.listing", "list_command", "List the scenarios and the planted bugs"),
}
"""Each command: its module, its name there, and one line of help."""


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; who interrupts it is told so, and by an exit code of its own."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
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
