"""`mesh vault`: what a damaged vault still holds, and saving it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click
import msgspec

from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.failures import Exit
from mesh.cli.layout import when
from mesh.cli.options import Choices, shared_options
from mesh.cli.passphrase import known_passphrase
from mesh.cli.terminal import Terminal
from mesh.errors import DamagedError, UserError
from mesh.node.folders import ProfileFolders

WORDS: Final = {
    "contacts": "contacts",
    "conversations": "settings of conversations",
    "drafts": "drafts",
    "identity": "who you are",
    "invites": "invites",
    "entries": "messages",
    "contents": "words of messages",
    "texts": "words of messages, as they are shown",
    "outbox": "messages on their way",
    "sessions": "keys shared with contacts",
    "unsealed": "messages that wait to be sealed",
}
"""What a person calls the rows of a table; those of others are told by the table's name."""


class TableFound(msgspec.Struct, kw_only=True):
    """One table: how many rows can be read, and how many cannot (null: nobody knows how many)."""

    table: str
    readable: int
    lost: int | None


class VaultFound(msgspec.Struct, kw_only=True):
    """The answer of `mesh vault check --json` and `mesh vault salvage --json`.

    `dropped`: by table, rows that could be read and belonged to others that could not. `kept_as`:
    where the damaged file stands. `is_out_of_groups`: the person has to come into each anew.
    """

    is_whole: bool
    tables: list[TableFound] = []
    dropped: dict[str, int] = {}
    kept_as: str = ""
    is_out_of_groups: bool = False


class VaultBack(msgspec.Struct, kw_only=True):
    """The answer of `mesh vault back --json`. `left`: when an update left the vault that is now in
    its place (seconds since 1970). `kept_as`: where the newer one stands.
    """

    left: int
    kept_as: str


@click.group(
    help="""\
Check the vault of a profile, save what a damaged one still holds, and return to the one of before
an update. The node must not run.

\b
Examples:
  mesh vault check
  mesh vault salvage
  mesh vault back
""",
)
def vault() -> None:
    pass


@vault.command(
    help="""\
Read all of the vault and say what of it can be read. Nothing is changed. The node must not run.

Exit 7 if it is damaged.

\b
Examples:
  mesh vault check
  mesh vault check --json | jq -r '.tables[] | select(.lost != 0) | .table'
""",
)
@shared_options
@click.pass_obj
def check(choices: Choices) -> None:
    # The databases' library is large, and no other command needs it here.
    from mesh.node.vault_salvage import check_vault

    terminal = Terminal(choices)
    folders = folders_of(choices)
    require_stopped(choices)
    with vault_key(terminal, folders) as key:
        try:
            report = check_vault(folders, key)
        except DamagedError as error:
            raise UserError("damaged", str(error)) from error
    found = VaultFound(
        is_whole=report.is_whole,
        tables=[TableFound(table=t.name, readable=t.copied, lost=t.lost) for t in report.tables],
        is_out_of_groups=report.is_out_of_groups,
    )
    if terminal.is_json:
        terminal.json(found)
    elif found.is_whole:
        terminal.result("The vault is whole: the seal of every page was tried.")
    else:
        terminal.result("The vault is damaged.")
        tell_lost(terminal, found)
        terminal.say("Save what can be read with `mesh vault salvage`, or restore a backup with")
        terminal.say("`mesh restore FILE`. Keep a copy of the profile's folder before either.")
        if found.is_out_of_groups:
            terminal.say("With what can be read you would be in no group any more.")
    if not found.is_whole:
        raise click.exceptions.Exit(Exit.PROBLEMS_FOUND)


@vault.command(
    help="""\
Save what can be read of a damaged vault: into a new one, which takes its place.

The damaged file is kept beside it. What cannot be read is told by table and number. From the next
start on new keys begin with all contacts; with whom that cannot be done, a note of the contact says
so. Where something of groups is lost, you are out of all: what was written stays, and you come in
anew by a link of a member. If you have a backup that is not much older, `mesh restore FILE` brings
back more.

If it is interrupted, say it again. The node must not run.

\b
Examples:
  mesh vault salvage
  mesh vault salvage --yes --json | jq .kept_as
""",
)
@shared_options
@click.pass_obj
def salvage(choices: Choices) -> None:
    from mesh.node.profile import Profile
    from mesh.node.vault_salvage import salvage_vault

    terminal = Terminal(choices)
    folders = folders_of(choices)
    require_stopped(choices)
    with vault_key(terminal, folders) as key:
        terminal.confirm("Put what can be read of the vault in its place?")
        with Profile.held(folders) as profile:
            try:
                report = salvage_vault(profile, key)
            except DamagedError as error:
                raise UserError("damaged", str(error)) from error
    found = VaultFound(
        is_whole=report.is_whole,
        tables=[TableFound(table=t.name, readable=t.copied, lost=t.lost) for t in report.tables],
        dropped=dict(report.dropped),
        kept_as="" if report.kept_as is None else str(report.kept_as),
        is_out_of_groups=report.is_out_of_groups,
    )
    if terminal.is_json:
        terminal.json(found)
        return
    if found.is_whole:
        terminal.result("The vault is whole; nothing was changed.")
        return
    tell_lost(terminal, found)
    terminal.result(f"The damaged vault is kept as {found.kept_as}.")
    terminal.say("Start the node with `mesh up`; new keys then begin with all contacts.")
    if found.is_out_of_groups:
        terminal.say("You are in no group any more: it may be lost who was removed from them, so")
        terminal.say("nothing may be written there. What was written stays. Come in anew by a link")
        terminal.say("of somebody of whom you know that they are in: the members shown may be out.")


@vault.command(
    help="""\
Return to the vault as it was before an update of Mesh changed it. For a day it is kept.

Run it with the release that you return to. You get what a backup of the former vault would hold:
open invites are taken back, and what disappears by itself is not in it. What was written, received
or deleted since the update is in the newer vault only, which is kept for a day or until the next
update: said again, by the newer release, this command returns to it. New keys begin with all
contacts; with whom messages went both ways since the update needs a new invite. The node must not
run.

\b
Examples:
  mesh vault back
  mesh vault back --yes --json | jq .left
""",
)
@shared_options
@click.pass_obj
def back(choices: Choices) -> None:
    from mesh.node.former_vault import former_of
    from mesh.node.profile import Profile

    terminal = Terminal(choices)
    folders = folders_of(choices)
    require_stopped(choices)
    with vault_key(terminal, folders) as key:
        terminal.confirm("Put the vault of before the update in the place of today's?")
        with Profile.held(folders) as profile:
            found = VaultBack(left=profile.go_back(key), kept_as=str(former_of(folders.vault_file)))
    if terminal.is_json:
        terminal.json(found)
        return
    terminal.result(f"The vault is as it was at {when(found.left)}.")
    terminal.say(f"The newer one is kept as {found.kept_as}: for a day, or until the next update.")
    terminal.say("Start the node with `mesh up`; new keys then begin with all contacts. With whom")
    terminal.say("messages went both ways since the update needs a new invite (mesh invite).")


def require_stopped(choices: Choices) -> None:
    """Refuse to look into a vault that a node writes to."""
    if client_of(choices).is_running():
        raise UserError("already-running", "The node runs: stop it first with `mesh down`.")


@contextmanager
def vault_key(terminal: Terminal, folders: ProfileFolders) -> Iterator[bytearray]:
    """Ask for the passphrase, and have the key of the vault for the length of a block."""
    from mesh.node.profiles import find_wrapped_key

    wrapped = find_wrapped_key(folders)
    if wrapped is None:
        raise UserError("no-identity", f"The profile {folders.name} has no vault.")
    key = wrapped.unwrap(known_passphrase(terminal, folders, is_headless=False))
    try:
        yield key
    finally:
        key[:] = bytes(len(key))


def tell_lost(terminal: Terminal, found: VaultFound) -> None:
    """Say what can be read and what cannot, by what it is."""
    for table in found.tables:
        words = WORDS.get(table.table, f"rows of {table.table}")
        if table.lost is None:
            terminal.result(f"{words}: {table.readable} can be read, and some cannot.")
        elif table.lost:
            terminal.result(f"{words}: {table.readable} can be read, and {table.lost} cannot.")
        elif table.readable and table.table in WORDS:
            terminal.result(f"{words}: all {table.readable} can be read.")
    for table_name, count in sorted(found.dropped.items()):
        words = WORDS.get(table_name, f"rows of {table_name}")
        terminal.result(f"{words}: {count} belonged to what cannot be read, and went with it.")
