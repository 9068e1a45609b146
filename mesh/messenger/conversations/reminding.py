"""Reminding of a check-in: whoever has not answered is named in a text that answers to it."""

from collections.abc import Sequence

from mesh.commands.item_commands import MentionAsked, RemindOfCheckIn, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.content.check_in import CheckIn
from mesh.content.entry import Kind
from mesh.errors import UserError
from mesh.group.operations import Role
from mesh.ids import ConversationId, Instant, VerifyKey
from mesh.limits.content import MENTIONS_MAX
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.item_answers import ItemAnswers
from mesh.messenger.conversations.writing import Writing
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.rows import EntryRow


class Reminding:
    """Writes reminders."""

    def __init__(
        self, account: Account, *, entries: Entries, writing: Writing, answers: ItemAnswers
    ) -> None:
        self._conversations = account.vault.conversations
        self._people = account.vault.contacts
        self._entries = entries
        self._rules = entries.rules
        self._writing = writing
        self._answers = answers

    def feature(self) -> Feature:
        """Reminders of check-ins."""
        return Feature(commands=[command(RemindOfCheckIn, self._remind)])

    def _remind(self, asked: RemindOfCheckIn, now: Instant) -> ItemAnswer:
        row = self._writing.find_kind(asked.item, Kind.ANSWER)
        self._require_right(row)
        check_in = self._entries.content(row)
        if not isinstance(check_in, CheckIn) or self._entries.find_hidden(row) is not None:
            raise UserError("gone", f"The message {asked.item} is gone: it is hidden.")
        if 0 < check_in.until <= now.mesh:
            raise UserError("too-late", "The check-in is over.")
        silent = [
            key
            for key, word in self._answers.folding.words(row, check_in).items()
            if word.said is None and not self._answers.labels.is_me(row.conversation, key)
        ]
        called = [(key, name) for key in silent if (name := self._find_name(row.conversation, key))]
        if not called:
            raise UserError("too-late", "Everybody who was asked, and is in it, has answered.")
        text, mentions = words_of_reminder(asked.text, called)
        reminder = WriteItem(row.conversation, text=text, mentions=mentions, reply=row.number)
        return self._writing.write_item(reminder, now)

    def _require_right(self, row: EntryRow) -> None:
        """UserError unless the check-in is ours, or we are an admin of its group."""
        group = self._rules.find_group(row.conversation)
        is_led = group is not None and (group.role(group.me) or Role.MEMBER) >= Role.ADMIN
        if not row.is_mine and not is_led:
            raise UserError(
                "not-yours", "Who made a check-in reminds of it, and admins of the group."
            )

    def _find_name(self, conversation: ConversationId, key: VerifyKey) -> str | None:
        """Return what somebody who is in it calls themselves: our own labels are nobody's
        business. None: they are out.
        """
        group = self._rules.find_group(conversation)
        if group is not None:
            return None if group.role(key) is None else group.own_name(key)
        contact = self._conversations.conversation(conversation).contact
        return None if contact is None else self._people.contact(contact).name


def words_of_reminder(
    begin: str, called: Sequence[tuple[VerifyKey, str]]
) -> tuple[str, tuple[MentionAsked, ...]]:
    """Return the text that names these people behind other words, and the places that mean them.
    Of more than a text may mean the others are told as a number.
    """
    text, mentions = f"{begin} " if begin else "", list[MentionAsked]()
    for place, (key, name) in enumerate(called[:MENTIONS_MAX]):
        text += ", " if place else ""
        mentions.append(MentionAsked(start=len(text), length=len(name) + 1, key=key.hex()))
        text += f"@{name}"
    further = len(called) - len(mentions)
    return f"{text} +{further}" if further else text, tuple(mentions)
