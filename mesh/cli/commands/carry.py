"""`mesh carry`: mail that goes by hand, as a file on a stick, where there is no network."""

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol

import click
import msgspec

from mesh.bundles.release_keys import own_keys
from mesh.bundles.shelf import Offer, own_offers
from mesh.bundles.stick import (
    program_folder,
    program_on_stick,
    require_plain_folders,
    write_program,
)
from mesh.bundles.verifying import Judged
from mesh.cli.carry_files import PartialFile, part_of, require_replaceable
from mesh.cli.carry_resume import Unfinished, find_unfinished, header_now
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import find_bytes, plural, size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.carry import ImportedAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.errors import PeerError, UserError
from mesh.limits.carry import SUMMARY_BYTES_MAX
from mesh.node.plain_files import opened_plainly, pieces_of
from mesh.wire.carry_file import (
    BLOCK_CHECK_BYTES,
    BLOCK_HEAD_BYTES,
    END_BYTES,
    FILE_BYTES_MIN,
    HEADER_BYTES,
    MARKER,
    BlockKind,
    EndMark,
    decode_file_header,
)

GOES_ON = "The same command goes on with {part}; it can be imported as it is, too."
BEGINS_ANEW = "The same command begins anew; {part} can be imported as it is."
SAY_AGAIN = "Say the same command again."


def size_of(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return bytes, as people and the makers of sticks write them."""
    if value is None:
        return None
    size_bytes = find_bytes(value)
    if size_bytes is None:
        raise click.BadParameter(f"{value!r} is no size; say 500MB, 4GB or 2GiB.")
    if size_bytes < FILE_BYTES_MIN:
        raise click.BadParameter(f"even an empty file takes {FILE_BYTES_MIN} bytes.")
    return size_bytes


class Exported(msgspec.Struct, kw_only=True):
    """The answer of `mesh carry export --json`."""

    file: str
    bytes: int
    envelopes_count: int
    retirements_count: int
    program: str = ""
    """The folder with Mesh itself, by `--with-program`."""


class Imported(ImportedAnswer, frozen=True, kw_only=True):
    """The answer of `mesh carry import --json`; `program`: files of Mesh on the same stick."""

    program: list[Judged]


class Summarised(msgspec.Struct, kw_only=True):
    """The answer of `mesh carry summary --json`."""

    envelopes_count: int
    stored_bytes: int
    file: str = ""
    bytes: int = 0


@click.group(
    help="""\
Carry mail by hand: as a file on a stick, where there is no network at all.

A file holds what this node carries for everybody, sealed as it is; whoever finds it can read none
of it, and nothing in it says what is yours. It makes no difference whether the node is locked.

\b
Examples:
  mesh carry export /media/stick/mail.mesh --max 2GB
  mesh carry import /media/stick/mail.mesh
""",
)
def carry() -> None:
    pass


@carry.command(
    name="export",
    help="""\
Write what this node carries to FILE, the newest first.

With --since only what is not in a summary, which `mesh carry summary` makes on the other node.
With --for only what you wrote to one contact and what is on its way to them: a small file, and who
finds it sees that it is for one person, though not for whom.
What is written grows as FILE.part and becomes FILE at the end. Was it interrupted, the same command
goes on with what is there, within six hours; and FILE.part can be imported as it is. With --since
or --for it is FILE.some.part, and begun anew. Messages of yours that are in a file say so: on a
stick since Tuesday.

\b
Examples:
  mesh carry export /media/stick/mail.mesh
  mesh carry export mail.mesh --max 500MB
  mesh carry export mail.mesh --since ben.summary
  mesh carry export for-ben.mesh --for Ben
  mesh carry export /media/stick/mail.mesh --with-program
""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--since",
    metavar="SUMMARY",
    type=click.Path(path_type=Path),
    help="Leave out what this summary has.",
)
@click.option(
    "--max", "bytes_max", metavar="SIZE", callback=size_of, help="No more than this: 4GB."
)
@click.option(
    "--for",
    "contact",
    metavar="NAME",
    default="",
    help="Only what you wrote to this contact. It shows that all of it is for one person.",
)
@click.option(
    "--with-program",
    is_flag=True,
    help="Put Mesh itself beside it, in the folder mesh-program, for who has none.",
)
@shared_options
@click.pass_obj
def export(
    choices: Choices,
    file: Path,
    since: Path | None,
    bytes_max: int | None,
    contact: str,
    with_program: bool,
) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    summary = read_summary(since) if since is not None else b""
    confirm_replacing(terminal, file)
    with contextlib.ExitStack() as held:
        # Before the mail is written: who has no program to give is told at once.
        offers = held.enter_context(own_offers(None)) if with_program else []
        if with_program:
            require_plain_folders(program_folder(file))
        written, end = write_mail(terminal, client, file, summary, bytes_max, contact)
        program = put_program(terminal, file, offers) if with_program else ""
    if terminal.is_json:
        terminal.json(
            Exported(
                file=str(file),
                bytes=written,
                envelopes_count=end.envelopes_count,
                retirements_count=end.stubs_count,
                program=program,
            )
        )
    else:
        terminal.say(f"{file} holds {plural(end.envelopes_count, 'envelope')}, {size(written)}.")
        terminal.say(f"On the other side:  mesh carry import {file.name}")


def write_mail(
    terminal: Terminal,
    client: Client,
    file: Path,
    summary: bytes,
    bytes_max: int | None,
    contact: str,
) -> tuple[int, EndMark]:
    """Write the mail, or go on with what is there of it; return its size and its end mark."""
    # What is left out for a summary would have to be told from what the part has already; and a
    # part may hold mail for others.
    goes_on = not summary and not contact
    unfinished = None
    if goes_on:
        unfinished = find_unfinished(part_of(file), bytes_max, partial(header_now, client))
    if unfinished is not None:
        terminal.say(f"Going on with {part_of(file)}: {size(unfinished.writer.bytes_count)}.")
        return go_on(terminal, file, unfinished, client, bytes_max)
    pieces = client.export_carried(bytes_max=bytes_max, summary=summary, contact=contact)
    advice = GOES_ON if goes_on else BEGINS_ANEW
    return write_file(
        terminal, file, pieces, bytes_max=bytes_max, advice=advice, is_for_some=not goes_on
    )


@carry.command(
    name="import",
    help="""\
Read FILE, and keep of it what this node would take from a neighbour.

Everything is checked as if it came over a link: signatures, stamps, times, quotas. What is known
already costs a look, so after an interruption import the same file again. Exit 1 if a part of the
file was damaged or missing; the rest is imported.

\b
Examples:
  mesh carry import /media/stick/mail.mesh
  mesh carry import --json mail.mesh | jq .envelopes_count
""",
)
@click.argument("file", type=click.Path(path_type=Path))
@shared_options
@click.pass_obj
def import_(choices: Choices, file: Path) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    require_running(client)
    try:
        with opened_plainly(file) as (opened, length), progress(terminal, "Reading", length) as bar:
            answer = client.import_carried(watched(pieces_of(opened, length), bar))
    except KeyboardInterrupt:
        terminal.warn("Interrupted: what was read is kept; import the same file again to go on.")
        raise
    if not terminal.is_json:
        # Before the program on the stick is read, which may take minutes.
        for line in lines_of(answer):
            terminal.result(line)
    try:
        program = program_on_stick(program_folder(file), own_keys())
    except KeyboardInterrupt:
        if terminal.is_json:
            terminal.json(Imported(**msgspec.structs.asdict(answer), program=[]))
        terminal.warn("Interrupted: the mail is imported; the program beside it was not looked at.")
        raise
    if terminal.is_json:
        terminal.json(Imported(**msgspec.structs.asdict(answer), program=program))
    else:
        for line in lines_of_program(program):
            terminal.result(line)
    if not answer.is_complete:
        parts = plural(answer.damaged_count, "part")
        verb = "is" if answer.damaged_count == 1 else "are"
        raise UserError(
            "damaged-file", f"{parts} of {file} {verb} unreadable or missing; the rest is imported."
        )


@carry.command(
    name="summary",
    help="""\
Write a summary of what this node has to FILE, so that an export elsewhere leaves it out.

Take it to the other node, and there say `mesh carry export --since FILE`. It holds three bytes for
each envelope, of a hash that changes each time. Without FILE, say how much there is.

\b
Examples:
  mesh carry summary
  mesh carry summary /media/stick/ben.summary
""",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@shared_options
@click.pass_obj
def summary(choices: Choices, file: Path | None) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    status = client.ask(AskStatus(), StatusAnswer)
    told = Summarised(envelopes_count=status.envelopes_count, stored_bytes=status.stored_bytes)
    if file is not None:
        confirm_replacing(terminal, file)
        pieces = client.summary_of_carried()
        told.bytes, _ = write_file(terminal, file, pieces, bytes_max=0, advice=SAY_AGAIN)
        told.file = str(file)
    if terminal.is_json:
        terminal.json(told)
        return
    carried = f"{plural(told.envelopes_count, 'envelope')}, {size(told.stored_bytes)}"
    if file is None:
        terminal.result(f"This node carries {carried}.")
    else:
        terminal.say(f"{file} sums up {carried}, in {size(told.bytes)}.")
        terminal.say(f"On the other side:  mesh carry export FILE --since {file.name}")


class Bar(Protocol):
    """A progress bar, or nothing."""

    def update(self, n_steps: int) -> None: ...


class NoBar:
    """The progress that is shown where nobody looks."""

    def update(self, n_steps: int) -> None:
        """Show nothing."""


@contextmanager
def progress(terminal: Terminal, label: str, length: int) -> Iterator[Bar]:
    """Show how far it is, to a person at a terminal only."""
    if not terminal.is_watched():
        yield NoBar()
        return
    with click.progressbar(length=max(1, length), label=label, file=terminal.told) as bar:
        yield bar


def watched(pieces: Iterable[bytes], bar: Bar) -> Iterator[bytes]:
    """Yield pieces, and show how far it is."""
    for piece in pieces:
        yield piece
        bar.update(len(piece))


def write_file(
    terminal: Terminal,
    path: Path,
    pieces: Iterator[bytes],
    *,
    bytes_max: int | None,
    advice: str,
    is_for_some: bool = False,
) -> tuple[int, EndMark]:
    """Write a file in its part, and return its size and its end mark.

    `advice` says what to do after an interruption, with the part as `{part}`.
    """
    first = next(pieces, b"")
    while len(first) < HEADER_BYTES and (more := next(pieces, b"")):
        first += more
    with PartialFile(path, is_for_some=is_for_some) as file:
        expected = expected_bytes(first, bytes_max)
        return finish_file(terminal, file, chain([first], pieces), expected, advice)


def go_on(
    terminal: Terminal,
    path: Path,
    unfinished: Unfinished,
    client: Client,
    bytes_max: int | None,
) -> tuple[int, EndMark]:
    """The same for a file of which a part is there."""
    status = client.ask(AskStatus(), StatusAnswer)
    kept_bytes = unfinished.writer.bytes_count
    whole_bytes = min(status.stored_bytes, bytes_max or status.stored_bytes)
    with PartialFile(path, kept_bytes=kept_bytes) as file:
        pieces = unfinished.rest(client, bytes_max)
        return finish_file(terminal, file, pieces, whole_bytes - kept_bytes, GOES_ON)


def finish_file(
    terminal: Terminal, file: PartialFile, pieces: Iterable[bytes], expected: int, advice: str
) -> tuple[int, EndMark]:
    """Write what comes up to the end mark, and give the file its name."""
    what_next = advice.format(part=file.part)
    last = b""
    with progress(terminal, "Writing", expected) as bar:
        try:
            for piece in watched(pieces, bar):
                file.write(piece)
                last = (last + piece)[-END_BYTES:]
        except KeyboardInterrupt:
            terminal.warn(f"Interrupted. {what_next}")
            raise
        except UserError as error:
            if error.kind in ("not-running", "timeout"):
                raise cut_short(what_next) from None
            raise
        end = find_end(last)
        if end is None:
            raise cut_short(what_next)
        file.keep()
        return file.bytes_count, end


def cut_short(what_next: str) -> UserError:
    """Say that the node went away within a file."""
    return UserError("not-running", f"Mesh stopped before the file was whole. {what_next}")


def find_end(data: bytes) -> EndMark | None:
    """Return what the end mark says, if these last bytes are one."""
    if len(data) != END_BYTES or not data.startswith(MARKER) or data[4] != BlockKind.END:
        return None
    return EndMark.decode(data[BLOCK_HEAD_BYTES:-BLOCK_CHECK_BYTES])


def expected_bytes(first: bytes, bytes_max: int | None) -> int:
    """Return how long a file will be at most, by what it says itself; for the bar only."""
    try:
        header = decode_file_header(first[:HEADER_BYTES])
    except PeerError:
        header = None
    if header is None:
        return 1
    return header.bytes_max if bytes_max is None else min(header.bytes_max, bytes_max)


def read_summary(path: Path) -> bytes:
    """Return the bytes of a summary."""
    with opened_plainly(path) as (file, length):
        if length > SUMMARY_BYTES_MAX:
            raise UserError("too-large", f"{path} is too large to be a summary.")
        content = b"".join(pieces_of(file, length))
    if not content:
        # An empty body means that there is none, and everything would be exported.
        raise UserError("bad-carry-file", f"{path} is empty, and no summary.")
    return content


def confirm_replacing(terminal: Terminal, path: Path) -> None:
    """Ask before a file is replaced."""
    if require_replaceable(path):
        terminal.confirm(f"Replace {clean_line(str(path))}?")


def require_running(client: Client) -> None:
    """Say that nothing runs before a stick is read."""
    client.ask(AskStatus(), StatusAnswer)


def put_program(terminal: Terminal, file: Path, offers: list[Offer]) -> str:
    """Put Mesh itself beside a file of mail, and return the folder."""
    folder = program_folder(file)
    terminal.say("Putting the program beside it…")
    write_program(offers, folder)
    names = ", ".join(clean_line(each.name) for each in offers if "/" not in each.name)
    terminal.say(f"{folder} holds {names}.")
    return str(folder)


def lines_of_program(program: list[Judged]) -> list[str]:
    """Return which program lies beside the mail, for people."""
    lines = []
    for each in program:
        mark = "verified" if each.verdict == "verified" else "NOT VERIFIED"
        told = f"program    {clean_line(each.file)}, {mark}: {clean_line(each.told)}"
        lines.append(told + (" It is older than this one." if each.is_older else ""))
    return lines


def lines_of(answer: ImportedAnswer) -> list[str]:
    """Return what became of a file, for people."""
    lines = [
        f"new        {plural(answer.envelopes_count, 'envelope')}",
        f"known      {answer.known_count}",
    ]
    if answer.retirements_count:
        lines.append(f"over       {answer.retirements_count}, opened or withdrawn elsewhere")
    lines += [f"refused    {count}: {clean_line(why)}" for why, count in answer.refused.items()]
    return lines
