"""`mesh save`: files of a message, kept in a folder."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from mesh.api.stream import Happened, StreamObject
from mesh.cli.changing import ItemNumber
from mesh.cli.daemon_client import client_of
from mesh.cli.items import progress_of
from mesh.cli.layout import size
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.saving import safe_name, save_new
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.files import CancelFile, FetchFile, FileAnswer, PauseFile
from mesh.commands.item_commands import AskItem
from mesh.commands.items import ItemDetailsAnswer
from mesh.errors import UserError
from mesh.events import FileChanged


class Saved(msgspec.Struct, kw_only=True):
    """One file in the answer of `mesh save --json`."""

    number: int
    file: str
    bytes: int


@click.command(
    help="""\
Save the files of a message, whose number mesh read shows behind the #.

They go to the folder of --out, or to the one where you are. A file that is there is never replaced:
the new one gets a number. What others call a file is made safe, and nothing that is saved can be
run; it is marked as from elsewhere where the system can. A copy that you saved stays when the
message is deleted or disappears. What is not all here is fetched; with --wait the command ends when
it is, and says how far it has come. With --pause, --resume or --cancel nothing is saved; no more is
fetched, or it goes on, and --cancel deletes what is here of it as well. A large file of yours is
not given meanwhile, and after --cancel never again.

\b
Examples:
  mesh save 1041
  mesh save 1041 --out ~/Pictures
  mesh save 1041 --wait --timeout 3600
  mesh save 1041 --cancel
"""
)
@click.argument("number", type=ItemNumber, metavar="NUMBER")
@click.option(
    "--out",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="The folder; else the one where you are.",
)
@click.option("--wait", is_flag=True, help="Wait until all is here; exit 6 if not in time.")
@click.option("--pause", is_flag=True, help="Fetch no more of them for now.")
@click.option("--resume", is_flag=True, help="Let them go on, and save nothing now.")
@click.option("--cancel", is_flag=True, help="Fetch no more, and delete what is here of them.")
@shared_options
@click.pass_obj
def save(
    choices: Choices,
    number: int,
    out: Path,
    *,
    wait: bool,
    pause: bool,
    resume: bool,
    cancel: bool,
) -> None:
    if wait + pause + resume + cancel > 1:
        raise click.UsageError("One of --wait, --pause, --resume and --cancel at a time.")
    terminal, client = Terminal(choices), client_of(choices)
    stream: Iterator[StreamObject] = iter(())
    if wait:
        # Listening begins before anything is asked, so that nothing is missed.
        stream = client.events(until=time.monotonic() + choices.timeout)
        next(stream, None)
    files = client.ask(AskItem(number), ItemDetailsAnswer).item.files
    if not files:
        raise UserError("not-found", f"The message {number} has no files.")
    if pause or resume or cancel:
        kind = CancelFile if cancel else PauseFile if pause else FetchFile
        show(terminal, [client.ask(kind(one.number), FileAnswer) for one in files])
        return
    files = [fetched(client, one) for one in files]
    files = whole(terminal, files, stream)
    saved = []
    for file in files:
        if file.state == "here":
            path = save_new(out / safe_name(file.name), client.file_bytes(file.number))
            saved.append(Saved(number=file.number, file=str(path), bytes=file.size))
    if terminal.is_json:
        terminal.json(saved)
    for one in () if terminal.is_json else saved:
        terminal.say(f"{clean_line(one.file)} holds it, {size(one.bytes)}.")
    missing = [file for file in files if file.state != "here"]
    if missing:
        told = "; ".join(f"{clean_line(one.name)}: {progress_of(one)}" for one in missing)
        raise UserError("not-whole", f"Not all is here yet: {told}.")


def fetched(client: Client, file: FileAnswer) -> FileAnswer:
    """Have a file go on that was paused or cancelled, or that waits to be asked for."""
    if not file.is_mine and file.state in ("paused", "cancelled", "waits", "no-room"):
        return client.ask(FetchFile(file.number), FileAnswer)
    return file


def whole(
    terminal: Terminal, files: list[FileAnswer], stream: Iterator[StreamObject]
) -> list[FileAnswer]:
    """Return the files once all are here that can be, or as they were when the stream ended."""
    by_number = {file.number: file for file in files}
    with progress(terminal, files) as show_progress:
        while any(file.state == "fetching" for file in by_number.values()):
            told = next(stream, None)
            if told is None:
                break
            match told:
                case Happened(event=FileChanged(file=file)) if file.number in by_number:
                    by_number[file.number] = file
                    show_progress(file)
                case _:
                    pass
    return list(by_number.values())


@contextmanager
def progress(
    terminal: Terminal, files: Sequence[FileAnswer]
) -> Iterator[Callable[[FileAnswer], None]]:
    """Show how far files have come: as a bar to a person, else in lines."""
    if not terminal.is_watched() or not any(one.state == "fetching" for one in files):
        yield lambda file: terminal.say(f"{clean_line(file.name)}: {progress_of(file)}")
        return
    here = {one.number: one.here_count for one in files}
    length = sum(one.blocks_count for one in files)
    with click.progressbar(length=length, label="Blocks", file=terminal.told) as bar:
        bar.update(sum(here.values()))

        def moved(file: FileAnswer) -> None:
            bar.update(max(0, file.here_count - here[file.number]))
            here[file.number] = file.here_count

        yield moved


def show(terminal: Terminal, files: list[FileAnswer]) -> None:
    """Say how files are."""
    if terminal.is_json:
        terminal.json(files)
        return
    for file in files:
        terminal.say(f"{clean_line(file.name)}: {progress_of(file)}")
