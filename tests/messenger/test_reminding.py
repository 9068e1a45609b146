"""Reminders of check-ins: who is named, by which name, and who may."""

from mesh.commands.contacts import RenameContact
from mesh.commands.groups import LeaveGroup, SetMemberRole
from mesh.commands.item_commands import AnswerCheckIn, ChoiceAsked, RemindOfCheckIn, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.ids import VerifyKey
from mesh.limits.content import MENTIONS_MAX
from mesh.messenger.conversations.reminding import words_of_reminder
from tests.messenger.doing import both, do, items_of, refused, said
from tests.messenger.in_groups import crew, member, settle
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_talk import of

ANSWERS = (ChoiceAsked(words="safe", level=0), ChoiceAsked(words="help", level=2))


def ask(person: Person, chat: str = "Crew", until: int = 0) -> ItemAnswer:
    asked = WriteItem(chat, "check-in", question="Safe?", answers=ANSWERS, until=until)
    return do(person, asked)


def test_who_is_silent_is_named_as_they_call_themselves() -> None:
    ann, bob, cem, dan, eve = people = crew("Ann", "Bob", "Cem", "Dan", "Eve")
    ann.ask(RenameContact("Cem", "The slow one"))
    asked = ask(ann)
    exchange(*people)
    bob.ask(AnswerCheckIn(of(bob, asked).number, 0))
    dan.ask(LeaveGroup("Crew"))
    settle(*people)
    told = do(ann, RemindOfCheckIn(asked.number, "Please answer:"))
    settle(*people)
    assert told.text == "Please answer: @Cem, @Eve"
    for person in (bob, cem, eve):
        came = of(person, told)
        assert came.reply is not None
        assert (came.reply.id, came.text) == (asked.id, told.text)
        named = [came.text[one.start : one.start + one.length] for one in came.mentions]
        assert named == ["@Cem", "@Eve"]
    assert [one.key for one in told.mentions] == [
        member(cem, "Cem").key,
        member(eve, "Eve").key,
    ]


def test_who_made_it_and_admins_remind_and_of_what_is_open() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    asked = ask(bob, until=bob.now.mesh + 60)
    exchange(*people)
    here = of(cem, asked).number
    assert refused(cem, RemindOfCheckIn(here)) == "not-yours"
    ann.ask(SetMemberRole("Crew", member(ann, "Cem").member, "admin"))
    exchange(*people)
    assert do(cem, RemindOfCheckIn(here)).text == "@Ann, @Bob"
    ann.ask(AnswerCheckIn(of(ann, asked).number, 0))
    exchange(*people)
    assert do(bob, RemindOfCheckIn(asked.number)).text == "@Cem"
    cem.ask(AnswerCheckIn(here, 1))
    exchange(*people)
    assert refused(bob, RemindOfCheckIn(asked.number)) == "too-late"
    bob.clock.pass_by(61)
    assert refused(cem, RemindOfCheckIn(here)) == "too-late"
    text = do(ann, WriteItem("Crew", text="no check-in"))
    assert refused(ann, RemindOfCheckIn(text.number)) == "bad-content"


def test_of_two_who_asked_reminds() -> None:
    ann, bob = both()
    asked = ask(ann, "Bob")
    exchange(ann, bob)
    [came] = [one for one in items_of(bob, "Ann") if one.id == asked.id]
    assert refused(bob, RemindOfCheckIn(came.number)) == "not-yours"
    assert do(ann, RemindOfCheckIn(asked.number)).text == "@Bob"
    assert said(bob, ann, WriteItem("Ann", text="yes"))[0].text == "yes"


def test_of_more_than_a_text_may_mean_the_rest_is_a_number() -> None:
    called = [(VerifyKey(bytes([place]) * 32), f"P{place}") for place in range(MENTIONS_MAX + 3)]
    text, mentions = words_of_reminder("Now:", called)
    assert len(mentions) == MENTIONS_MAX
    assert text.startswith("Now: @P0, @P1")
    assert text.endswith("@P15 +3")
    for place, one in enumerate(mentions):
        assert text[one.start : one.start + one.length] == f"@P{place}"
