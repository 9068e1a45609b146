"""`mesh send`: hand a message to the node, which keeps it until it can go."""

import sys
import time
from collections.abc import Iterator

import click

from mesh.api.stream import Happened, StreamObject
from mesh.cli.completing import complete_contact
from mesh.cli.door import client_of
from mesh.cli.messages import state_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.cli.untrusted import clean_line
from mesh.commands import MessageAnswer, SendMessage
from mesh.errors import UserError
from mesh.events import MessageStateChanged
from mesh.limits import TEXT_BYTES_MAX

HELP = """\
Send a message to a contact.

CONTACT is a label, a number, or the beginning of a key. Without TEXT, or with a single -, the
message is read from standard input. The command ends when the message is safely kept here; it
leaves as soon as there is a neighbour, also after this laptop was closed and opened again.

\b
Examples:
  mesh send Ben "See you at the gate at 7"
  mesh send Ben < notes.txt
  mesh send Ben --key order-17 "Two boxes of water"
  mesh send Ben --wait --timeout 60 "Are you there?"
"""

TAKEN = ("carried", "received")


@click.command(help=HELP)
@click.argument("contact", shell_complete=complete_contact)
@click.argument("text", nargs=-1)
@click.option("--key", metavar="KEY", default="", help="Sent again with it, it is one message.")
@click.option("--wait", is_flag=True, help="Wait until a neighbour carries it; exit 6 if none.")
@shared_options
@click.pass_obj
def send(choices: Choices, contact: str, text: tuple[str, ...], key: str, *, wait: bool) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    written = " ".join(text) if text and text != ("-",) else read_text(terminal)
    command = SendMessage(contact=contact, text=written, idempotency_key=key)
    stream: Iterator[StreamObject] = iter(())
    if wait:
        # Listening begins before the message is sent, so that nothing about it is missed.
        stream = client.events(until=time.monotonic() + choices.timeout)
        next(stream, None)
    message = client.ask(command, MessageAnswer)
    if wait and message.state not in TAKEN:
        message = taken(message, stream)
    if terminal.is_json:
        terminal.json(message)
    else:
        terminal.say(f"{clean_line(message.label)}, message {message.number}: {state_of(message)}")
    if wait and message.state not in TAKEN:
        raise UserError(
            "not-carried",
            f"No neighbour took it within {choices.timeout:g} seconds; it is kept here and goes "
            "out by itself.",
        )


def taken(message: MessageAnswer, stream: Iterator[StreamObject]) -> MessageAnswer:
    """Return the message once a neighbour has it, or as it was when the stream ended."""
    for told in stream:
        match told:
            case Happened(event=MessageStateChanged(message=changed)):
                if changed.id == message.id and changed.state in TAKEN:
                    return changed
            case _:
                pass
    return message


def read_text(terminal: Terminal) -> str:
    """Return what comes on standard input, without the line end that closes it."""
    if sys.stdin.isatty():
        terminal.say("Type the message; Ctrl-D on an empty line sends it, Ctrl-C does not.")
    content = sys.stdin.buffer.read(TEXT_BYTES_MAX + 2)
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UserError("bad-text", "What came on standard input is not UTF-8 text.") from None
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise UserError("too-large", f"A message has at most {TEXT_BYTES_MAX} bytes.")
    if not text:
        raise UserError("no-text", "There is nothing to send.")
    return text
