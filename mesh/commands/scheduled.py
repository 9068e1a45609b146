"""Texts that are to be sent later: kept in the vault until they are due."""

from dataclasses import dataclass

from mesh.commands.answer import Answer
from mesh.commands.fields import Conversation, KeepFor, Moment, Number, SendKey, Text
from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import FileNumbers, Marks, Mentions


class ScheduledAnswer(Answer, frozen=True, kw_only=True):
    """A text that waits for its time. `number` is no number of an item: those are given when it is
    sent.

    `at` is in Unix seconds. `failure` says in a sentence why it was not sent; then it waits until
    it is changed or cancelled. Empty: it is sent when it is due, if the node runs unlocked.
    """

    number: int
    conversation: int
    title: str
    text: str
    reply: int
    at: int
    failure: str
    files: list[FileAnswer] = []


class ScheduledAnswers(Answer, frozen=True, kw_only=True):
    """All that waits, the first that is due first."""

    scheduled: list[ScheduledAnswer]


@dataclass(frozen=True, slots=True)
class ScheduleText:
    """Send a text later, at a moment of mesh time. Answer: ScheduledAnswer.

    The other fields are as in `WriteItem`. The same `idempotency_key` (if not empty) again gives
    the first one again, and is refused once that was sent.
    """

    conversation: Conversation
    at: Moment
    text: Text
    marks: Marks = ()
    mentions: Mentions = ()
    reply: Number = 0
    files: FileNumbers = ()
    keep_for: KeepFor | None = None
    idempotency_key: SendKey = ""


@dataclass(frozen=True, slots=True)
class AskScheduled:
    """Ask for all that waits to be sent, of one conversation or (none named) of all. Answer:
    ScheduledAnswers.
    """

    conversation: Conversation = ""


@dataclass(frozen=True, slots=True)
class ChangeScheduled:
    """Send it at another time, or with other words, which have no marks; what is None stays.

    Answer: ScheduledAnswer, whose `failure` is forgotten.
    """

    scheduled: Number
    at: Moment | None = None
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class CancelScheduled:
    """Do not send it. Answer: ScheduledAnswer, as it was; its files are handed over and stand in
    no message then.
    """

    scheduled: Number
