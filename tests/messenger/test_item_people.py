"""An item names eight people of each kind, oneself among them; all stand in pages of a hundred."""

from functools import cache

import msgspec
import pytest

from mesh.commands.item_commands import AskItemPeople, AskItems, ReactToItem, WriteItem
from mesh.commands.items import (
    CheckInAnswer,
    ItemAnswer,
    ItemPeopleAnswer,
    ItemPersonAnswer,
)
from mesh.content.entry import Entry, EntryId, Kind, decode_entry
from mesh.errors import UserError
from mesh.limits.api import PEOPLE_NAMED_MAX, PEOPLE_PER_PAGE_MAX
from mesh.messenger.conversations import kept_entries
from tests.group.scenarios import Story, key_of
from tests.messenger.doing import both, item, said
from tests.messenger.group_replicas import GroupReplica
from tests.messenger.people import exchange
from tests.messenger.test_entries_in_any_order import NOW
from tests.messenger.test_group_standing import Told, entry

COUNT = 1_000
ME = f"m{COUNT - 1}"
"""Whose words come last: no first eight hold them."""

ANSWERS = [["safe", 0], ["on my way", 1], ["help", 2]]
REACTED, ANSWERED, CALLED, CHANGED = 120, 40, 12, 12
"""So many of them do more than vote, the last ones."""

MADE_UP = 1_000
"""Keys of nobody, about each of which a member of another group says something."""


class Crowd:
    """A group of a thousand that votes, is asked how it is and does more, seen by one of them."""

    def __init__(self) -> None:
        names = [f"m{number}" for number in range(1, COUNT)]
        self.told = Told(Story(*names))
        self.names = ["O", *names]
        self.keys = {name: key_of(name).hex() for name in self.names}
        self.numbers = dict.fromkeys(self.names, 0)
        self.text = self.says("O", Kind.TEXT)
        self.poll = self.says("O", Kind.POLL)
        self.check_in = self.says("O", Kind.CHECK_IN, content=["all well?", ANSWERS])
        self.task = self.says("O", Kind.TASK)
        for place, name in enumerate(self.names):
            left = COUNT - place
            self.says(name, Kind.VOTE, self.poll)
            if left <= REACTED:
                self.says(name, Kind.REACT, self.text)
            if left <= ANSWERED:
                which = 2 if left <= CALLED else place % 2
                self.says(name, Kind.ANSWER, self.check_in, content=[which])
            if left <= CALLED:
                of_first = [2, "", "", key_of("m1")]
                self.says(name, Kind.ANSWER, self.check_in, content=of_first)
            if left <= CHANGED:
                self.says(name, Kind.CHANGE, self.task, content=[0, 1 + place % 2])
        operations = self.told.story.operations
        self.seen = GroupReplica(operations[0], key_of(ME))
        self.seen.take([*operations[1:], *self.told.said])

    def says(self, name: str, kind: Kind, target: bytes = b"", content: object = None) -> EntryId:
        self.numbers[name] += 1
        number = self.numbers[name]
        made = entry(
            kind,
            [self.told.story.last],
            target=target,
            content=content,
            number=number,
            clock=NOW + len(self.told.said),
        )
        return self.told.says(name, made)

    def items(self) -> list[ItemAnswer]:
        asked = AskItems(self.seen.conversation, limit=10)
        return self.seen.pages.items(asked, self.seen.conversation).items

    def item(self, kind: str) -> ItemAnswer:
        [found] = [one for one in self.items() if one.kind == kind]
        return found

    def page(self, number: int, after: str | None = None) -> ItemPeopleAnswer:
        return self.seen.item_people.page(AskItemPeople(number, after), self.seen.person.now)

    def people(self, kind: str, count: int) -> list[ItemPersonAnswer]:
        """Return all who stand in the pages of an item; they must be the last so many."""
        number = self.item(kind).number
        found: list[ItemPersonAnswer] = []
        has_more = True
        while has_more:
            page = self.page(number, found[-1].key if found else None)
            assert page.people
            assert len(page.people) <= PEOPLE_PER_PAGE_MAX
            assert len(page.people) == PEOPLE_PER_PAGE_MAX or not page.has_more
            found += page.people
            has_more = page.has_more
        keys = [self.keys[name] for name in self.names[-count:]]
        assert [one.key for one in found] == [self.keys[ME], *sorted(keys[:-1])]
        assert found[0].is_me
        return found


@cache
def crowd() -> Crowd:
    """Return the crowd; nobody changes it."""
    return Crowd()


def test_a_page_of_cards_of_a_thousand_is_small() -> None:
    items = crowd().items()
    assert len(items) == 4
    for one in items:
        assert len(msgspec.json.encode(one)) < 5_000, one.kind


def test_reactions_and_votes_name_eight_and_oneself() -> None:
    [reaction] = crowd().item("text").reactions
    poll = crowd().item("poll").poll
    assert poll is not None
    for told, count in ((reaction, REACTED), (poll.options[1], COUNT)):
        assert (told.count, told.is_mine, len(told.who)) == (count, True, PEOPLE_NAMED_MAX)
        assert crowd().people("poll", COUNT)[0].label in told.who
    assert poll.voters_count == COUNT


def test_all_who_reacted_or_voted_stand_in_pages() -> None:
    assert {tuple(one.emoji) for one in crowd().people("text", REACTED)} == {("+",)}
    assert {tuple(one.options) for one in crowd().people("poll", COUNT)} == {(1,)}


def test_a_check_in_tells_who_stands_worst_and_counts_all() -> None:
    check_in = crowd().item("check-in").check_in
    assert isinstance(check_in, CheckInAnswer)
    assert check_in.of == COUNT
    counts = check_in.roll_up
    assert (counts.help, counts.silent) == (CALLED + 1, COUNT - ANSWERED - 1)
    assert sum(msgspec.structs.astuple(counts)) == COUNT
    assert len(check_in.people) == PEOPLE_NAMED_MAX
    assert any(one.is_me for one in check_in.people)
    for one in check_in.people:
        assert one.answer is not None
        assert one.answer.which == 2
    everybody = [one.checked for one in crowd().people("check-in", COUNT)]
    said = [None if one is None or one.answer is None else one.answer.which for one in everybody]
    assert said.count(2) == CALLED + 1
    assert said.count(None) == COUNT - ANSWERED - 1


def test_eight_calls_for_help_of_one_person_are_told_and_all_are_counted() -> None:
    check_in = crowd().item("check-in").check_in
    assert check_in is not None
    [called] = [one for one in check_in.people if one.key == key_of("m1").hex()]
    # One of twelve is what is said of them, the others stand beside it.
    assert called.others_count == CALLED - 1
    assert len(called.others) == PEOPLE_NAMED_MAX


def test_a_task_tells_eight_values_beside_and_who_set_each() -> None:
    task = crowd().item("task").task
    assert task is not None
    assert len(task.others) == PEOPLE_NAMED_MAX
    assert task.others_count == CHANGED - 1
    number = crowd().item("task").number
    values = [one.value for person in crowd().page(number).people for one in person.values]
    assert len(values) == CHANGED - 1
    assert set(values) == {"doing", "done"}


def test_a_page_begins_after_anybody_and_ends() -> None:
    number = crowd().item("poll").number
    assert not crowd().page(number, "f" * 64).people
    first = crowd().page(number, crowd().keys[ME])
    assert first.people[0].key == min(set(crowd().keys.values()) - {crowd().keys[ME]})
    with pytest.raises(UserError, match="no key"):
        crowd().page(number, "abc")


def test_between_two_pages_are_there_too_and_of_what_is_gone_there_are_none() -> None:
    ann, bob = both()
    mine, theirs = said(ann, bob, WriteItem("Bob", text="hm"))
    assert ann.ask(AskItemPeople(mine.number)) == ItemPeopleAnswer(people=[])
    bob.ask(ReactToItem(theirs.number, ("👍",)))
    exchange(ann, bob)
    answer = ann.ask(AskItemPeople(mine.number))
    assert isinstance(answer, ItemPeopleAnswer)
    assert [(one.label, one.emoji) for one in answer.people] == [("Bob", ["👍"])]
    assert item(ann, mine.number).reactions[0].who == ["Bob"]
    with pytest.raises(UserError, match="There is no message"):
        ann.ask(AskItemPeople(mine.number + 99))


def test_answers_about_made_up_keys_cost_a_card_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(Story("A"))

    def says(author: str, kind: Kind, target: bytes, content: list[object]) -> EntryId:
        number = len(told.said) + 1
        made = entry(kind, [told.story.last], target=target, content=content, number=number)
        return told.says(author, made)

    check_in = says("O", Kind.CHECK_IN, b"", ["all well?", ANSWERS])
    says("A", Kind.ANSWER, check_in, [2])
    for number in range(MADE_UP):
        says("A", Kind.ANSWER, check_in, [2, "", "", number.to_bytes(32, "big")])
    seen = told.replica("O", [*told.story.operations[1:], *told.said])
    row = seen.row(check_in)
    assert seen.vault.registers.count(row.conversation, row.id, "answer") == MADE_UP + 1
    read: list[bytes] = []

    def counted(data: bytes) -> Entry:
        read.append(data)
        return decode_entry(data)

    monkeypatch.setattr(kept_entries, "decode_entry", counted)
    asked = AskItems(seen.conversation, limit=1)
    card = seen.pages.items(asked, seen.conversation).items[0].check_in
    # The check-in itself, and the one answer about somebody who is asked.
    assert len(read) == 2
    assert card is not None
    assert (card.of, card.roll_up.help, card.roll_up.silent) == (2, 1, 1)
    people = seen.item_people.page(AskItemPeople(row.number), seen.person.now).people
    assert [one.checked is not None for one in people] == [True, True]
    assert len(read) == 4
