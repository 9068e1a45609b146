"""Polls, check-ins and tasks as they stand: what all values that count say together."""

from typing import Final, TypeVar

from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    ChoiceAnswer,
    OptionAnswer,
    OtherValueAnswer,
    PersonAnswer,
    PollAnswer,
    TaskAnswer,
    TaskState,
    WordAnswer,
)
from mesh.content.check_in import Answer, CheckIn, word_of
from mesh.content.kinds import Content, Field
from mesh.content.poll import Poll, Vote
from mesh.content.register import Value
from mesh.content.task import Change, State, Task, TaskValue
from mesh.content.task import Field as TaskField
from mesh.ids import ConversationId, VerifyKey
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.group_rules import ops_of
from mesh.messenger.conversations.history import unix_seconds_of
from mesh.messenger.conversations.labels import Labels
from mesh.storage.vault.rows import EntryRow
from mesh.wire.payload import HLC_COUNTER_BITS

STATE_NAMES: Final[dict[State, TaskState]] = {
    State.OPEN: "open",
    State.BEING_DONE: "doing",
    State.DONE: "done",
}
FIELD_NAMES: Final = {
    TaskField.STATE: "state",
    TaskField.TITLE: "title",
    TaskField.NOTES: "notes",
    TaskField.FOR: "for",
    TaskField.UNTIL: "until",
}
_CLOCK_PER_SECOND: Final = 1_000 << HLC_COUNTER_BITS

_T = TypeVar("_T")


class Folding:
    """Answers about objects that more than one person writes into."""

    def __init__(self, account: Account, *, entries: Entries, labels: Labels) -> None:
        self._registers = account.vault.registers
        self._changes = account.vault.changes
        self._entries = entries
        self._labels = labels

    def poll(self, row: EntryRow, poll: Poll, mesh_ms: int) -> PollAnswer:
        """Return a poll with its votes: those that came after its end are counted apart."""
        words = self._entries.last_words(row.conversation, row.id, Field.VOTE)
        votes = of_type(words, Vote)
        ends = self._registers.find_ends(row.number)
        options = []
        for place, text in enumerate(poll.options):
            chosen = [vote.author for vote in votes if place in vote.value.options]
            options.append(
                OptionAnswer(
                    text=text,
                    count=len(chosen),
                    is_mine=any(self._labels.is_me(row.conversation, key) for key in chosen),
                    who=[self._labels.label(row.conversation, key) for key in chosen],
                )
            )
        return PollAnswer(
            question=poll.question,
            options=options,
            is_several=poll.is_several,
            closes=0 if ends is None else ends // _CLOCK_PER_SECOND,
            is_closed=ends is not None and ends <= mesh_ms << HLC_COUNTER_BITS,
            late_count=self._changes.late_voters_count(row.conversation, row.id),
            voters_count=sum(bool(vote.value.options) for vote in votes),
            of=len(self._labels.members(row.conversation)),
        )

    def check_in(self, row: EntryRow, check_in: CheckIn, mesh_s: int) -> CheckInAnswer:
        """Return a check-in with a word on each who is asked."""
        people = [VerifyKey(key) for key in check_in.asked]
        people = people or self._labels.members(row.conversation, ops_of(row))
        heard = self._labels.heard(row.conversation)
        return CheckInAnswer(
            question=check_in.question,
            answers=[
                ChoiceAnswer(words=choice.words, level=int(choice.level))
                for choice in check_in.answers
            ],
            asked=[key.hex() for key in check_in.asked],
            until=check_in.until,
            old_after=check_in.old_after,
            people=[self._checked(row, check_in, key, mesh_s, heard.get(key, 0)) for key in people],
        )

    def _checked(
        self, row: EntryRow, check_in: CheckIn, key: VerifyKey, mesh_s: int, heard: int
    ) -> CheckedAnswer:
        words = self._entries.last_words(row.conversation, row.id, Field.ANSWER, key)
        word = word_of(check_in, key, of_type(words, Answer))

        def told(value: Value[Answer]) -> WordAnswer:
            at = unix_seconds_of(value.clock)
            return WordAnswer(
                which=value.value.which,
                note=value.value.note,
                place=value.value.place,
                at=at,
                by=value.author.hex(),
                by_label=self._labels.label(row.conversation, value.author),
                is_old=0 < check_in.old_after < mesh_s - at,
            )

        is_me = self._labels.is_me(row.conversation, key)
        return CheckedAnswer(
            key=key.hex(),
            label=self._labels.label(row.conversation, key),
            is_me=is_me,
            answer=None if word.said is None else told(word.said),
            others=[told(call) for call in word.calls],
            heard=heard if word.said is None and not is_me else 0,
        )

    def task(self, row: EntryRow, task: Task) -> TaskAnswer:
        """Return a task as its fields stand, with what stands beside."""
        shown: dict[TaskField, TaskValue] = dict(task.first)
        by, at = self._labels.author(row).label, unix_seconds_of(row.clock)
        others: list[OtherValueAnswer] = []
        for field in TaskField:
            words = self._entries.shown(row.conversation, row.id, Field.TASK, bytes([field]))
            values = of_type(words, Change)
            if not values:
                continue
            shown[field] = values[0].value.read()
            if field is TaskField.STATE:
                by = self._labels.label(row.conversation, values[0].author)
                at = unix_seconds_of(values[0].clock)
            others += [self._other(row.conversation, field, value) for value in values[1:]]
        whom, state = shown[TaskField.FOR], shown[TaskField.STATE]
        return TaskAnswer(
            title=str(shown[TaskField.TITLE]),
            notes=str(shown[TaskField.NOTES]),
            whom=[
                PersonAnswer(
                    key=key.hex(),
                    label=self._labels.label(row.conversation, key),
                    is_me=self._labels.is_me(row.conversation, key),
                )
                for key in (whom if isinstance(whom, list) else [])
            ],
            until=int(until) if isinstance(until := shown[TaskField.UNTIL], int) else 0,
            state=STATE_NAMES[state if isinstance(state, State) else State.OPEN],
            by=by,
            at=at,
            others=others,
        )

    def _other(
        self, conversation: ConversationId, field: TaskField, value: Value[Change]
    ) -> OtherValueAnswer:
        read = value.value.read()
        match read:
            case State():
                words: str = STATE_NAMES[read]
            case list():
                words = ", ".join(self._labels.label(conversation, key) for key in read)
            case _:
                words = str(read)
        return OtherValueAnswer(
            field=FIELD_NAMES[field],
            value=words,
            by=self._labels.label(conversation, value.author),
            at=unix_seconds_of(value.clock),
        )


def of_type(values: list[Value[Content]], type_: type[_T]) -> list[Value[_T]]:
    """Return the values that are of a type: of one register, all of them."""
    return [
        Value(value.id, value.author, value.clock, value.over, value.value)
        for value in values
        if isinstance(value.value, type_)
    ]
