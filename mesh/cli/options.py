"""The options that every command has, before or after its name."""

import os
from dataclasses import dataclass

import click
from click.decorators import FC

TIMEOUT_S = 30.0


@dataclass(slots=True)
class Choices:
    """The shared options; filled as Click reads them."""

    profile: str = ""
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"
    yes: bool = False
    timeout: float = TIMEOUT_S
    is_timeout_given: bool = False

    @property
    def has_color(self) -> bool | None:
        """Say whether to colour; None: as the terminal is."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        return True if os.environ.get("FORCE_COLOR") else None


def choose(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Keep what an option says; one that is not given leaves what stands before the command."""
    choices = ctx.ensure_object(Choices)
    if value is not None and value is not False and value != 0 and param.name is not None:
        setattr(choices, param.name, value)
        choices.is_timeout_given |= param.name == "timeout"
    if param.name == "color":
        ctx.color = choices.has_color


SHARED_OPTIONS = (
    click.option(
        "--profile",
        metavar="NAME",
        envvar="MESH_PROFILE",
        expose_value=False,
        callback=choose,
        help="Which profile to use (or MESH_PROFILE).",
    ),
    click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=choose,
        help="Answer in JSON; streams are one object a line.",
    ),
    click.option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=choose,
        help="Say only what was asked for.",
    ),
    click.option(
        "--verbose",
        "-v",
        count=True,
        expose_value=False,
        callback=choose,
        help="Say more; -vv shows where an error came from.",
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        callback=choose,
        help="Colours; NO_COLOR and FORCE_COLOR are heard as well.",
    ),
    click.option(
        "--yes",
        "-y",
        is_flag=True,
        expose_value=False,
        callback=choose,
        help="Answer yes to every question.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 86_400),
        metavar="SECONDS",
        expose_value=False,
        callback=choose,
        help=f"How long to wait for an answer (default {TIMEOUT_S:g}).",
    ),
)
"""In the order in which `--help` shows them."""


def shared_options(function: FC) -> FC:
    """Give a command the options that all have."""
    for option in reversed(SHARED_OPTIONS):
        function = option(function)
    return function
