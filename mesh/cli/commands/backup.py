"""`mesh backup`, `mesh restore`, `mesh takeover`: a profile in a file, and on another machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from mesh.api.own_requests import AskBackup
from mesh.cli.carry_files import part_of, require_replaceable
from mesh.cli.commands.carry import progress
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.layout import plural, size, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import (
    TRIES,
    new_passphrase,
    passphrase_of_file,
    prompted,
    warn_if_weak,
)
from mesh.cli.running import start_command
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.backup import BackupAnswer, Restored
from mesh.commands.identity import TakenOver, TakeOver
from mesh.errors import StorageError, UserError
from mesh.node.plain_files import opened_plainly

KEEPS_ALL = (
    "The file keeps what it holds now: what you delete later, or what would vanish by itself, "
    "stays in it. Whoever has the file and its passphrase is you: they can write in your name and "
    "read your history. Keep both apart from each other, and from this computer."
)
WEEKLY = (
    "From now on a copy under the same passphrase stays beside the profile, made anew each week. "
    "`mesh settings weekly_copy false` ends that."
)
FORGOTTEN = "Nobody can recover the passphrase of a backup, and without it the file is of no use."
NEXT = (
    "New keys begin with everybody at the next start, and invites made before are closed. Do not "
    "start the former machine any more: remove it with `mesh wipe`."
)
PROTECTS = "the file"
TAKE_IT = "Take it all the same?"
PROMPT = "Passphrase of the backup: "
ROW_BYTES = 200
"""About what a row takes, for the bar only."""


class BackedUp(msgspec.Struct, kw_only=True):
    """The answer of `mesh backup FILE --json`."""

    file: str
    bytes: int
    contacts_count: int
    messages_count: int


@click.command(
    help="""\
Write a backup of this profile to FILE: who you are, contacts, settings and the whole history.

It has a passphrase of its own, which the first backup sets and later ones ask for. With it `mesh
restore FILE` makes the profile anew, on this machine or on another one. Keys of messages are not in
it: after a restore new ones begin with everybody, and what was not delivered is sent again.

Once there is such a passphrase, a copy stays beside the profile too, made anew each week. Without
FILE, say how that is.

\b
Examples:
  mesh backup /media/stick/anna.backup
  mesh backup anna.backup --new-passphrase
  mesh backup anna.backup --passphrase-file ~/backup.pass --yes
  mesh backup --json | jq .copied
""",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--new-passphrase", is_flag=True, help="Set another passphrase for backups.")
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds the passphrase of backups.",
)
@shared_options
@click.pass_obj
def backup(
    choices: Choices, file: Path | None, passphrase_file: Path | None, *, new_passphrase: bool
) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    state = client.ask(AskBackup(), BackupAnswer)
    if file is None:
        if new_passphrase or passphrase_file is not None:
            raise click.UsageError("Say which FILE the backup is to be written to.")
        tell_state(terminal, state)
        return
    if require_replaceable(file):
        terminal.confirm(f"Replace {clean_line(str(file))}?")
    is_new = new_passphrase or not state.has_passphrase
    passphrase = asked_passphrase(terminal, passphrase_file, is_new=is_new)
    pieces = client.backup(passphrase, is_new=new_passphrase)
    done = write_backup(terminal, file, pieces, passphrase, expected=state.vault_bytes)
    if terminal.is_json:
        terminal.json(done)
        return
    terminal.say(
        f"{file} holds {plural(done.contacts_count, 'contact')} and "
        f"{plural(done.messages_count, 'message')}, {size(done.bytes)}. It was read back whole."
    )
    terminal.say(KEEPS_ALL)
    if is_new and state.is_weekly:
        terminal.say(WEEKLY)
    terminal.say(f"To put it back:  mesh restore {file.name}")


@click.command(
    help="""\
Make a profile of a backup. There must be none of this name yet, or say --profile NAME.

It asks for the passphrase of the backup, and for a passphrase of the new profile. Then `mesh up`
starts it: new keys begin with every contact, and what was not delivered is sent again. If the
former machine still exists, do not start Mesh there any more. If it is started all the same, it
notices once it meets others who carry the note of it, says so and sends nothing from then on. Until
then it takes and sends mail, and what it opens is there only.

With --check nothing is made: the file is read to its end, and what it holds is told. Exit 1 if it
is damaged, with the reason.

\b
Examples:
  mesh restore /media/stick/anna.backup
  mesh restore anna.backup --profile anna
  mesh restore anna.backup --check
  MESH_PASSPHRASE_FILE=/run/secrets/mesh mesh restore anna.backup --passphrase-file ~/backup.pass
""",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only read it, and make nothing.")
@click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds the passphrase of the backup.",
)
@click.option("--no-passphrase", is_flag=True, help="Let the new profile have an empty passphrase.")
@shared_options
@click.pass_obj
def restore(
    choices: Choices,
    file: Path,
    passphrase_file: Path | None,
    *,
    check: bool,
    no_passphrase: bool,
) -> None:
    # The databases' library is large, and no other command needs it here.
    from mesh.node import restoring

    terminal = Terminal(choices)
    folders = folders_of(choices)
    if not check:
        restoring.require_empty(folders)
    with opened_plainly(file) as (opened, length):
        backup_passphrase = asked_passphrase(terminal, passphrase_file, is_new=False)
        with progress(terminal, "Reading", length) as bar:
            if check:
                found = restoring.check(opened, backup_passphrase=backup_passphrase)
            else:
                own = "" if no_passphrase else new_passphrase(terminal, "", is_headless=False)
                terminal.say("Restoring…")
                found = restoring.restore(
                    folders,
                    opened,
                    backup_passphrase=backup_passphrase,
                    passphrase=own,
                    progress=lambda rows_count: bar.update(rows_count * ROW_BYTES),
                )
    if terminal.is_json:
        terminal.json(found)
        return
    for line in lines_of(found):
        terminal.result(line)
    for hint in found.hints:
        terminal.warn(clean_line(hint))
    if not check:
        terminal.say("New keys begin with everybody at the next start, and invites made before are")
        terminal.say(
            "closed. Do not start the former machine any more: remove it with `mesh wipe`."
        )
        terminal.say(f"Start it with:  {start_command(folders.name)}")


@click.command(
    help="""\
Go on here, on a machine whose profile was restored on another one.

Use it if the other machine is gone, or the backup was put back by mistake: new keys begin with
everybody, and the other machine stops as this one had. Nothing happens where this is the present
machine.

\b
Examples:
  mesh takeover
  mesh takeover --yes
""",
)
@shared_options
@click.pass_obj
def takeover(choices: Choices) -> None:
    terminal = Terminal(choices)
    client = client_of(choices)
    terminal.confirm("Go on here, and let the other machine with this profile stop?")
    done = client.ask(TakeOver(), TakenOver)
    if terminal.is_json:
        terminal.json(done)
    elif done.was_former:
        terminal.say("This machine goes on: new keys begin with everybody.")
    else:
        terminal.say("This is the present machine already; nothing was changed.")


def asked_passphrase(terminal: Terminal, path: Path | None, *, is_new: bool) -> str:
    """Return the passphrase of a backup: out of a file, or typed; twice if it is a new one."""
    if path is not None:
        found = passphrase_of_file(terminal, path)
        if is_new:
            warn_if_weak(terminal, found, protects=PROTECTS)
        return found
    require_backup_person(terminal)
    if not is_new:
        return prompted(PROMPT)
    terminal.say("Choose a passphrase for backups, another one than that of this computer.")
    terminal.say(FORGOTTEN)
    for _ in range(TRIES):
        first = prompted(PROMPT)
        if not first:
            terminal.say("A backup needs one.")
            continue
        is_weak = warn_if_weak(terminal, first, protects=PROTECTS)
        if is_weak and not (terminal.choices.yes or click.confirm(TAKE_IT, err=True)):
            continue
        if prompted("The same again: ") == first:
            return first
        terminal.say("These two differ. Once more.")
    raise UserError("no-passphrase", "No passphrase was chosen; nothing was done.")


def require_backup_person(terminal: Terminal) -> None:
    """Refuse to wait for an answer that nobody can give."""
    if not terminal.has_person():
        raise UserError(
            "no-passphrase",
            "Nobody is there to be asked for the passphrase of the backup: name a file that holds "
            "it with --passphrase-file.",
        )


def write_backup(
    terminal: Terminal, path: Path, pieces: Iterator[bytes], passphrase: str, *, expected: int
) -> BackedUp:
    """Write a backup beside its place, read it back, and give it its name."""
    from mesh.node.restoring import check
    from mesh.node.whole_file import WholeFile

    # Whatever is refused is refused before there is a file.
    first = next(pieces, b"")
    with told_disk(path), WholeFile(path, part_of(path)) as file:
        with progress(terminal, "Writing", expected) as bar:
            file.write(first)
            for piece in pieces:
                file.write(piece)
                bar.update(len(piece))
        file.check()
        try:
            with file.unfinished.open("rb") as written:
                found = check(written, backup_passphrase=passphrase)
        except UserError as error:
            if error.kind == "bad-backup":
                sentence = "Mesh stopped before the backup was whole; say the same command again."
                raise UserError("not-running", sentence) from None
            raise
        file.keep()
        return BackedUp(
            file=str(path),
            bytes=file.bytes_count,
            contacts_count=found.contacts_count,
            messages_count=found.messages_count,
        )


@contextmanager
def told_disk(path: Path) -> Iterator[None]:
    """Say of a disk that failed that nothing was lost by it."""
    try:
        yield
    except StorageError as error:
        reason = str(error).replace(" and start Mesh again", "")
        raise UserError("disk", f"No backup was written to {path}. {reason}") from None


def tell_state(terminal: Terminal, state: BackupAnswer) -> None:
    """Say how the automatic copy is."""
    if terminal.is_json:
        terminal.json(state)
        return
    if not state.has_passphrase:
        terminal.result("backups    none yet; make one with: mesh backup FILE")
        return
    weekly = (
        "each week, and within a day of a deletion" if state.is_weekly else "off by the settings"
    )
    terminal.result("backups    have a passphrase")
    terminal.result(f"copy       {weekly}")
    if state.copied:
        made = when(state.copied)
        terminal.result(
            f"last       {made}, {size(state.copy_bytes)}: {clean_line(state.copy_file)}"
        )
    if state.failure:
        terminal.result(f"failed     {clean_line(state.failure)}")


def lines_of(found: Restored) -> list[str]:
    """Return what a backup holds, for people."""
    name = "a relay" if found.is_relay else clean_line(found.name)
    return [
        f"name         {name}   (of the profile {clean_line(found.profile)})",
        f"made         {when(found.made)}",
        f"contacts     {found.contacts_count}",
        f"messages     {found.messages_count}",
        f"undelivered  {found.undelivered_count}",
    ]
