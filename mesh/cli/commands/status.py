"""`mesh status`, `mesh version`: what is there."""

from typing import Final

import click
import msgspec

from mesh.cli.daemon_client import client_of, folders_of
from mesh.cli.failures import Exit
from mesh.cli.layout import lasting, plural, size, when
from mesh.cli.options import Choices, shared_options
from mesh.cli.running import running_profiles, start_command
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.status import AskStatus, Situation, StatusAnswer
from mesh.errors import UserError
from mesh.node.folders import ProfileFolders

VAULT = {
    "open": "open",
    "locked": "locked",
    "none": "none; this node only carries mail for others",
    "empty": "empty; there is no identity yet",
}
SITUATIONS: Final[dict[Situation, str]] = {
    "nobody-yet": "nobody else is here yet",
    "client-isolation": "nobody answers who was reached here before; it may keep devices apart",
    "routed": "others are behind a router, and are reached by their addresses alone",
    "no-multicast": "others answer at their addresses, and are not found by themselves",
    "captive-portal": "it has a sign-in page, and may keep devices apart",
    "vpn": "a VPN takes what is for the local network",
    "firewall-here": "a firewall of this machine keeps others out",
    "firewall-there": "a machine is in sight, and a firewall there lets nothing through",
}
OFFSET_SHOWN_SECONDS = 60
"""A clock that differs by less from the others' needs no word."""


class NotRunning(msgspec.Struct, kw_only=True):
    """The answer of `mesh status --json` when there is no daemon."""

    running: bool
    profile: str
    is_created: bool
    mesh: str = ""
    """The mesh that the profile belongs to; empty before its first start."""
    is_closed: bool = False
    others_running: list[str] = []


class Running(msgspec.Struct, kw_only=True):
    """The answer of `mesh status --json` when there is one."""

    running: bool
    profile: str
    status: StatusAnswer


@click.command(
    help="""\
Show whether the node runs, and how it does. Exit 3 if it does not run.

\b
Examples:
  mesh status
  mesh status -v
  mesh status --json | jq .status.links_count
""",
)
@shared_options
@click.pass_obj
def status(choices: Choices) -> None:
    terminal = Terminal(choices)
    folders = folders_of(choices)
    try:
        answer = client_of(choices).ask(AskStatus(), StatusAnswer)
    except UserError as error:
        if error.kind != "not-running":
            raise
        tell_stopped(terminal, folders)
        raise click.exceptions.Exit(Exit.NOT_RUNNING) from None
    if terminal.is_json:
        terminal.json(Running(running=True, profile=folders.name, status=answer))
        return
    for line in lines_of(answer, folders.name, is_verbose=bool(choices.verbose)):
        terminal.result(line)


def tell_stopped(terminal: Terminal, folders: ProfileFolders) -> None:
    """Say what is known of a profile without a node, and which others have one."""
    # Read only here: a node that runs says more.
    from mesh.node.membership import find_mesh, words_of

    mesh = find_mesh(folders)
    others = [each.name for each in running_profiles() if each.name != folders.name]
    if terminal.is_json:
        told = NotRunning(
            running=False,
            profile=folders.name,
            # A relay's profile has a store and no vault.
            is_created=folders.store_key_file.exists(),
            mesh="" if mesh is None else mesh.name,
            is_closed=mesh is not None and mesh.is_closed,
            others_running=others,
        )
        terminal.json(told)
        return
    terminal.result(f"Mesh is not running in the profile {folders.name}.")
    if mesh is not None:
        terminal.result(f"It belongs to the {clean_line(words_of(mesh))}.")
    if others:
        terminal.result(f"Running now: {', '.join(others)}; say --profile {others[0]}")
    terminal.say(f"Start it with: {start_command(folders.name)}")


def lines_of(answer: StatusAnswer, profile: str, *, is_verbose: bool) -> list[str]:
    """Return a status for people."""
    if answer.vault == "none":
        heading = "relay      carries mail for others"
    elif answer.vault == "locked":
        heading = "name       known when the vault is open"
    else:
        heading = f"name       {clean_line(answer.name) if answer.name else '-'}"
    lines = [
        f"{heading}   (profile {profile})",
        f"mesh       {clean_line(answer.mesh)} ({'closed' if answer.is_closed else 'open'})",
        f"links      {links_line(answer)}",
        *situation_lines(answer),
        f"vault      {vault_line(answer)}",
        f"carries    {plural(sum(one.envelopes_count for one in answer.carried), 'envelope')}, "
        f"{size(answer.stored_bytes)} of {size(answer.stored_bytes_max)}",
        *carried_lines(answer),
        *known_lines(answer),
    ]
    # What only the vault knows cannot be told while it is locked.
    if answer.vault == "open":
        lines += [
            f"contacts   {contacts_line(answer)}",
            f"outbox     {plural(answer.outbox_count, 'message')} on the way",
            f"stamp      {stamp_line(answer)}",
        ]
    offset = answer.clock_offset_seconds
    if abs(offset) >= OFFSET_SHOWN_SECONDS:
        side = "behind" if offset > 0 else "ahead of"
        lines.append(f"clock      {lasting(abs(offset))} {side} the others")
    lines += [f"notice     {clean_line(notice)}" for notice in answer.notices]
    if is_verbose:
        lines += [
            f"share      {clean_line(one.whom)}: {size(one.bytes)} of {size(one.share_bytes)}"
            for one in answer.carried
        ]
        counters = answer.counters
        lines += [f"{clean_line(name)}  {counters[name]}" for name in sorted(counters)]
    return lines


def situation_lines(answer: StatusAnswer) -> list[str]:
    """Say why no link stands, where the node has looked."""
    words = SITUATIONS.get(answer.situation)
    return [f"network    {words}; what helps: mesh doctor"] if words else []


def known_lines(answer: StatusAnswer) -> list[str]:
    """Say of whose mail it is known that somebody answers for it."""
    known = answer.known_keys
    if known is None:
        is_locked = answer.vault == "locked"
        return ["knows      nobody's mail: it is locked"] if is_locked else []
    counted = (
        (known.contacts, "of contacts"),
        (known.friends_of_contacts, "of contacts of theirs"),
        (known.further, "further"),
    )
    # A contact has several.
    named = [f"{count} {whose}" for count, whose in counted if count]
    return [f"knows      keys of today: {', '.join(named)}"] if named else []


def carried_lines(answer: StatusAnswer) -> list[str]:
    """Say for whom mail is carried, and why other mail was not taken."""
    groups = [
        f"{clean_line(one.whom)} {one.envelopes_count} ({size(one.bytes)})"
        for one in answer.carried
        if one.envelopes_count
    ]
    lines = [f"for        {', '.join(groups)}"] if groups else []
    if answer.envelopes_count:
        known = plural(answer.envelopes_count, "envelope")
        lines.append(f"headers    of {known} known ({size(answer.headers_bytes)})")
    reasons = sorted(answer.refused.items(), key=lambda counted: (-counted[1], counted[0]))
    lines += [f"refused    {count}: {clean_line(reason)}" for reason, count in reasons]
    return lines + [f"limited    {clean_line(sentence)}" for sentence in answer.limits]


def stamp_line(answer: StatusAnswer) -> str:
    """Say whether messages may leave, or what work is done first and how long it takes."""
    if not answer.stamp_seconds:
        return answer.stamp
    return f"{answer.stamp}: about {plural(answer.stamp_seconds, 'second')} of work, once a day"


def contacts_line(answer: StatusAnswer) -> str:
    """Say how many contacts there are, and who waits to become one."""
    if not answer.requests_count:
        return str(answer.contacts_count)
    waits = "waits" if answer.requests_count == 1 else "wait"
    return f"{answer.contacts_count} ({answer.requests_count} more {waits} apart: mesh requests)"


def links_line(answer: StatusAnswer) -> str:
    """Say how many peers there are, where they are, and how many of them are contacts."""
    over = [f"{count} over {clean_line(name)}" for name, count in answer.links_by_interface.items()]
    if answer.contact_links_count:
        over.append(f"{plural(answer.contact_links_count, 'contact')} among them")
    return f"{answer.links_count} ({', '.join(over)})" if over else str(answer.links_count)


def vault_line(answer: StatusAnswer) -> str:
    """Say how the vault is, and since when it is locked."""
    if answer.vault != "locked":
        return VAULT[answer.vault]
    since = f" since {when(answer.locked_since)}" if answer.locked_since else ""
    return f"{VAULT[answer.vault]}{since}; unlock it with: mesh unlock"


class Version(msgspec.Struct, kw_only=True):
    """The answer of `mesh version --json`."""

    version: str
    python: str
    system: str


@click.command(
    help="""\
Show the version of Mesh, Python and the system.

\b
Examples:
  mesh version
  mesh version --json
""",
)
@shared_options
@click.pass_obj
def version(choices: Choices) -> None:
    # A fifth of the start of every command, and only needed here.
    import platform

    from mesh.release import release

    terminal = Terminal(choices)
    told = Version(version=release(), python=platform.python_version(), system=platform.platform())
    if terminal.is_json:
        terminal.json(told)
    else:
        terminal.result(f"mesh {told.version} (Python {told.python}, {told.system})")
