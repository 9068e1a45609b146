"""Whatever comes in whatever order: both sides show the same, and what the rules say."""

from collections.abc import Sequence
from functools import cache
from random import Random

import msgspec
import pytest

from mesh.content.check_in import Answer, CheckIn, subject_of, word_of
from mesh.content.entry import Entry, EntryId, Kind, has_place, is_change
from mesh.content.fields import InvalidContentError
from mesh.content.kinds import KINDS, Content, Place, Right, check_about, check_fit, content_of
from mesh.content.notice import Notice
from mesh.content.poll import Close, Poll, Vote, tally
from mesh.content.reaction import React
from mesh.content.register import Value, fold, last_words
from mesh.content.settings import Pin, Timer
from mesh.content.task import Change, State, Task
from mesh.content.task import Field as TaskField
from mesh.content.text import Edit, Text
from mesh.database import Connection
from mesh.ids import VerifyKey
from tests.messenger.people import START_S, Clock, Person, acquainted, exchange
from tests.messenger.replicas import Replica, Said

NOW = (START_S * 1_000) << 16
SPAN = 40 << 16
ALL = (0, 1, 2, 3, 4, 5, 77, *range(64, 76))
REGISTERED = (Kind.EDIT, Kind.REACT, Kind.CHANGE, Kind.VOTE)
ANSWERS = [["fine", 0], ["on my way", 1], ["help", 2]]


@cache
def pair() -> tuple[Person, Person, Connection, Connection]:
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    return ann, bob, ann.backup(), bob.backup()


def replicas() -> tuple[Replica, Replica]:
    ann, bob, of_ann, of_bob = pair()
    return Replica(ann, of_ann, "Bob"), Replica(bob, of_bob, "Ann")


class Hand:
    """Makes entries of two people at random, hostile ones among them."""

    def __init__(
        self,
        seed: int,
        keys: tuple[VerifyKey, VerifyKey],
        kinds: Sequence[int] = ALL,
    ) -> None:
        self.kinds = kinds
        self.chance = Random(seed)
        self.keys = keys
        self.said: list[tuple[EntryId, Said]] = []

    def make(self, count: int) -> list[Said]:
        for _ in range(count):
            author, other = self.chance.sample(self.keys, 2)
            said = Said(author, self.entry())
            self.said.append((said.id(other), said))
        return [one for _, one in self.said]

    def entry(self) -> Entry:
        chance = self.chance
        is_first = len(self.said) < 4
        kind = chance.choice([0, 1, 2, 3, 4] if is_first else self.kinds)
        target = self.target(kind)
        return Entry(
            kind=kind,
            clock=NOW + chance.choice([chance.randrange(SPAN), 0, 1 << 61, -NOW, 7]),
            run=1,
            number=chance.randrange(3),
            parents=self.ids(chance.randrange(4)),
            ops=[] if chance.random() < 0.97 else [bytes(32)],
            target=target,
            over=self.over(kind, target),
            timer=0,
            content=msgspec.Raw(msgspec.msgpack.encode(self.content(kind))),
        )

    def ids(self, count: int) -> list[bytes]:
        ghost = self.chance.randbytes(32)
        known = [id_ for id_, _ in self.said[-12:]]
        return [self.chance.choice([*known, *known, ghost]) for _ in range(count)]

    def over(self, kind: int, target: bytes) -> list[bytes]:
        """Values of the same register, for the most part."""
        same = [
            id_ for id_, one in self.said if (one.entry.kind, one.entry.target) == (kind, target)
        ]
        chosen = self.chance.sample(same, min(len(same), self.chance.randrange(3)))
        return [*chosen, *self.ids(self.chance.randrange(2))]

    def target(self, kind: int) -> bytes:
        if has_place(kind) and self.chance.random() < 0.97:
            return b""
        objects = [id_ for id_, one in self.said if not is_change(one.entry.kind)]
        wanted = [
            id_
            for id_, one in self.said
            if kind in KINDS and one.entry.kind in KINDS[Kind(kind)].targets
        ]
        chance = self.chance.random()
        if chance < 0.05 or not objects:
            return self.ids(1)[0]
        return self.chance.choice(objects if chance < 0.2 or not wanted else wanted)

    def content(self, kind: int) -> object:
        chance = self.chance
        if chance.random() < 0.04:
            return ["x" * 70_000, 1, 2]
        match kind:
            case Kind.TEXT:
                reply = self.ids(1)[0] if chance.random() < 0.3 else b""
                return [f"text {chance.randrange(99)}", [[0, 0, 2]], [], reply]
            case Kind.POLL:
                closes = START_S if chance.random() < 0.3 else 0
                return ["which", ["a", "b", "c"], chance.random() < 0.5, closes]
            case Kind.CHECK_IN:
                until = chance.choice([0, START_S + 99_999, 1])
                return ["all well?", ANSWERS, [], until, chance.choice([0, 10])]
            case Kind.ANSWER:
                subject = chance.choice([b"", *self.keys])
                return [chance.randrange(4), f"note {chance.random()}", "", subject]
            case Kind.NOTICE:
                return ["a notice", chance.choice([0, START_S + 99_999, 1]), False]
            case Kind.TIMER:
                return [chance.choice([0, 60, 3_600])]
            case Kind.NAME:
                return [chance.choice(["Anna", "\u0410nna", "", "n" * 64, "n" * 65, "a\u202eb"])]
            case Kind.TASK:
                return [f"task {chance.randrange(99)}"]
            case Kind.EDIT:
                return [f"edited {chance.randrange(99)}", []]
            case Kind.REACT:
                return [chance.sample(["+", "!", "*"], chance.randrange(3))]
            case Kind.PIN | Kind.HIDE:
                return [chance.random() < 0.6]
            case Kind.VOTE:
                return [sorted(chance.sample(range(4), chance.randrange(3)))]
            case Kind.CLOSE:
                return [NOW + chance.choice([0, SPAN, 1 << 61])]
            case Kind.CHANGE:
                return chance.choice([[0, chance.randrange(3)], [1, f"task {chance.random()}"]])
            case _:
                return []


class Model:
    """Says what is to be shown: from all entries at once, by the rules of `mesh/content` alone."""

    def __init__(self, hand: Hand) -> None:
        self.said = dict(hand.said)
        self.valid: dict[EntryId, Content] = {}
        for id_, one in self.said.items():
            try:
                if not one.entry.ops and one.entry.kind in KINDS:
                    self.valid[id_] = content_of(one.entry, Place.DIRECT)
            except InvalidContentError:
                pass
        for id_ in [id_ for id_ in self.valid if self.said[id_].entry.target]:
            if not self.is_about_something(id_):
                del self.valid[id_]
        self.gone = {
            EntryId(self.said[id_].entry.target): None
            for id_ in self.valid
            if self.said[id_].entry.kind == Kind.RETRACT
        }

    def is_about_something(self, id_: EntryId) -> bool:
        one = self.said[id_]
        about = self.said.get(EntryId(one.entry.target))
        if about is None or is_change(about.entry.kind):
            return False
        rules = KINDS[Kind(one.entry.kind)]
        is_owned = rules.right not in (Right.AUTHOR, Right.AUTHOR_OR_ADMIN)
        is_owned = is_owned or about.author == one.author
        if about.entry.kind not in KINDS:
            return is_owned and len(rules.targets) == 5
        content = self.valid.get(EntryId(one.entry.target))
        if content is None or not is_owned:
            return False
        try:
            check_about(
                one.entry,
                self.valid[id_],
                author=one.author,
                target=Kind(about.entry.kind),
                target_author=about.author,
            )
            check_fit(self.valid[id_], content)
        except InvalidContentError:
            return False
        return True

    def values(self, target: EntryId, kind: Kind) -> list[Value[Content]]:
        return [
            Value(id_, one.author, one.entry.clock, tuple(map(EntryId, one.entry.over)), content)
            for id_, content in self.valid.items()
            for one in [self.said[id_]]
            if one.entry.target == target and one.entry.kind == kind
        ]

    def check(self, item: dict[str, object]) -> None:
        id_ = EntryId(bytes.fromhex(str(item["id"])))
        content = self.valid.get(id_)
        assert (item["gone"] == "retracted") == (id_ in self.gone)
        if id_ in self.gone or content is None:
            assert item["text"] == ""
            assert id_ not in self.gone or item["reactions"] == []
            return
        pin = fold(self.values(id_, Kind.PIN))
        assert item["is_pinned"] == (
            pin is not None and isinstance(pin.shown.value, Pin) and pin.shown.value.is_on
        )
        chosen: dict[str, int] = {}
        for word in last_words(self.values(id_, Kind.REACT)).values():
            assert isinstance(word.value, React)
            for emoji in word.value.emoji:
                chosen[emoji] = chosen.get(emoji, 0) + 1
        told = msgspec.convert(item["reactions"], list[dict[str, object]])
        assert {one["emoji"]: one["count"] for one in told} == chosen
        match content:
            case Text():
                edit = fold(self.values(id_, Kind.EDIT))
                shown = content.first if edit is None else edit.shown.value
                assert isinstance(shown, Edit)
                assert item["text"] == shown.text
            case Poll():
                self.check_poll(id_, content, msgspec.convert(item["poll"], dict[str, object]))
            case Task():
                self.check_task(id_, content, msgspec.convert(item["task"], dict[str, object]))
            case CheckIn():
                told = msgspec.convert(item["check_in"], dict[str, object])
                self.check_check_in(id_, content, told)
            case Notice():
                notice = msgspec.convert(item["notice"], dict[str, object])
                assert notice["is_over"] == (content.until == 1)
            case Timer():
                assert item["sets_timer"] == content.seconds
            case _:
                pass

    def check_poll(self, id_: EntryId, poll: Poll, told: dict[str, object]) -> None:
        votes = [
            Value(one.id, one.author, one.clock, one.over, one.value)
            for one in self.values(id_, Kind.VOTE)
            if isinstance(one.value, Vote)
        ]
        closes = [
            one.value.at for one in self.values(id_, Kind.CLOSE) if isinstance(one.value, Close)
        ]
        counted = tally(poll, votes, closes)
        options = msgspec.convert(told["options"], list[dict[str, object]])
        assert tuple(one["count"] for one in options) == counted.counts
        assert (told["voters_count"], told["late_count"]) == (counted.voters, counted.late)

    def check_check_in(self, id_: EntryId, check_in: CheckIn, told: dict[str, object]) -> None:
        """Hold a roll-up to the rules: one's own word first, and a call for help is never lost."""
        answers = [
            Value(one.id, one.author, one.clock, one.over, one.value)
            for one in self.values(id_, Kind.ANSWER)
            if isinstance(one.value, Answer)
        ]
        for person in msgspec.convert(told["people"], list[dict[str, object]]):
            key = VerifyKey(bytes.fromhex(str(person["key"])))
            about = [one for one in answers if subject_of(one.author, one.value) == key]
            word = word_of(check_in, key, about)
            said = msgspec.convert(person["answer"], dict[str, object] | None)
            assert (said is None) == (word.said is None)
            if said is not None and word.said is not None:
                assert (said["note"], said["which"]) == (
                    word.said.value.note,
                    word.said.value.which,
                )
            calls = msgspec.convert(person["others"], list[dict[str, object]])
            assert [call["note"] for call in calls] == [call.value.note for call in word.calls]

    def timer(self) -> int:
        """Return under which timer things are written."""
        folded = fold(self.values(EntryId(b""), Kind.TIMER))
        value = None if folded is None else folded.shown.value
        return value.seconds if isinstance(value, Timer) else 0

    def check_task(self, id_: EntryId, task: Task, told: dict[str, object]) -> None:
        state, title = State.OPEN, task.title
        changes = self.values(id_, Kind.CHANGE)
        for field in (TaskField.STATE, TaskField.TITLE):
            folded = fold(
                one for one in changes if isinstance(one.value, Change) and one.value.field is field
            )
            if folded is not None and isinstance(folded.shown.value, Change):
                value = folded.shown.value.read()
                if isinstance(value, State):
                    state = value
                else:
                    title = str(value)
        assert told["title"] == title
        assert told["state"] == {0: "open", 1: "doing", 2: "done"}[state]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kinds", [ALL, REGISTERED])
def test_any_order_shows_the_same_on_both_sides_and_what_the_rules_say(
    seed: int, kinds: tuple[int, ...]
) -> None:
    ann, bob = replicas()
    hand = Hand(seed, (ann.me, bob.me), kinds)
    said = hand.make(60)
    orders = [list(said), list(said), said[::-1]]
    hand.chance.shuffle(orders[0])
    ann.take(orders[0])
    bob.take(orders[1])
    shown = ann.shown()
    for one, same in zip(bob.shown(), shown, strict=True):
        assert one == same
    other, _ = replicas()
    # Some come twice.
    other.take([*orders[2][:9], *orders[2]])
    assert other.shown() == shown
    model = Model(hand)
    for replica in (ann, other):
        assert replica.entries.timer(replica.conversation) == model.timer()
        replica.check_at_hand()
    assert len(shown) > 2
    for item in shown:
        model.check(msgspec.convert(item, dict[str, object]))
    placed = [
        id_
        for id_, one in hand.said
        if has_place(one.entry.kind) and (id_ in model.valid or one.entry.kind not in KINDS)
    ]
    assert len(shown) == len(dict.fromkeys(placed))


def test_where_no_word_stands_the_greatest_is_shown() -> None:
    """Each last word is named by a value of the other that is none itself."""
    ann, bob = replicas()
    said: list[Said] = []

    def says(
        author: VerifyKey, clock: int, content: object, *, about: bytes = b"", over: bytes = b""
    ) -> EntryId:
        entry = Entry(
            kind=Kind.CHANGE if about else Kind.TASK,
            clock=NOW + clock,
            run=1,
            number=len(said),
            parents=[],
            ops=[],
            target=about,
            over=[over] if over else [],
            timer=0,
            content=msgspec.Raw(msgspec.msgpack.encode(content)),
        )
        said.append(Said(author, entry))
        return said[-1].id(bob.me if author == ann.me else ann.me)

    task = says(ann.me, 0, ["task"])
    greatest = says(bob.me, 20, [0, 2], about=task)
    says(ann.me, 1, [0, 1], about=task, over=greatest)
    last = says(ann.me, 5, [0, 1], about=task)
    says(bob.me, 10, [0, 0], about=task, over=last)
    for replica, order in ((ann, said), (bob, said[::-1])):
        replica.take(order)
        (item,) = replica.shown()
        told = msgspec.convert(msgspec.convert(item, dict[str, object])["task"], dict[str, object])
        assert told["state"] == "done"
