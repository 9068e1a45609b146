"""`meshsim lab`: the commands that repeat the literature and model a million nodes."""

from typing import Final

import click

from sim.commands.lazy_group import Commands, LazyGroup

COMMANDS: Final[Commands] = {
    "published": (
        "sim.lab.commands.published",
        "published_command",
        "Repeat what others published",
    ),
    "spread": ("sim.lab.commands.spread", "spread_command", "Measure how new mail spreads"),
    "model": (
        "sim.lab.commands.model",
        "model_command",
        "Spread mail as arrays, beside engines",
    ),
    "flood": ("sim.lab.commands.flood", "flood_command", "Flood the stores, ours and plain queues"),
    "holders": ("sim.lab.commands.holders", "holders_command", "Model who is reached in a flood"),
    "survive": ("sim.lab.commands.survive", "survive_command", "Let most of a mesh fail at once"),
    "route": ("sim.lab.commands.route", "route_command", "Carry messages over recorded contacts"),
    "contacts": ("sim.lab.commands.contacts", "contacts_command", "Engines beside those routers"),
    "maelstrom": ("sim.lab.commands.maelstrom", "maelstrom_command", "Be a node for Maelstrom"),
}

EXAMPLES: Final = """\b
Examples:
  python -m sim lab published
  python -m sim lab model --nodes 1000000
  python -m sim lab flood --seeds 1..5 --hostile 0..3
"""


class Lab(LazyGroup):
    """The commands of the lab."""

    table = COMMANDS


@click.group("lab", cls=Lab, epilog=EXAMPLES)
def lab_command() -> None:
    """Repeat what others published, and model what no engine can run."""
