"""`meshsim list`: what comes with the simulator."""

from typing import Final

import click

from sim.bugs.bugs import BUGS
from sim.commands.json_output import say_json
from sim.schema.scenario import load_scenario, scenario_names

EXAMPLES: Final = """\b
Examples:
  python -m sim list
  python -m sim list --json > scenarios.json
"""


@click.command("list", epilog=EXAMPLES)
@click.option("--json", "is_json", is_flag=True, help="Print both lists as JSON.")
def list_command(*, is_json: bool) -> None:
    """List the scenarios and the bugs that can be planted."""
    scenarios = {name: load_scenario(name).summary for name in scenario_names()}
    bugs = {name: bug.sentence for name, bug in BUGS.items()}
    if is_json:
        say_json({"scenarios": scenarios, "bugs": bugs})
        return
    for name, summary in scenarios.items():
        click.echo(f"{name:<20} {summary}")
    click.echo("")
    for name, sentence in bugs.items():
        click.echo(f"--bug {name:<20} {sentence}")
