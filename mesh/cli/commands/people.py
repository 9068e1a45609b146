"""`mesh id`, `mesh contacts`, `mesh requests`: who is who."""

from collections.abc import Sequence

import click

from mesh.cli.daemon_client import client_of
from mesh.cli.group_requests import groups_waiting, waiting_line
from mesh.cli.layout import columns, plural, when
from mesh.cli.messages import unanswered
from mesh.cli.names import shown
from mesh.cli.options import Choices, shared_options
from mesh.cli.sanitise import clean_line
from mesh.cli.terminal import Terminal
from mesh.commands.contacts import AskContacts, ContactAnswer, ContactsAnswer
from mesh.commands.groups import GroupAnswer
from mesh.commands.identity import AskIdentity, ChangeIdentity, IdentityAnswer
from mesh.commands.member_letters import MemberLetterAnswer
from mesh.events import GroupKnocked

KEY_LETTERS_SHOWN = 16
"""Of a key of 64; enough to tell contacts apart, and enough to name one."""


class RequestsAnswer(ContactsAnswer, frozen=True, kw_only=True):
    """All that waits for a word: contacts, groups into which we were asked, who stands at a link
    into one, and which members of one ask to become contacts.
    """

    groups: list[GroupAnswer]
    knocks: list[GroupKnocked]
    letters: list[MemberLetterAnswer]


@click.command(
    name="id",
    help="""\
Show who you are: your name and your key. With --name you are called otherwise from now on: each
contact is told inside the next message to them, and the members of your groups within minutes.

\b
Examples:
  mesh id
  mesh id --name "Anna B."
  mesh id --json
""",
)
@click.option("--name", default="", metavar="NAME", help="Be called so.")
@shared_options
@click.pass_obj
def identity(choices: Choices, name: str) -> None:
    terminal = Terminal(choices)
    request = ChangeIdentity(name) if name else AskIdentity()
    answer = client_of(choices).ask(request, IdentityAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    terminal.result(f"{clean_line(answer.name)}\n{grouped(answer.key)}")


@click.command(
    help="""\
List your contacts, and how sure it is that they are who they seem to be.

"first seen": they came by an invite of yours; whoever had the link can have used it.
"known": their own link, or a contact who introduced them, vouches for their key.
"verified": you compared; see mesh compare and mesh contact verify.
Whoever is blocked is listed below; whoever waits to be accepted is in mesh requests.

Who has not answered to what you wrote by their invite is "invited". After a day it says since
when: the invite may be used or taken back, or nobody could carry your mail there yet. With a newer
invite of theirs (mesh add LINK) all that they did not get is sent again.

\b
Examples:
  mesh contacts
  mesh contacts --json | jq -r '.contacts[].label'
""",
)
@shared_options
@click.pass_obj
def contacts(choices: Choices) -> None:
    terminal = Terminal(choices)
    answer = client_of(choices).ask(AskContacts(), ContactsAnswer)
    if terminal.is_json:
        terminal.json(answer)
        return
    blocked = [each for each in answer.contacts if each.is_blocked]
    requests = [each for each in answer.contacts if each.is_request and not each.is_blocked]
    others = [each for each in answer.contacts if not each.is_request and not each.is_blocked]
    if not others:
        terminal.say("There are no contacts yet. Invite somebody with: mesh invite")
    else:
        terminal.result(table(others))
    if blocked:
        terminal.result(("\n" if others else "") + "Blocked:\n" + table(blocked))
    if requests:
        terminal.say(waiting_sentence(len(requests)))


@click.command(
    help="""\
List who waits apart: people you do not know who came by an invite of yours. Below them stand the
groups into which you were asked, who stands at a link into a group of yours, and which members of
one ask to become contacts.

Their messages are with mesh read --requests; nothing tells them that you looked. Of each at most
20 messages or 64 KiB are opened; the rest stays sealed, and is counted, until you accept them.

\b
Examples:
  mesh requests
  mesh requests --json | jq -r '.groups[].name, .knocks[].knock.name'
  mesh read --requests
  mesh contact accept "Somebody"
  mesh contact block "Somebody"
""",
)
@shared_options
@click.pass_obj
def requests(choices: Choices) -> None:
    terminal, client = Terminal(choices), client_of(choices)
    answer = client.ask(AskContacts(), ContactsAnswer)
    waiting = [each for each in answer.contacts if each.is_request and not each.is_blocked]
    of_groups = groups_waiting(client)
    if terminal.is_json:
        invited = [each for each in of_groups if isinstance(each, GroupAnswer)]
        knocks = [each for each in of_groups if isinstance(each, GroupKnocked)]
        letters = [each for each in of_groups if isinstance(each, MemberLetterAnswer)]
        answer = RequestsAnswer(contacts=waiting, groups=invited, knocks=knocks, letters=letters)
        terminal.json(answer)
        return
    if not waiting and not of_groups:
        terminal.say("Nobody waits.")
    if waiting:
        terminal.result(table(waiting))
        terminal.say("Let them in with: mesh contact accept NUMBER; or: mesh contact block NUMBER")
    for each in of_groups:
        terminal.result(waiting_line(each))


def waiting_sentence(count: int) -> str:
    """Say that somebody waits to be let in."""
    wait = "waits" if count == 1 else "wait"
    return f"{plural(count, 'person', 'people')} {wait} apart: mesh requests"


def table(contacts: Sequence[ContactAnswer]) -> str:
    """Return contacts as lines."""
    heading = ("", "LABEL", "NAME", "KEY", "TRUST", "UNREAD", "STATE")
    return "\n".join(columns([heading, *map(row, contacts)]))


def row(contact: ContactAnswer) -> tuple[str, ...]:
    """Return what is known of a contact, cell by cell."""
    return (
        str(contact.id),
        shown(contact),
        clean_line(contact.name),
        contact.key[:KEY_LETTERS_SHOWN],
        trust_of(contact),
        str(contact.unread_count or ""),
        "; ".join([contact.state, *unanswered(contact), *sealed(contact), *warnings(contact)]),
    )


def sealed(contact: ContactAnswer) -> list[str]:
    """Return how much more came of a contact than was opened."""
    return [f"{contact.sealed_count} more sealed"] if contact.sealed_count else []


def trust_of(contact: ContactAnswer) -> str:
    """Return how sure it is who a contact is, and who says so."""
    if contact.introduced_by:
        return f"{contact.trust}, introduced by {clean_line(contact.introduced_by)}"
    return contact.trust


def warnings(contact: ContactAnswer) -> list[str]:
    """Return what a person should look at before they believe a name."""
    told = []
    if contact.looks_like:
        others = ", ".join(map(clean_line, contact.looks_like))
        told.append(f"looks like {others}")
    if contact.identity_changed:
        told.append(f"has other keys since {when(contact.identity_changed)}")
    if contact.unconfirmed:
        told.append(
            f"has new keys since {when(contact.unconfirmed)} that nothing of before confirms"
        )
    if contact.unreached:
        told.append(
            f"may be out of reach since {when(contact.unreached)}; give them a new invite: "
            "mesh invite"
        )
    return told


def grouped(key: str, *, digits: int = 4) -> str:
    """Return a key or a number in groups that can be read aloud."""
    return " ".join(key[start : start + digits] for start in range(0, len(key), digits))
