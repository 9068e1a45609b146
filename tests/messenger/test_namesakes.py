"""Two members of one name, or of names that look alike, are told apart wherever one is named."""

import pytest

from mesh.commands.groups import (
    AcceptGroup,
    AskGroupLog,
    MakeGroup,
    MembershipsAnswer,
    RemoveMember,
)
from mesh.commands.item_commands import MentionAsked, ReactToItem, Vote, WriteItem
from mesh.messenger.conversations.member_names import MemberNames
from tests.messenger.doing import do, items_of
from tests.messenger.in_groups import inside, member, members_of, settle
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.test_group_renames import call_oneself
from tests.messenger.writing_letters import letters_of, strangers, write

Patch = pytest.MonkeyPatch


def begin_of(person: Person, other: Person) -> str:
    """The beginning of the key of a member of a group, as another sees it."""
    return inside(other).me.hex()[:8]


def three_bobs() -> list[Person]:
    """Return who is in Ann's group: two are called alike, and only she has contacts there."""
    clock = Clock()
    names = "Ann", "Bob", "B\u043eb", "Cem"
    people = [Person(name, clock, seed=seed) for seed, name in enumerate(names, 1)]
    ann, *others = people
    for person in others:
        person.add(ann.invite().link)
        exchange(ann, person)
    ann.ask(MakeGroup("Crew", tuple(contact.label for contact in ann.contacts())))
    settle(*people)
    for person in others:
        person.ask(AcceptGroup("Crew"))
    settle(*people)
    return people


def test_members_of_one_name_are_told_apart_in_all_that_names_them() -> None:
    ann, bob, other, cem = people = three_bobs()
    names = [f"Bob {begin_of(cem, bob)}", f"B\u043eb {begin_of(cem, other)}"]
    assert [one.label for one in members_of(cem) if one.name != "Ann" and not one.is_me] == names
    assert [one.name for one in members_of(cem)][1:3] == ["Bob", "B\u043eb"]
    # Contacts are called by their labels, which no two of them share.
    assert [one.label for one in members_of(ann)][1:3] == ["Bob", "B\u043eb 2"]
    first = do(bob, WriteItem("Crew", text="It is Bob"))
    settle(*people)
    mention = MentionAsked(start=0, length=4, key=inside(bob).me.hex())
    do(
        other,
        WriteItem(
            "Crew", text="@Bob no", mentions=(mention,), reply=items_of(other, "Crew")[-1].number
        ),
    )
    asked = do(ann, WriteItem("Crew", kind="poll", question="Who?", options=("a", "b")))
    settle(*people)
    for person in (bob, other):
        there = next(one for one in items_of(person, "Crew") if one.id == asked.id)
        do(person, Vote(there.number, (0,)))
        do(person, ReactToItem(there.number, ("👍",)))
    settle(*people)
    texts = {one.id: one for one in items_of(cem, "Crew")}
    assert texts[first.id].author.label == names[0]
    said = next(one for one in texts.values() if one.text == "@Bob no")
    assert said.author.label == names[1]
    assert said.reply is not None
    assert said.reply.author is not None
    assert said.reply.author.label == names[0]
    assert [one.label for one in said.mentions] == [names[0]]
    poll = texts[asked.id].poll
    assert poll is not None
    assert sorted(poll.options[0].who) == sorted(names)
    assert sorted(texts[asked.id].reactions[0].who) == sorted(names)


def test_who_takes_the_name_of_a_contact_or_of_our_person_is_told_apart() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    begin, key = begin_of(cem, bob), inside(bob).me.hex()

    def label_of_bob() -> str:
        return next(one.label for one in members_of(cem) if one.key == key)

    assert label_of_bob() == "Bob"
    for name in ("Ann", "\u0410nn", "Cem", "cem", f"Bob {begin_of(cem, ann)}"):
        call_oneself(bob, name)
        # Who says something tells his name before it.
        do(bob, WriteItem("Crew", text=f"I am {name}"))
        settle(*people)
        assert label_of_bob() == items_of(cem, "Crew")[-1].author.label == f"{name} {begin}"
    # What only the looker calls somebody changes nothing of what others are told.
    assert [one.label for one in members_of(ann) if one.contact] == ["Bob", "Cem"]
    call_oneself(bob, "Bo")
    do(bob, WriteItem("Crew", text="I am Bo"))
    settle(*people)
    assert label_of_bob() == items_of(cem, "Crew")[-1].author.label == "Bo"


def test_who_was_removed_is_told_apart_from_who_came_with_his_name() -> None:
    ann, bob, other, cem = people = three_bobs()
    do(bob, WriteItem("Crew", text="before"))
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    do(other, WriteItem("Crew", text="after"))
    settle(*people)
    authors = [one.author.label for one in items_of(cem, "Crew") if one.kind == "text"]
    assert authors == [f"Bob {begin_of(cem, bob)}", f"B\u043eb {begin_of(cem, other)}"]
    log = cem.ask(AskGroupLog("Crew"))
    assert isinstance(log, MembershipsAnswer)
    assert log.operations[-1].whom == [f"Bob {begin_of(cem, bob)}"]


def test_who_asks_to_become_a_contact_is_told_apart_from_a_member_of_his_name() -> None:
    _, bob, other, cem = people = three_bobs()
    write(other, "Cem")
    settle(*people)
    (letter,) = letters_of(cem)
    assert letter.member_name == f"B\u043eb {begin_of(cem, other)}"
    assert begin_of(cem, bob) != begin_of(cem, other)


def test_without_comparing_names_an_impostor_is_taken_for_another(monkeypatch: Patch) -> None:
    monkeypatch.setattr(MemberNames, "is_like_another", lambda *_: False)
    _, _, _, cem = three_bobs()
    assert [one.label for one in members_of(cem)][1:3] == ["Bob", "B\u043eb"]
