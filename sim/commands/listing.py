"""`meshsim list`: what comes with the simulator."""

import click

from sim.nodes.bugs import BUGS
from sim.tables.scenario import load_scenario, scenario_names


@click.command("list")
def list_command() -> None:
    """List the scenarios and the bugs that can be planted."""
    for name in scenario_names():
        click.echo(f"{name:<20} {load_scenario(name).summary}")
    click.echo("")
    for name, bug in BUGS.items():
        click.echo(f"--bug {name:<20} {bug.sentence}")
