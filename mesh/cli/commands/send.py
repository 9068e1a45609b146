"""`mesh send`: hand a message to the node, which keeps it until it can go."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import click

from mesh.api.stream import Happened, StreamObject
from mesh.cli.changing import ItemNumber
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.durations import Lifetime
from mesh.cli.handing_over import hand_over, left_out_of
from mesh.cli.layout import when
from mesh.cli.mentions import mentioned
from mesh.cli.messages import state_of, waits_for
from mesh.cli.moments import FORMS, moment_of
from mesh.cli.names import Names
from mesh.cli.options import Choices, shared_options
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.fields import KeepFor
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.commands.messages import (
    AskMessage,
    MessageAnswer,
    MessageDetailsAnswer,
    MessageState,
    SendMessage,
)
from mesh.commands.scheduled import ScheduledAnswer, ScheduleText
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
--for it is said how long, from now on, it is posted again whenever it lapses on its way without
proof that it came (7 days after it was posted); 30 days if neither that nor mesh keep says
otherwise. With
--reply it answers to a message, by the number that mesh read shows behind the #; with --timer it
disappears so long after it was read, whatever mesh timer says. With --file it brings a
file, with or without TEXT; say --file again for another one. Up to 975,000 bytes are carried like
the message; a larger one, up to 2 GiB, stays where it is, and goes from this node to theirs while
the two have a link and the file is not changed. A picture (JPEG, PNG, WebP, GIF) is drawn anew
first, so that it tells neither place nor camera, and smaller if it is too large; with --as-file it
goes as it is, with all that. With
--at it is kept here and sent at that time if this node runs unlocked then, else as soon as it does;
mesh scheduled lists what waits. With
--wait it ends when a neighbour has said that it carries it, or with --wait delivered when their
device has proved that it opened it.

\b
Examples:
  mesh send Ben "See you at the gate at 7"
  mesh send Ben < notes.txt
  mesh send me "Ask Ben for the keys"
  mesh send Ben --key order-17 "Two boxes of water"
  mesh send Ben --for 1d "The ferry leaves at 9"
  mesh send Ben --reply 1041 "At 8, please"
  mesh send Ben --file map.png "The way to the spring"
  mesh send Ben --file photo.jpg --as-file
  mesh send Ben --timer 1h "The code is 4711"
  mesh send Ben --at "tomorrow 8:00" "Good morning"
  mesh send Ben --at "tomorrow 8:00" --file plan.pdf
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

KEPT_FOR = get_args(KeepFor)

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
    "--for",
    "keep_for",
    type=click.Choice(KEPT_FOR),
    help="For how long it is posted again until it is delivered.",
)
@click.option("--reply", type=ItemNumber, metavar="NUMBER", help="The message that it answers to.")
@click.option(
    "--timer", type=Lifetime(), metavar="TIME", help="After what time it disappears: 1h, 7d."
)
@click.option(
    "--file",
    "paths",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="PATH",
    help="A file that it brings.",
)
@click.option("--as-file", is_flag=True, help="Send pictures as they are, with all they tell.")
@click.option("--at", metavar="TIME", help=f"Send it later: {FORMS}.")
@click.option(
    "--wait",
    type=click.Choice(list(AWAITED)),
    help="Wait until a neighbour carries it, or their device has it; exit 6 if not in time.",
)
@shared_options
@click.pass_obj
def send(
    choices: Choices,
    chat: str,
    text: tuple[str, ...],
    key: str,
    keep_for: KeepFor | None,
    reply: int | None,
    timer: int | None,
    paths: tuple[Path, ...],
    as_file: bool,
    at: str | None,
    wait: str | None,
) -> None:
    if at is not None and wait:
        raise click.UsageError("--at sends later; there is nothing to wait for.")
    if at is not None and not (reply is None and timer is None):
        raise click.UsageError(
            "What is sent later answers to nothing and stays: --at without --reply and --timer."
        )
    if as_file and not paths:
        raise click.UsageError("--as-file is about the files of --file.")
    terminal = Terminal(choices)
    client = client_of(choices)
    due = None if at is None else moment_of(at, time.time())
    is_read = text == ("-",) or not (text or paths)
    written = read_text(terminal) if is_read else " ".join(text)
    plain = SendMessage(contact=chat, text=written, idempotency_key=key, keep_for=keep_for)
    if due is not None:
        numbers = handed_over(terminal, client, paths, as_file=as_file)
        later = ScheduleText(
            chat, due, written, files=numbers, keep_for=keep_for, idempotency_key=key
        )
        scheduled(terminal, client, later)
        return
    # Asked before it is sent: whatever fails after that must not look like a failed send.
    is_told = not (terminal.is_json or choices.quiet)
    names = Names.ask(client) if is_told else Names([])
    status = client.ask(AskStatus(), StatusAnswer) if is_told else None
    stream: Iterator[StreamObject] = iter(())
    if wait:
        # Listening begins before the message is sent, so that nothing about it is missed.
        stream = client.events(until=time.monotonic() + choices.timeout)
        next(stream, None)
    extras = Extras(reply, timer, handed_over(terminal, client, paths, as_file=as_file))
    message = sent(client, plain, extras)
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


class Extras(NamedTuple):
    """The parts that a message of the first Mesh could not have."""

    reply: int | None
    timer: int | None
    files: tuple[int, ...]


def handed_over(
    terminal: Terminal, client: Client, paths: Sequence[Path], *, as_file: bool
) -> tuple[int, ...]:
    """Hand files to the node, and say what of them is told; return their numbers."""
    files = [hand_over(client, path, as_file=as_file) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if told := left_out_of(path, file):
            terminal.say(told)
    return tuple(file.number for file in files)


def sent(client: Client, plain: SendMessage, extras: Extras) -> MessageAnswer:
    """Send a message, plain or with what a message of the first Mesh could not have."""
    reply, timer, files = extras
    mentions = mentioned(client, plain.contact, plain.text)
    if reply is None and timer is None and not files and not mentions:
        return client.ask(plain, MessageAnswer)
    command = WriteItem(
        plain.contact,
        text=plain.text,
        mentions=mentions,
        reply=reply or 0,
        timer=timer,
        files=files,
        keep_for=plain.keep_for,
        idempotency_key=plain.idempotency_key,
    )
    number = client.ask(command, ItemAnswer).number
    return client.ask(AskMessage(number), MessageDetailsAnswer).message


def scheduled(terminal: Terminal, client: Client, asked: ScheduleText) -> None:
    """Have it sent later, and say when, and what that takes."""
    answer = client.ask(asked, ScheduledAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    name = Names.ask(client).name(answer.conversation, answer.title)
    terminal.say(
        f"{name}, text {answer.number}: to be sent {when(answer.at)}, if this node runs unlocked "
        f"then, else as soon as it does. To cancel: mesh scheduled cancel {answer.number}"
    )


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
