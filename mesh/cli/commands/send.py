"""`mesh send`: hand a message to the node, which keeps it until it can go."""

import sys
import time
from collections.abc import Iterator

import click

from mesh.api.stream import Happened, StreamObject
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import plural
from mesh.cli.messages import state_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.commands.messages import MessageAnswer, MessageState, SendMessage
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import UserError
from mesh.events import MessageStateChanged
from mesh.limits.messages import TEXT_BYTES_MAX

HELP = """\
Send a message in a conversation.

CHAT is a contact's label, a number of mesh chats, or the beginning of a key; or "me", for a note to
yourself that never leaves this profile. Without TEXT, or with a single -, the
message is read from standard input. The command ends when the message is safely kept here; it
leaves as soon as there is a neighbour, also after this laptop was closed and opened again. With
--wait it ends when a neighbour has said that it carries it, or with --wait delivered when their
device has proved that it opened it.

\b
Examples:
  mesh send Ben "See you at the gate at 7"
  mesh send Ben < notes.txt
  mesh send me "Ask Ben for the keys"
  mesh send Ben --key order-17 "Two boxes of water"
  mesh send Ben --wait --timeout 60 "Are you there?"
  mesh send Ben --wait delivered --timeout 3600 "The gate is open"
"""

AWAITED: dict[str, tuple[MessageState, ...]] = {
    "carried": (
        "carried",
        "kept",
        "received",
        "delivered",
        "read",
        "delivered-then-withdrawn",
    ),
    "delivered": ("kept", "received", "delivered", "read", "delivered-then-withdrawn"),
}
"""What may be waited for, and the states in which it holds."""

NAMED = [[name] for name in AWAITED]

OVER: tuple[MessageState, ...] = ("expired", "withdrawn")
"""Nothing more comes of these."""

TOO_LATE = {
    "carried": "No neighbour took it within {} seconds; it is kept here and goes out by itself.",
    "delivered": "After {} seconds there is no proof that it was delivered; mesh read tells more.",
}


class SendCommand(click.Command):
    """Lets `--wait` stand alone, as it did before it could say for what, beside the text."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        written = args.index("--") if "--" in args else len(args)
        for index in range(written - 1, -1, -1):
            if args[index] == "--wait" and args[index + 1 : index + 2] not in NAMED:
                args.insert(index + 1, "carried")
        return super().parse_args(ctx, args)


@click.command(cls=SendCommand, help=HELP)
@click.argument("chat", shell_complete=complete_chat)
@click.argument("text", nargs=-1)
@click.option("--key", metavar="KEY", default="", help="Sent again with it, it is one message.")
@click.option(
    "--wait",
    type=click.Choice(list(AWAITED)),
    help="Wait until a neighbour carries it, or their device has it; exit 6 if not in time.",
)
@shared_options
@click.pass_obj
def send(choices: Choices, chat: str, text: tuple[str, ...], key: str, wait: str | None) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    written = " ".join(text) if text and text != ("-",) else read_text(terminal)
    command = SendMessage(contact=chat, text=written, idempotency_key=key)
    # Asked before it is sent: whatever fails after that must not look like a failed send.
    is_told = not (terminal.is_json or choices.quiet)
    names = Names.ask(client) if is_told else Names([])
    status = client.ask(AskStatus(), StatusAnswer) if is_told else None
    stream: Iterator[StreamObject] = iter(())
    if wait:
        # Listening begins before the message is sent, so that nothing about it is missed.
        stream = client.events(until=time.monotonic() + choices.timeout)
        next(stream, None)
    message = client.ask(command, MessageAnswer)
    hints = [] if status is None else waits_for(message, status, names.of(message))
    if wait:
        for line in hints:
            terminal.say(line)
        message = awaited(message, stream, AWAITED[wait])
    if terminal.is_json:
        terminal.json(message)
    else:
        terminal.say(f"{names.of(message)}, message {message.number}: {state_of(message)}")
    if not wait:
        for line in hints:
            terminal.say(line)
    if wait and message.state in OVER:
        raise UserError(f"not-{wait}", f"Nobody waits for it any more: {state_of(message)}.")
    if wait and message.state not in AWAITED[wait]:
        raise UserError(f"not-{wait}", TOO_LATE[wait].format(f"{choices.timeout:g}"))


def waits_for(message: MessageAnswer, status: StatusAnswer, name: str) -> list[str]:
    """Say what keeps a message here for more than a moment, and how long, where that is known."""
    if message.state == "awaiting-key":
        return [
            f"It waits for the keys of {name}: they come over the mesh from any node that has "
            "them, and nobody can say when. Their whole link brings them at once: mesh add LINK"
        ]
    if message.state != "queued":
        return []
    told = []
    if status.stamp == "being made":
        seconds = status.stamp_seconds
        told.append(
            "It waits for a stamp, the work by which this profile may post today: usually "
            f"{plural(seconds, 'second')}, seldom more than {3 * seconds}. "
            "From then on stamps are made ahead."
        )
    if not status.links_count:
        told.append(
            "It waits for another node: none is linked now. It leaves by itself as soon as one is; "
            "mesh doctor says what keeps nodes apart."
        )
    return told


def awaited(
    message: MessageAnswer, stream: Iterator[StreamObject], states: tuple[MessageState, ...]
) -> MessageAnswer:
    """Return the message once it is in such a state, or as it was when the stream ended."""
    if message.state in (*states, *OVER):
        return message
    for told in stream:
        match told:
            case Happened(event=MessageStateChanged(message=changed)) if changed.id == message.id:
                message = changed
                if message.state in (*states, *OVER):
                    return message
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
