"""`mesh compare`, and what people nearby have in common with it: two persons look at the same.

The exchange behind it is committed before anything is shown, so pictures or numbers that agree
prove that nobody stands between the two; they must be compared by eye or by voice, never through
the mesh itself.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from mesh.api.stream import Happened, StreamObject
from mesh.cli.completing import complete_contact
from mesh.cli.daemon_client import client_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.nearby import NearbyPersonAnswer
from mesh.commands.verification import Compare, ComparisonAnswer, ConfirmComparison
from mesh.errors import UserError
from mesh.events import ComparisonChanged, Event

COMPARING_S = 600.0
"""Two persons agree to compare within minutes, or they will do it another time."""

TO_SEE = ("compare", "matched", "failed")
SETTLED = ("matched", "failed")

SeenT = TypeVar("SeenT", ComparisonAnswer, NearbyPersonAnswer)

verdict_option = click.option(
    "--yes-equal/--no",
    "verdict",
    default=None,
    help="For scripts: say at once whether both sides show the same.",
)


@click.command(
    help="""\
Compare pictures or numbers with a contact, both of you at the same time.

It begins a comparison or takes up theirs, waits for the other side (ten minutes, or --timeout),
shows 7 pictures and 3 numbers, and asks whether they show the same. Compare by eye or by voice,
not in a message. If they are the same, nobody stands between you, and the contact is verified.

With --json and no verdict it ends when there is something to compare.

\b
Examples:
  mesh compare Ben
  mesh compare Ben --timeout 3600
  mesh compare Ben --json | jq .numbers
  mesh compare Ben --yes-equal
"""
)
@click.argument("contact", shell_complete=complete_contact)
@verdict_option
@shared_options
@click.pass_obj
def compare(choices: Choices, contact: str, *, verdict: bool | None) -> None:
    client = client_of(choices)
    stream = client.events(until=time.monotonic() + patience_s(choices))
    # Listening begins before it is asked for, so that no step of the other side is missed.
    next(stream, None)
    begun = client.ask(Compare(contact), ComparisonAnswer)
    names = Names([]) if choices.json else Names.ask(client)

    def find(event: Event) -> ComparisonAnswer | None:
        match event:
            case ComparisonChanged(comparison=told) if told.contact == begun.contact:
                return told
            case _:
                return None

    see_through(
        Terminal(choices),
        begun,
        who=names.name(begun.contact, begun.label),
        confirm=lambda is_equal: client.ask(
            ConfirmComparison(contact, is_equal=is_equal), ComparisonAnswer
        ),
        steps=steps_of(stream, find),
        verdict=verdict,
        is_settled=lambda told: told.state in SETTLED,
    )


def patience_s(choices: Choices) -> float:
    """Return how long to wait for the other person."""
    return choices.timeout if choices.is_timeout_given else COMPARING_S


def steps_of(
    stream: Iterator[StreamObject], find: Callable[[Event], SeenT | None]
) -> Iterator[SeenT]:
    """Yield the further steps of one comparison."""
    for told in stream:
        if isinstance(told, Happened):
            step = find(told.event)
            if step is not None:
                yield step


def see_through(
    terminal: Terminal,
    begun: SeenT,
    *,
    who: str,
    confirm: Callable[[bool], SeenT],
    steps: Iterator[SeenT],
    verdict: bool | None,
    is_settled: Callable[[SeenT], bool],
) -> None:
    """Bring a comparison as far as it goes: wait, show, ask, and say what came of it.

    `is_settled` says of a comparison that matched or failed whether nothing more comes of it.
    """
    now = begun
    if now.state not in TO_SEE:
        terminal.say(f"Waiting for {who} to compare as well (Ctrl-C: later)…")
        now = waited(steps, until=TO_SEE)
    has_seen = now.state != "failed"
    if now.state == "compare":
        verdict = judged(terminal, now, who, verdict=verdict)
        if verdict is not None:
            now = confirm(verdict)
            if now.state not in SETTLED:
                terminal.say(f"Waiting for what {who} says…")
                now = waited(steps, until=SETTLED)
    if now.state == "matched" and not is_settled(now):
        terminal.say(f"You see the same. Waiting until {who} is a contact (Ctrl-C: later)…")
        now = next((step for step in steps if is_settled(step)), now)
    if terminal.is_json:
        terminal.json(now)
    if now.state == "failed":
        told = failure_of(who, now.failure, has_seen=has_seen, verdict=verdict)
        raise UserError("comparison-failed", told)
    if now.state == "matched":
        if not is_settled(now):
            words = f"You see the same, but {who} is no contact yet; look later: mesh contacts"
            raise UserError("timeout", words)
        terminal.say(f"You and {who} see the same: {who} is verified.")


def judged(terminal: Terminal, seen: SeenT, who: str, *, verdict: bool | None) -> bool | None:
    """Show what there is to compare; return the verdict that was given, or ask for one."""
    if terminal.is_json:
        return verdict
    for line in lines_of(seen):
        terminal.result(line)
    return asked(terminal, who) if verdict is None else verdict


def waited(steps: Iterator[SeenT], *, until: tuple[str, ...]) -> SeenT:
    """Return the step that is waited for; a UserError says that it did not come in time."""
    for step in steps:
        if step.state in until:
            return step
    raise UserError(
        "timeout", "The other side has not answered yet; the same command again goes on with it."
    )


def failure_of(who: str, failure: str, *, has_seen: bool, verdict: bool | None) -> str:
    """Say what is known when a comparison came to nothing, and no more than that."""
    if not has_seen:
        return (
            f"The comparison with {who} ended before there was anything to see: one of you took it "
            "back, it took too long, it was cut off, or the other side broke its rules."
        )
    if verdict is False:
        return (
            f"You and {who} do not see the same, as you say. Somebody may stand between you: trust "
            "no message until you have met."
        )
    if failure == "said there":
        return (
            f"{who} says that it differs: do not trust this key until you have met. Somebody may "
            "stand between you."
        )
    return (
        f"The comparison with {who} came to nothing. If they see something else, somebody may "
        "stand between you: trust no message until you have met. If it only took too long or was "
        "cut off, begin anew."
    )


def asked(terminal: Terminal, who: str) -> bool | None:
    """Ask whether both see the same; None if nobody is there to be asked.

    --yes does not answer it: it was said before there was anything to see.
    """
    if not terminal.has_person():
        terminal.say("Say what they show: the same command with --yes-equal or --no.")
        return None
    return click.confirm(f"Does {who} see the same pictures or numbers?", err=True)


def lines_of(seen: ComparisonAnswer | NearbyPersonAnswer) -> list[str]:
    """Return pictures with their names, and the numbers."""
    # A terminal's letters may lack a picture; its name they have.
    lines = [f"{clean_line(picture)}  {clean_line(name)}" for picture, name in seen.emoji]
    return [*lines, "or  " + "  ".join(map(str, seen.numbers))]
