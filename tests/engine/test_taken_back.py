"""Nothing that a refused command wrote is told, though it was read meanwhile."""

from dataclasses import replace

import pytest

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.conversations import ChangeConversation
from mesh.errors import UserError
from mesh.ids import ContactId, Instant, direct_conversation
from tests.engine.test_rollbacks import acquainted


def test_a_row_that_was_taken_back_is_not_known_any_more() -> None:
    """Between the command and its refusal the row was read as it was written."""
    table = acquainted()
    messenger = table.seats["ada"].engine._vault.messenger
    assert messenger is not None
    assert messenger.person is not None
    (contact,) = messenger._vault.contacts.contacts()
    conversations = messenger._vault.conversations
    number = direct_conversation(ContactId(contact.id))
    commands = messenger.person.commands
    change = commands[ChangeConversation]
    seen: list[bool] = []

    def refused(command: Command, now: Instant) -> Answer:
        change(command, now)
        seen.append(conversations.conversation(number).is_pinned)
        raise UserError("bad-request", "It is refused after it was written.")

    messenger.person = replace(messenger.person, commands={**commands, ChangeConversation: refused})
    with pytest.raises(UserError):
        table.ask("ada", ChangeConversation("Bob", is_pinned=True))
    assert seen == [True]
    assert not conversations.conversation(number).is_pinned
