"""`mesh export`: a conversation as a file."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import msgspec

from mesh.api.exported_files import name_beside
from mesh.cli.carry_files import part_of, require_replaceable
from mesh.cli.completing import complete_chat
from mesh.cli.daemon_client import client_of
from mesh.cli.layout import plural, size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.saving import save_new
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer
from mesh.errors import StorageError, UserError
from mesh.limits.search import EXPORT_ITEMS_PER_PIECE, EXPORTED_FILES_MAX

FORMS = ("json", "html")

UNREAD = frozenset(("gone", "not-whole", "not-found", "not-running"))
"""Why one file is passed over. A node breaks off in the middle of one that it cannot read on."""


class Exported(msgspec.Struct, kw_only=True):
    """The answer of `mesh export --out FILE --json`."""

    file: str
    bytes: int
    folder: str = ""
    files_count: int = 0
    unread: tuple[str, ...] = ()
    """Names of files that could not be read."""


@click.command(
    help="""\
Write a conversation to a file: as JSON for programs, or as one page of HTML for people.

CHAT is as in mesh send. What disappears by itself is left out, and counted at the end. The file
protects nothing: whoever has it reads it, and what you delete later stays in it. Without --out it
goes to standard output. The page holds no script and asks nobody for anything.

With --files the files that are all here go into a folder beside it: that of ben.html is ben-files.
They bear numbers there; the page says what each is called, and links to it. All but pictures,
sounds, films, documents and archives of known endings get the ending .txt, so that a click runs
none. Without --files none of them is in it.

\b
Examples:
  mesh export Ben --as html --out ben.html
  mesh export Ben --out ben.html --files
  mesh export Ben --out ben.json
  mesh export me | jq -r '.items[].text'
"""
)
@click.argument("chat", shell_complete=complete_chat)
@click.option("--as", "form", type=click.Choice(FORMS), help="The form; that of --out, else json.")
@click.option(
    "--out",
    "out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where it goes; readable for you alone.",
)
@click.option("--files", "with_files", is_flag=True, help="Save its files in a folder beside it.")
@shared_options
@click.pass_obj
def export(
    choices: Choices, chat: str, form: str | None, out: Path | None, *, with_files: bool
) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    chosen = form or ("html" if out is not None and out.suffix in (".html", ".htm") else "json")
    if out is None:
        if with_files:
            raise click.UsageError("Say --out FILE: the files go beside it.")
        if terminal.is_shown():
            raise click.UsageError("Say --out FILE; a terminal obeys what others wrote.")
        for piece in client.export_conversation(chat, form=chosen):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    if require_replaceable(out):
        terminal.confirm(f"Replace {clean_line(str(out))}?")
    folder = out.with_name(f"{out.stem}-files") if with_files else None
    beside = "" if folder is None else folder.name
    done = write_export(out, client.export_conversation(chat, form=chosen, folder=beside), folder)
    if folder is not None:
        saved_count, unread = save_files(client, chat, folder)
        done = msgspec.structs.replace(
            done, folder=str(folder), files_count=saved_count, unread=tuple(unread)
        )
    if terminal.is_json:
        terminal.json(done)
        return
    terminal.say(f"{clean_line(done.file)} holds it, {size(done.bytes)}.")
    if folder is not None:
        count = plural(done.files_count, "file")
        terminal.say(f"{clean_line(done.folder)} holds {count}. Nothing protects them either.")
        if done.files_count == EXPORTED_FILES_MAX:
            terminal.say("No more are saved at once: mesh save saves each.")
    if done.unread:
        names = ", ".join(clean_line(name) for name in done.unread)
        terminal.warn(f"{plural(len(done.unread), 'file')} could not be read: {names}.")


def make_folder(path: Path) -> None:
    """Make the folder of the files, for the person alone; one that is there is not written into."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        raise UserError("exists", f"{path} is there already: move it away first.") from None
    except OSError as error:
        raise UserError("disk", f"Cannot make the folder {path}: {error.strerror}.") from None


def save_files(client: Client, chat: str, folder: Path) -> tuple[int, list[str]]:
    """Save the files of a conversation that are all here, the first first; none that disappears.

    Return how many are saved, and the names of those that could not be read.
    """
    saved_count = 0
    unread = []
    for file in islice(files_of(client, chat), EXPORTED_FILES_MAX):
        try:
            save_new(folder / name_beside(file), client.file_bytes(file.number))
        except UserError as error:
            if error.kind not in UNREAD:
                raise
            unread.append(file.name or str(file.number))
        else:
            saved_count += 1
    return saved_count, unread


def files_of(client: Client, chat: str) -> Iterator[FileAnswer]:
    """Yield the files of a conversation that are all here."""
    after, has_newer = 0, True
    while has_newer:
        page = client.ask(AskItems(chat, after=after, limit=EXPORT_ITEMS_PER_PIECE), ItemsAnswer)
        for item in page.items:
            if not item.timer:
                yield from (file for file in item.files if file.state == "here")
        has_newer = page.has_newer and bool(page.items)
        after = page.items[-1].number if page.items else after


def write_export(path: Path, pieces: Iterator[bytes], folder: Path | None) -> Exported:
    """Write it beside its place, and give it its name when it is whole.

    `folder` is made for its files as soon as something comes.
    """
    from mesh.node.whole_file import WholeFile

    # Whatever is refused is refused before there is a file.
    first = next(pieces, b"")
    if folder is not None:
        make_folder(folder)
    try:
        with WholeFile(path, part_of(path)) as file:
            file.write(first)
            for piece in pieces:
                file.write(piece)
            file.check()
            file.keep()
            return Exported(file=str(path), bytes=file.bytes_count)
    except StorageError as error:
        raise UserError("disk", f"No export was written to {path}. {error}") from None
