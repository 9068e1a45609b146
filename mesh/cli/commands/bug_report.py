"""`mesh bugreport`: what helps others to find out what is wrong, without secrets and names."""

from contextlib import suppress
from pathlib import Path

import click
import msgspec

from mesh.cli.carry_files import require_replaceable, write_for_oneself
from mesh.cli.commands.doctor import view_of
from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.groups import AskGroups, AskMembers, GroupsAnswer, MembersAnswer
from mesh.config import Config
from mesh.errors import UserError
from mesh.node.bug_report import bug_report as report_of
from mesh.node.config_file import load_config
from mesh.node.doctor.doctor import examine
from mesh.node.folders import ProfileFolders


class Reported(msgspec.Struct, kw_only=True):
    """The answer of `mesh bugreport --json`. `file`: empty if it was only shown."""

    report: str
    file: str = ""


@click.command(
    help="""\
Show a report of what is wrong, and with --out save it once you have seen it.

It holds versions, numbers, the names of the settings that are set, what mesh doctor found, and the
end of the log. Names of people, groups, the computer and folders, addresses, keys and whatever was
written are left out; names of others only while the vault is open, else the report says so. Read it
all the same before you give it to somebody. Nothing is sent.

\b
Examples:
  mesh bugreport
  mesh bugreport --out report.txt
  mesh bugreport --out report.txt --yes
""",
)
@click.option(
    "--out", "out", type=click.Path(path_type=Path), metavar="FILE", help="Where it is saved."
)
@shared_options
@click.pass_obj
def bug_report(choices: Choices, out: Path | None) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    verb = "Replace" if out is not None and require_replaceable(out) else "Save this as"
    terminal.say("Looking, and listening to the network…")
    view = view_of(choices)
    report = report_of(
        folders,
        examine(folders, view),
        None if view is None else view.status,
        settings_of(folders),
        others_of(choices),
    )
    if not terminal.is_json:
        for line in report.splitlines():
            terminal.result(clean_line(line) if line else "")
    if out is not None:
        terminal.confirm(f"{verb} {clean_line(str(out))}?")
        write_for_oneself(out, report.encode(), "report")
    if terminal.is_json:
        terminal.json(Reported(report=report, file="" if out is None else str(out)))


def settings_of(folders: ProfileFolders) -> list[str]:
    """Return the names of the settings that are not as they come."""
    try:
        own, usual = load_config(folders.config_file), Config()
    except UserError:
        return ["something that is refused"]
    return [name for name in Config.__struct_fields__ if getattr(own, name) != getattr(usual, name)]


def others_of(choices: Choices) -> list[str] | None:
    """Return the names of contacts, groups and members, which are to be cut out; None while nobody
    knows them.
    """
    client = client_of(choices)
    try:
        contacts = client.ask(AskContacts(), ContactsAnswer).contacts
        names = [name for each in contacts for name in (each.label, each.name)]
        for group in client.ask(AskGroups(), GroupsAnswer).groups:
            names.append(group.name)
            with suppress(UserError):
                members = client.ask(AskMembers(group.conversation), MembersAnswer).members
                names += [name for each in members for name in (each.label, each.name)]
    except UserError:
        return None
    return names
