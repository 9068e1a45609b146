"""The output of a command for machines: the figures that it prints for users, as JSON."""

import click
import msgspec


def say_json(figures: object) -> None:
    """Print figures as JSON, one value a line; nothing else belongs on standard output then."""
    click.echo(msgspec.json.format(msgspec.json.encode(figures)))
