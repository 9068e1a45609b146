"""The common part of commands that change an item: they ask, and tell how it stands then."""

import click

from mesh.cli.daemon_client import client_of
from mesh.cli.items import lines_of, styled
from mesh.cli.names import Names
from mesh.cli.options import Choices
from mesh.cli.terminal import Terminal
from mesh.client import Client
from mesh.commands.identity import AskIdentity, IdentityAnswer
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskItem,
    ChangeTask,
    ClosePoll,
    EditItem,
    ForgetItem,
    HideItem,
    PinItem,
    ReactToItem,
    RemindOfCheckIn,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.item_people import PeopleAsked
from mesh.commands.items import (
    ItemAnswer,
    ItemDetailsAnswer,
    ItemPeopleAnswer,
    ItemPersonAnswer,
)
from mesh.errors import UserError


class NumberOfItem(click.IntRange):
    """A number, with or without the # that stands before it where it is shown."""

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        bare = value.removeprefix("#") if isinstance(value, str) else value
        return int(super().convert(bare, param, ctx))  # type: ignore[arg-type]  # it takes what was typed


EMOJI_LETTERS = "\u2139"
"""The one emoji that Unicode calls a letter: information."""

ItemNumber = NumberOfItem(min=1)
"""What `mesh read` shows behind the #."""

Change = (
    WriteItem
    | EditItem
    | RetractItem
    | ForgetItem
    | HideItem
    | ReactToItem
    | PinItem
    | Vote
    | ClosePoll
    | AnswerCheckIn
    | RemindOfCheckIn
    | ChangeTask
)


def checked_emoji(emoji: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is to be a reaction; UserError if it is words: those are an answer."""
    for one in emoji:
        if any(letter.isalpha() and letter not in EMOJI_LETTERS for letter in one):
            raise UserError(
                "usage", f"{one!r} is no emoji; to answer in words: mesh send CHAT --reply NUMBER"
            )
    return emoji


def change(choices: Choices, command: Change) -> None:
    """Do something with an item, and tell how it stands then."""
    terminal, client = Terminal(choices), client_of(choices)
    tell_item(terminal, client, client.ask(command, ItemAnswer))


def tell_item(terminal: Terminal, client: Client, item: ItemAnswer) -> None:
    """Tell how an item stands."""
    if terminal.is_json:
        terminal.json(item)
    elif not terminal.choices.quiet:
        terminal.say(styled(lines_of(item, Names.ask(client).of_item(item))))


def item_of(client: Client, number: int) -> ItemAnswer:
    """Return an item by its number."""
    return client.ask(AskItem(number), ItemDetailsAnswer).item


def people_of(client: Client, number: int) -> list[ItemPersonAnswer]:
    """Return all who have a part in an item."""
    asked = PeopleAsked(number)
    while asked.has_more:
        asked.add(client.ask(asked.question(), ItemPeopleAnswer))
    return asked.people


def key_of(client: Client, named: str) -> str:
    """Return the key of a contact, or of oneself for `me`; UserError if there is nobody."""
    if named == "me":
        return client.ask(AskIdentity(), IdentityAnswer).key
    contact = Names.ask(client).find(named)
    if contact is None:
        raise UserError("not-found", f"There is no contact {named!r}; mesh contacts lists them.")
    return contact.key


def keys_of(client: Client, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of several."""
    return tuple(key_of(client, each) for each in named)
