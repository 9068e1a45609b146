"""All who have a part in an item, page by page: an item names but a few of each kind."""

from mesh.commands.item_commands import AskItemPeople
from mesh.commands.items import ItemPeopleAnswer, ItemPersonAnswer, OtherValueAnswer
from mesh.content.check_in import CheckIn, Word
from mesh.content.entry import is_change
from mesh.content.kinds import Content, Field
from mesh.content.poll import Poll, Vote
from mesh.content.reaction import React
from mesh.content.task import Task
from mesh.errors import UserError
from mesh.ids import Instant, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.item_answers import ItemAnswers
from mesh.messenger.conversations.statements import keys_of
from mesh.messenger.feature import Feature, command
from mesh.storage.vault.rows import EntryRow


class ItemPeople:
    """Names everybody, a page at a time.

    The order is that of keys, which do not change: who asks for page after page while people
    answer misses nobody who was there all the time.
    """

    def __init__(self, account: Account, *, entries: Entries, answers: ItemAnswers) -> None:
        self._rows = account.vault.entries
        self._entries = entries
        self._answers = answers

    def feature(self) -> Feature:
        """Pages of people."""
        return Feature(commands=[command(AskItemPeople, self.page)])

    def page(self, asked: AskItemPeople, now: Instant) -> ItemPeopleAnswer:
        """Return a page; UserError if there is no such item, or nothing is left of it."""
        row = self._rows.find(asked.item)
        if row is None or is_change(row.kind) or not row.place:
            raise UserError("not-found", f"There is no message {asked.item}.")
        is_gone = row.gone or self._entries.find_hidden(row) is not None
        content = None if is_gone else self._entries.content(row)
        if content is None:
            raise UserError("gone", f"The message {asked.item} is gone.")
        parts = _Parts(self._entries, self._answers, row, content)
        me = self._answers.labels.me(row.conversation)
        ordered = sorted(parts.keys(), key=lambda key: (key != me, key))
        if asked.after is not None:
            [last] = keys_of([asked.after])
            ordered = [key for key in ordered if (key != me, key) > (last != me, last)]
        page = ordered[: asked.limit]
        return ItemPeopleAnswer(people=parts.told(page, now), has_more=len(ordered) > len(page))


class _Parts:
    """The parts that people have in one item."""

    def __init__(
        self, entries: Entries, answers: ItemAnswers, row: EntryRow, content: Content
    ) -> None:
        def said(field: Field) -> dict[VerifyKey, Content]:
            words = entries.last_words(row.conversation, row.id, field)
            return {word.author: word.value for word in words}

        self._answers = answers
        self._row = row
        self._check_in = content if isinstance(content, CheckIn) else None
        self._emoji = {
            key: list(value.emoji)
            for key, value in said(Field.REACTION).items()
            if isinstance(value, React) and value.emoji
        }
        votes = said(Field.VOTE) if isinstance(content, Poll) else {}
        self._options = {
            key: list(value.options)
            for key, value in votes.items()
            if isinstance(value, Vote) and value.options
        }
        self._words: dict[VerifyKey, Word] = {}
        if self._check_in is not None:
            self._words = answers.folding.words(row, self._check_in)
        self._values: dict[VerifyKey, list[OtherValueAnswer]] = {}
        for key, value in answers.folding.values_beside(row) if isinstance(content, Task) else []:
            self._values.setdefault(key, []).append(value)

    def keys(self) -> dict[VerifyKey, None]:
        """Return everybody who has a part, each once."""
        return dict.fromkeys([*self._emoji, *self._options, *self._words, *self._values])

    def told(self, page: list[VerifyKey], now: Instant) -> list[ItemPersonAnswer]:
        """Return what is told of some of them."""
        conversation, labels = self._row.conversation, self._answers.labels
        words = {key: self._words[key] for key in page if key in self._words}
        checked = (
            {}
            if self._check_in is None
            else {
                one.key: one
                for one in self._answers.folding.checked(self._row, self._check_in, words, now.mesh)
            }
        )
        return [
            ItemPersonAnswer(
                key=key.hex(),
                label=labels.label(conversation, key),
                mark=labels.mark(conversation, key),
                is_me=labels.is_me(conversation, key),
                emoji=self._emoji.get(key, []),
                options=self._options.get(key, []),
                checked=checked.get(key.hex()),
                values=self._values.get(key, []),
            )
            for key in page
        ]
