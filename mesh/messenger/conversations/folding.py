"""Polls, check-ins and tasks as they stand: what all values that count say together."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

from mesh.commands.items import (
    CheckedAnswer,
    CheckInAnswer,
    ChoiceAnswer,
    OptionAnswer,
    OtherValueAnswer,
    PollAnswer,
    RollUpAnswer,
    TaskAnswer,
    TaskState,
    WordAnswer,
)
from mesh.content.check_in import Answer, CheckIn, Standing, Word, standing_of, word_of
from mesh.content.kinds import Content, Field
from mesh.content.poll import Poll, Vote
from mesh.content.register import Value
from mesh.content.task import Change, State, Task, TaskValue
from mesh.content.task import Field as TaskField
from mesh.ids import ConversationId, VerifyKey
from mesh.limits.api import PEOPLE_NAMED_MAX
from mesh.limits.content import CHECK_INS_COUNTED_MAX
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
        self._at_hand = account.vault.at_hand
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
                    is_mine=self._labels.me(row.conversation) in chosen,
                    who=self._labels.named(row.conversation, chosen),
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
        """Return a check-in with a word on those who stand worst, and oneself."""
        words = self.words(row, check_in)
        stands = {key: _standing(check_in, word, mesh_s) for key, word in words.items()}
        worst_first = sorted(words, key=lambda key: stands[key])
        few = dict.fromkeys(self._labels.few(row.conversation, worst_first))
        counts = Counter(stands.values())
        return CheckInAnswer(
            question=check_in.question,
            answers=[
                ChoiceAnswer(words=choice.words, level=int(choice.level))
                for choice in check_in.answers
            ],
            asked=[key.hex() for key in words if key in few] if check_in.asked else [],
            until=check_in.until,
            old_after=check_in.old_after,
            people=self.checked(
                row, check_in, {key: words[key] for key in words if key in few}, mesh_s
            ),
            of=len(words),
            roll_up=RollUpAnswer(
                help=counts[Standing.HELP],
                silent=counts[Standing.NO_ANSWER],
                on_the_way=counts[Standing.ON_THE_WAY],
                old=counts[Standing.OLD],
                fine=counts[Standing.FINE],
            ),
        )

    def help_count(self, conversation: ConversationId) -> int:
        """Return how many others need help by the check-ins of a conversation."""
        called: set[VerifyKey] = set()
        for row in self._at_hand.answered(conversation, CHECK_INS_COUNTED_MAX):
            check_in = self._entries.content(row)
            if isinstance(check_in, CheckIn):
                called.update(
                    key
                    for key, word in self.words(row, check_in).items()
                    if standing_of(check_in, word, said_ago_s=0) is Standing.HELP
                )
        # Keys of nobody may be asked for too. In a group of which nothing is here but the wish that
        # one comes, nobody calls.
        known = [key for key in sorted(called) if self._labels.find(conversation, key) is not None]
        return sum(not self._labels.is_me(conversation, key) for key in known)

    def words(self, row: EntryRow, check_in: CheckIn) -> dict[VerifyKey, Word]:
        """Return the word on each who is asked in a check-in."""
        people = [VerifyKey(key) for key in check_in.asked]
        people = people or self._labels.members(row.conversation, ops_of(row))
        said = self._entries.last_words_by_holder(row.conversation, row.id, Field.ANSWER, people)
        return {key: word_of(check_in, key, of_type(said.get(key, []), Answer)) for key in people}

    def checked(
        self, row: EntryRow, check_in: CheckIn, words: Mapping[VerifyKey, Word], mesh_s: int
    ) -> list[CheckedAnswer]:
        """Return what is told of some who are asked in a check-in."""
        heard = self._labels.heard(row.conversation)
        return [
            self._checked(row, check_in, key, word, mesh_s, heard.get(key, 0))
            for key, word in words.items()
        ]

    def _checked(
        self,
        row: EntryRow,
        check_in: CheckIn,
        key: VerifyKey,
        word: Word,
        mesh_s: int,
        heard: int,
    ) -> CheckedAnswer:
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
            mark=self._labels.mark(row.conversation, key),
            is_me=is_me,
            answer=None if word.said is None else told(word.said),
            others=[told(call) for call in word.calls[:PEOPLE_NAMED_MAX]],
            others_count=len(word.calls),
            heard=heard if word.said is None and not is_me else 0,
        )

    def task(self, row: EntryRow, task: Task) -> TaskAnswer:
        """Return a task as its fields stand, with what stands beside."""
        shown: dict[TaskField, TaskValue] = dict(task.first)
        by, at = self._labels.author(row).label, unix_seconds_of(row.clock)
        others: list[OtherValueAnswer] = []
        others_count = 0
        for field in TaskField:
            words = self._entries.shown(row.conversation, row.id, Field.TASK, bytes([field]))
            values = of_type(words, Change)
            if not values:
                continue
            shown[field] = values[0].value.read()
            if field is TaskField.STATE:
                by = self._labels.label(row.conversation, values[0].author)
                at = unix_seconds_of(values[0].clock)
            others_count += len(values) - 1
            others += [
                self._other(row.conversation, field, value)
                for value in values[1 : PEOPLE_NAMED_MAX + 1 - len(others)]
            ]
        whom, state = shown[TaskField.FOR], shown[TaskField.STATE]
        return TaskAnswer(
            title=str(shown[TaskField.TITLE]),
            notes=str(shown[TaskField.NOTES]),
            whom=[
                self._labels.person(row.conversation, key)
                for key in (whom if isinstance(whom, list) else [])
            ],
            until=int(until) if isinstance(until := shown[TaskField.UNTIL], int) else 0,
            state=STATE_NAMES[state if isinstance(state, State) else State.OPEN],
            by=by,
            at=at,
            others=others,
            others_count=others_count,
        )

    def values_beside(self, row: EntryRow) -> list[tuple[VerifyKey, OtherValueAnswer]]:
        """Return the values of a task that stand beside those that are shown, and who set each."""
        return [
            (value.author, self._other(row.conversation, field, value))
            for field in TaskField
            for value in of_type(
                self._entries.shown(row.conversation, row.id, Field.TASK, bytes([field])), Change
            )[1:]
        ]

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


def _standing(check_in: CheckIn, word: Word, mesh_s: int) -> Standing:
    """Return how somebody stands now."""
    said_ago_s = 0 if word.said is None else mesh_s - unix_seconds_of(word.said.clock)
    return standing_of(check_in, word, said_ago_s=said_ago_s)


def of_type(values: list[Value[Content]], type_: type[_T]) -> list[Value[_T]]:
    """Return the values that are of a type: of one register, all of them."""
    return [
        Value(value.id, value.author, value.clock, value.over, value.value)
        for value in values
        if isinstance(value.value, type_)
    ]
