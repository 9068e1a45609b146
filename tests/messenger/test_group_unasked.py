"""Things given unasked in groups: what was taken back stays so for who comes later, and who
supplies such words makes nobody post much.
"""

import pytest

from mesh.commands.groups import AcceptGroup, ChangeGroup, InviteToGroup, SetMemberRole
from mesh.commands.item_commands import HideItem, RetractItem
from mesh.commands.items import ItemAnswer
from mesh.group.epochs import EpochId
from mesh.group.payload import SignedEntry
from mesh.group.placed_posts import PostPlace, SuppliedEntry, Supply
from mesh.ids import VerifyKey
from mesh.limits.group_repair import UNASKED_PER_DAY_MAX
from mesh.messenger.groups.supplies import Source
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import items_of
from tests.messenger.in_groups import crew, inside, member, settle
from tests.messenger.people import Person
from tests.messenger.test_group_attacks import old_entry
from tests.messenger.test_group_attacks_on_words import words_by
from tests.messenger.test_group_hostile_posts import pass_on
from tests.messenger.test_group_needs import MINUTE_S, give, pass_by, posted_count, say, texts_of


def two_and_words(*, is_admin: bool = False) -> tuple[list[Person], ItemAnswer, SignedEntry]:
    """Ann and Mal are in a group, Dan not yet. Ann says something, which Mal keeps."""
    people = crew("Ann", "Mal", others=("Dan",))
    ann, mal, _ = people
    if is_admin:
        ann.ask(SetMemberRole("Crew", member(ann, "Mal").member, "admin"))
        settle(*people)
    said = say(ann, "Taken back")
    settle(*people)
    return people, said, old_entry(mal, said)


def let_in_dan(people: list[Person]) -> None:
    ann, _, dan = people
    ann.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)


def supply(mal: Person, author: VerifyKey, *words: SignedEntry) -> None:
    pass_on(mal, entries=[SuppliedEntry(author, each.entry, each.signature) for each in words])


def test_who_comes_later_the_same_day_is_given_the_retraction_too() -> None:
    people, said, words = two_and_words()
    ann, mal, dan = people
    ann.ask(RetractItem(said.number))
    settle(*people)
    # It is given once, while Dan is not there.
    supply(mal, inside(ann).me, words)
    give(mal, ann)
    pass_by(ann, mal, seconds=3 * MINUTE_S)
    let_in_dan(people)
    supply(mal, inside(ann).me, words)
    give(mal, ann, dan)
    assert "Taken back" in texts_of(dan)
    pass_by(ann, dan, seconds=3 * MINUTE_S)
    assert "Taken back" not in texts_of(dan)


def test_a_hide_that_was_lifted_stands_not_before_the_retraction() -> None:
    people, said, words = two_and_words(is_admin=True)
    ann, mal, dan = people
    number = next(one.number for one in items_of(mal, "Crew") if one.id == said.id)
    for is_on in (True, False):
        mal.ask(HideItem(number, is_on=is_on))
        settle(ann, mal)
    ann.ask(RetractItem(said.number))
    settle(*people)
    let_in_dan(people)
    supply(mal, inside(ann).me, words)
    give(mal, ann, dan)
    assert "Taken back" in texts_of(dan)
    pass_by(ann, dan, seconds=3 * MINUTE_S)
    assert "Taken back" not in texts_of(dan)


def test_what_is_given_to_some_alone_is_given_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    people, said, words = two_and_words()
    ann, mal, dan = people
    ann.ask(RetractItem(said.number))
    settle(*people)
    group = inside(mal)
    before = group.chosen()
    assert before is not None
    vault = Vault(mal.connection)
    (taken_back,) = vault.changes.of_object(group.conversation, bytes.fromhex(said.id))
    kept = vault.contents.find(taken_back.number)
    assert kept is not None
    let_in_dan(people)
    supply(mal, inside(ann).me, words)
    give(mal, ann, dan)
    # Mal's program gives the retraction too, under an epoch that Dan does not read.
    monkeypatch.setattr("mesh.messenger.groups.group_sealer.may_stand_under", lambda *_, **__: True)
    retraction = SuppliedEntry(inside(ann).me, kept.data, kept.signature)
    told = Supply(1, 6, 0, PostPlace(bytes(8), 0), b"", [], [retraction], [], [])
    with transaction(mal.connection):
        posting = mal.wired.groups.posting
        posting.queue(group, told, EpochId(before.id), mal.now)
        posting.flush(group, mal.now)
    give(mal, ann, dan)
    assert "Taken back" in texts_of(dan)
    pass_by(ann, dan, seconds=3 * MINUTE_S)
    assert "Taken back" not in texts_of(dan)


def many_taken_back(count: int) -> tuple[list[Person], list[SignedEntry]]:
    """Mal says much, and takes it back."""
    people = crew("Ann", "Bob", "Mal")
    ann, _, mal = people
    ann.ask(ChangeGroup("Crew", acks="off"))
    settle(*people)
    said = []
    for number in range(count):
        said.append(say(mal, f"Word {number}"))
        settle(*people)
        mal.mint_all()
    words = [old_entry(mal, each) for each in said]
    for each in said:
        mal.ask(RetractItem(each.number))
        settle(*people)
        mal.mint_all()
    for _ in range(3):
        settle(*people)
        for person in people:
            person.mint_all()
    ann.clock.pass_by(86_400)
    for person in people:
        person.mint_all()
    return people, words


def test_one_supply_of_much_that_was_taken_back_is_answered_by_one() -> None:
    people, words = many_taken_back(12)
    ann, bob, mal = people
    # What a new day brings is not counted.
    pass_by(ann, bob, seconds=5 * MINUTE_S)
    before = posted_count(ann) + posted_count(bob)
    supply(mal, inside(mal).me, *words)
    give(mal, ann, bob)
    duties = Vault(ann.connection).group_needs.duties(inside(ann).conversation)
    assert len(duties) == 12
    pass_by(ann, bob, seconds=3 * MINUTE_S)
    assert posted_count(ann) + posted_count(bob) == before + 1


def test_one_member_makes_others_give_no_more_than_so_much_in_a_day() -> None:
    people, said, _ = two_and_words()
    ann, mal, _ = people
    ann.ask(RetractItem(said.number))
    settle(*people)
    group, vault = inside(ann), Vault(ann.connection)
    row = vault.entries.message(said.number)
    giving = ann.wired.groups.inbox._repair.supplies
    source = Source(inside(mal).me, bytes(32))
    with transaction(ann.connection):
        assert giving.came(group, row, source, ann.now)
        # It counts what is given, and not what is asked for again and again.
        assert not giving.came(group, row, source, ann.now)
        giving._unasked.clear()
        giving._unasked_by[group.conversation, source.member] = UNASKED_PER_DAY_MAX
        assert not giving.came(group, row, source, ann.now)
    ann.clock.pass_by(86_400)
    with transaction(ann.connection):
        assert giving.came(group, row, source, ann.now)


def test_of_two_long_words_with_one_number_both_are_given() -> None:
    ann, bob, mal = people = crew("Ann", "Bob", "Mal")
    say(mal, "First")
    settle(*people)
    long = "x" * 59_000
    pass_on(mal, entries=[words_by(mal, f"One {long}", number=7)])
    give(mal, bob)
    pass_on(mal, entries=[words_by(mal, f"Other {long}", number=7)])
    give(mal, bob)
    assert len(texts_of(bob)) == 3
    # Ann has neither, and hears of Mal no more.
    pass_by(ann, bob, seconds=3 * MINUTE_S)
    assert sorted(text.split()[0] for text in texts_of(ann)) == ["First", "One", "Other"]
