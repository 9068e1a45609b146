"""`mesh nearby`: people whose nodes are around and who want to be found."""

import time

import click

from mesh.api.stream import Happened
from mesh.cli.commands.compare import patience_s, see_through, steps_of, verdict_option
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import columns
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.nearby import (
    AskNearby,
    CompareNearby,
    ConfirmNearby,
    NearbyAnswer,
    NearbyPersonAnswer,
    SetNearby,
)
from mesh.events import Event, NearbyChanged

LISTEN_S = 3.0
"""Cards come over links that stand; who has not answered by then is asked again next time."""


@click.group(
    invoke_without_command=True,
    help="""\
Find people whose nodes are around, and become contacts by comparing pictures.

It is off at first. While it is on, every node that yours is linked to can learn the name that you
gave yourself, but no key of yours.

\b
Examples:
  mesh nearby on
  mesh nearby
  mesh nearby compare 2
  mesh nearby off
""",
)
@shared_options
@click.pass_context
def nearby(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_people)


@nearby.command(
    help="""\
Offer a card with your name to the nodes around.

\b
Examples:
  mesh nearby on
"""
)
@shared_options
@click.pass_obj
def on(choices: Choices) -> None:
    switch(choices, is_on=True)


@nearby.command(
    help="""\
Offer no card any more.

\b
Examples:
  mesh nearby off
"""
)
@shared_options
@click.pass_obj
def off(choices: Choices) -> None:
    switch(choices, is_on=False)


def state_of(person: NearbyPersonAnswer) -> str:
    """Return how things stand with somebody near, and whom their name could be mistaken for."""
    others = ", ".join(map(clean_line, person.looks_like))
    return (
        f"{person.state}; a name like {others}, perhaps somebody else" if others else person.state
    )


def switch(choices: Choices, *, is_on: bool) -> None:
    """Offer a card, or stop it."""
    terminal = Terminal(choices)
    answer = client_of(choices).ask(SetNearby(is_on=is_on), NearbyAnswer)
    if terminal.is_json:
        terminal.json(answer)
    elif is_on:
        terminal.say("People around can find you. See who is there with: mesh nearby")
    else:
        terminal.say("People around do not find you.")


@nearby.command(
    name="list",
    help="""\
Ask the nodes around who is there, listen for a moment, and list who answered.

\b
Examples:
  mesh nearby list
  mesh nearby list --listen 10 --json
""",
)
@click.option(
    "--listen",
    type=click.FloatRange(0, 600),
    default=LISTEN_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for cards.",
)
@shared_options
@click.pass_obj
def list_people(choices: Choices, listen: float) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    stream = client.events(until=time.monotonic() + listen)
    next(stream, None)
    answer = client.ask(AskNearby(), NearbyAnswer)
    people = {each.id: each for each in answer.people}
    if answer.is_on and listen:
        terminal.say("Listening…")
        for told in stream:
            match told:
                case Happened(event=NearbyChanged(person=person)):
                    people[person.id] = person
                case _:
                    pass
    if terminal.is_json:
        terminal.json(NearbyAnswer(is_on=answer.is_on, people=list(people.values())))
        return
    if not answer.is_on:
        terminal.say("You are not to be found, and so you find nobody: mesh nearby on")
    elif not people:
        terminal.say("Nobody around wants to be found.")
    else:
        rows = [("", "NAME", "STATE")]
        rows += [(str(each.id), clean_line(each.name), state_of(each)) for each in people.values()]
        for line in columns(rows):
            terminal.result(line)


@nearby.command(
    help="""\
Compare pictures or numbers with somebody near; the same on both sides makes the contact.

\b
Examples:
  mesh nearby compare 2
  mesh nearby compare 2 --json | jq .numbers
  mesh nearby compare 2 --yes-equal
"""
)
@click.argument("number", type=click.IntRange(min=1))
@verdict_option
@shared_options
@click.pass_obj
def compare(choices: Choices, number: int, *, verdict: bool | None) -> None:
    client = client_of(choices)
    stream = client.events(until=time.monotonic() + patience_s(choices))
    next(stream, None)
    begun = client.ask(CompareNearby(number), NearbyPersonAnswer)

    def find(event: Event) -> NearbyPersonAnswer | None:
        match event:
            case NearbyChanged(person=person) if person.id == number:
                return person
            case _:
                return None

    see_through(
        Terminal(choices),
        begun,
        who=clean_line(begun.name),
        confirm=lambda is_equal: client.ask(
            ConfirmNearby(number, is_equal=is_equal), NearbyPersonAnswer
        ),
        steps=steps_of(stream, find),
        verdict=verdict,
        # Both have said the same; the proofs and the invite may still fail.
        is_settled=lambda told: told.state == "failed" or told.contact != 0,
    )
