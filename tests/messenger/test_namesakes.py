"""Two members of one name, or of names that look alike, are shown with the beginning of their keys.

That is for the eye alone: what they are called, and what is sent, is the same without it.
"""

from collections.abc import Mapping

import msgspec
import pytest

from mesh.api.request import Request
from mesh.cli.commands import group_letters
from mesh.cli.group_lines import called, member_of
from mesh.cli.group_requests import letter_line
from mesh.cli.handing_over import forwarded
from mesh.cli.mentions import mentioned
from mesh.client import AnswerT, Client
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    ForgetGroup,
    LeaveGroup,
    MakeGroup,
    MemberAnswer,
    RemoveMember,
)
from mesh.commands.item_commands import AskItems, MentionAsked, Vote, WriteItem
from mesh.commands.items import ItemsAnswer
from mesh.commands.member_letters import AskMemberLetters, MemberLettersAnswer
from mesh.crypto.signing import SigningKey
from mesh.errors import UserError
from mesh.group.operations import Add, Record, consent, encode_operation
from mesh.group.posts import sign_post
from mesh.ids import ConversationId
from mesh.messenger.conversations.member_names import MemberNames
from mesh.messenger.names import holds_like_key
from mesh.storage.vault.member_names import LastName, MemberNameRows
from tests.messenger.doing import do, items_of
from tests.messenger.in_groups import inside, member, members_of, settle
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.test_group_hostile_posts import heads_of, pass_on
from tests.messenger.test_group_needs import give
from tests.messenger.test_group_renames import call_oneself
from tests.messenger.writing_letters import letters_of, strangers, write

Patch = pytest.MonkeyPatch


class OfNode(Client):
    """Commands of a terminal are answered by a node, without the API between them."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def ask(self, request: Request, reply: type[AnswerT]) -> AnswerT:
        answer = self._person.ask(request)  # type: ignore[arg-type]  # no request here is another
        assert isinstance(answer, reply)
        return answer


def mark_of(person: Person) -> str:
    """The beginning of the key of a member of a group."""
    return inside(person).me.hex()[:8]


def shown_to(person: Person) -> list[tuple[str, str]]:
    """Return what others in a group are called for somebody, and what is shown beside it."""
    return [(one.label, one.mark) for one in members_of(person) if not one.is_me]


def of_key(person: Person, key: str) -> MemberAnswer:
    return next(one for one in members_of(person) if one.key == key)


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


def test_members_of_one_name_are_marked_wherever_one_is_shown() -> None:
    ann, bob, other, cem = people = three_bobs()
    marks = [mark_of(bob), mark_of(other)]
    assert shown_to(cem) == [("Ann", ""), ("Bob", marks[0]), ("B\u043eb", marks[1])]
    # Contacts are called by their labels, which no two of them share.
    assert shown_to(ann) == [("Bob", ""), ("B\u043eb 2", ""), ("Cem", "")]
    first = do(bob, WriteItem("Crew", text="It is Bob"))
    settle(*people)
    mention = MentionAsked(start=0, length=4, key=inside(bob).me.hex())
    number = items_of(other, "Crew")[-1].number
    do(other, WriteItem("Crew", text="@Bob no", mentions=(mention,), reply=number))
    asked = do(ann, WriteItem("Crew", kind="poll", question="Who?", options=("a", "b")))
    settle(*people)
    for person in (bob, other):
        there = next(one for one in items_of(person, "Crew") if one.id == asked.id)
        do(person, Vote(there.number, (0,)))
    settle(*people)
    texts = {one.id: one for one in items_of(cem, "Crew")}
    assert (texts[first.id].author.label, texts[first.id].author.mark) == ("Bob", marks[0])
    said = next(one for one in texts.values() if one.text == "@Bob no")
    assert (said.author.label, said.author.mark) == ("B\u043eb", marks[1])
    assert said.reply is not None
    assert said.reply.author is not None
    assert said.reply.author.mark == marks[0]
    assert [(one.label, one.mark) for one in said.mentions] == [("Bob", marks[0])]
    poll = texts[asked.id].poll
    assert poll is not None
    assert sorted(poll.options[0].who) == ["Bob", "B\u043eb"]


def test_who_takes_the_name_of_a_contact_or_of_our_person_is_marked() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    mark, key = mark_of(bob), inside(bob).me.hex()
    assert (of_key(cem, key).label, of_key(cem, key).mark) == ("Bob", "")
    names = ("Ann", "\u0410nn", "Cem", "cem", f"Bob {mark_of(ann)}", f"Bob [{mark_of(ann)}]")
    for name in names:
        call_oneself(bob, name)
        # Who says something tells his name before it.
        do(bob, WriteItem("Crew", text=f"I am {name}"))
        settle(*people)
        author = items_of(cem, "Crew")[-1].author
        assert (author.label, author.mark) == (name, mark)
        assert (of_key(cem, key).label, of_key(cem, key).mark) == (name, mark)
    # Whoever only the looker is like changes nothing of what others are shown.
    assert shown_to(ann) == [("Bob", ""), ("Cem", "")]
    call_oneself(bob, "Bo")
    do(bob, WriteItem("Crew", text="I am Bo"))
    settle(*people)
    assert items_of(cem, "Crew")[-1].author.mark == of_key(cem, key).mark == ""


@pytest.mark.parametrize(
    "name, is_like",
    [
        ("Bob 1a2b3c4d", True),
        ("Bob [1a2b3c4d]", True),
        ("Bob (1A2B3C4D)", True),
        ("Bob 1a2b3c4d.", True),
        ("Bob-1a2b3c4d", True),
        ("Bob_1a2b3c4d_x", True),
        ("Bob !a2b3c4d", True),
        ("Bob !1a2b3c4d", True),
        ("Bob · 1a2b 3c4d", True),
        ("Bob \uff11\uff412b3c4d", True),
        ("Bob", False),
        ("Bob 1a2b3c4", False),
        ("Bob 1a2b3c4d5", False),
        ("Bob of the mill", False),
        ("Anna Lena", False),
    ],
)
def test_a_part_that_could_pass_for_digits_of_a_key_is_found(name: str, *, is_like: bool) -> None:
    assert holds_like_key(name) is is_like


@pytest.mark.parametrize("form", ["{} {}", "{} [{}]", "{} · {}"])
def test_who_calls_himself_as_another_is_shown_is_taken_for_nobody(form: str) -> None:
    _, bob, other, cem = people = three_bobs()
    false = form.format("Bob", mark_of(bob))
    call_oneself(other, false)
    call_oneself(bob, "Bob")
    do(other, WriteItem("Crew", text="It is me"))
    settle(*people)
    # Bob is the only one of his name now.
    assert member_of(OfNode(cem), "Crew", "Bob").key == inside(bob).me.hex()
    with pytest.raises(UserError) as caught:
        member_of(OfNode(cem), "Crew", false)
    number = of_key(cem, inside(other).me.hex()).member
    assert caught.value.kind == "ambiguous"
    assert f"number: {number}." in str(caught.value)
    found = member_of(OfNode(cem), "Crew", str(number))
    assert found.name == false
    # What is asked before something is done to him is not what is asked of Bob.
    assert called(found) == f"{false} [{mark_of(other)}]"
    assert called(of_key(cem, inside(bob).me.hex())) not in (called(found), false)


def test_what_is_sent_is_the_same_whomever_its_author_knows() -> None:
    sent = []
    for knows_another in (False, True):
        ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
        if knows_another:
            elsewhere = Person("Bob", cem.clock, seed=9)
            elsewhere.add(cem.invite().link)
            exchange(cem, elsewhere)
        do(bob, WriteItem("Crew", text="It is Bob"))
        settle(*people)
        assert of_key(cem, inside(bob).me.hex()).mark == mark_of(bob) * knows_another
        client, item = OfNode(cem), items_of(cem, "Crew")[-1]
        on = forwarded(client, item, "Ann", says_author=True)
        assert on.forwarded == "Bob"
        meant = mentioned(client, "Crew", "@Bob hello")
        assert [(one.start, one.length) for one in meant] == [(0, 4)]
        sent.append((msgspec.structs.asdict(item.author).keys(), on.text, on.forwarded, meant))
        do(cem, on)
        settle(*people)
        assert items_of(ann, "Cem")[-1].forwarded == "Bob"
    assert sent[0] == sent[1]


def test_who_was_removed_is_marked_beside_who_came_with_his_name() -> None:
    ann, bob, other, cem = people = three_bobs()
    do(bob, WriteItem("Crew", text="before"))
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    do(other, WriteItem("Crew", text="after"))
    settle(*people)
    authors = [one.author for one in items_of(cem, "Crew") if one.kind == "text"]
    assert [one.mark for one in authors] == [mark_of(bob), mark_of(other)]
    assert [one.label for one in authors] == ["Bob", "B\u043eb"]


def test_of_whom_a_void_operation_tells_nobody_is_marked() -> None:
    ann, bob, cem = people = strangers("Ann", "Bob", "Cem")
    ann.ask(ChangeGroup("Crew", add="admins"))
    settle(*people)
    group, records = inside(bob), []
    for number, name in enumerate(("Ann", "Bob", "Cem"), 40):
        key = SigningKey.from_seed(number.to_bytes(32, "big"))
        bare = Record(key.verify_key, bytes(32), bytes(32), bytes(16), name, b"")
        records.append(consent(key, group.gid, bare))
    post = encode_operation(Add(tuple(records)), clock=9, seq=9, parents=heads_of(bob))
    pass_on(bob, [sign_post(group.signing, group.gid, post)])
    give(bob, cem)
    membership = inside(cem).membership
    assert membership is not None
    assert (len(membership.graph.people), len(membership.members)) == (6, 3)
    assert shown_to(cem) == [("Ann", ""), ("Bob", "")]


def test_a_letter_is_shown_with_the_mark_and_answered_by_the_name() -> None:
    _, _, other, cem = people = three_bobs()
    write(other, "Cem")
    settle(*people)
    (letter,) = letters_of(cem)
    assert (letter.member_name, letter.mark) == ("B\u043eb", mark_of(other))
    assert letter_line(letter).startswith(f"B\u043eb [{mark_of(other)}] from the group Crew")
    client = OfNode(cem)
    waiting = client.ask(AskMemberLetters("Crew"), MemberLettersAnswer)
    for wrong in ("Bob", f"B\u043eb [{mark_of(other)}]"):
        with pytest.raises(UserError, match="No letter of"):
            group_letters.answered(client, letter.group, waiting, wrong, is_accepted=True)
    group_letters.answered(client, letter.group, waiting, "b\u043eb", is_accepted=False)
    assert letters_of(cem) == []


def test_who_takes_the_name_of_another_is_shown_with_his_key(monkeypatch: Patch) -> None:
    _, bob, other, cem = three_bobs()
    assert shown_to(cem)[1:] == [("Bob", mark_of(bob)), ("B\u043eb", mark_of(other))]
    monkeypatch.setattr(MemberNames, "is_like_another", lambda *_: False)
    assert shown_to(cem)[1:] == [("Bob", ""), ("B\u043eb", "")]


class Counted(dict[bytes, LastName]):
    """The last names of a group, which say how often they are compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)

    __hash__ = None


def test_names_are_looked_at_once_however_much_is_shown(monkeypatch: Patch) -> None:
    _, bob, _, cem = people = three_bobs()
    for number in range(20):
        do(bob, WriteItem("Crew", text=str(number)))
    settle(*people)
    read, looked = MemberNameRows._read, MemberNames._seen
    found: list[int] = []

    def counted(rows: MemberNameRows, conversation: ConversationId) -> Mapping[bytes, LastName]:
        return Counted(read(rows, conversation))

    def seen(names: MemberNames, *of: object) -> object:
        found.append(1)
        return looked(names, *of)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(MemberNameRows, "_read", counted)
    monkeypatch.setattr(MemberNames, "_seen", seen)
    cem.restart()
    for _ in range(3):
        Counted.compared = 0
        answer = cem.ask(AskItems("Crew"))
        assert isinstance(answer, ItemsAnswer)
        assert sum(one.author.mark == mark_of(bob) for one in answer.items) >= 20
        assert Counted.compared <= 1
    assert len(found) == 1


def test_nothing_of_names_is_kept_of_a_group_that_is_forgotten() -> None:
    _, _, _, cem = three_bobs()
    assert shown_to(cem)
    names = cem.wired.groups.answers.names
    assert len(names._bearers) == 1
    cem.ask(LeaveGroup("Crew"))
    cem.ask(ForgetGroup("Crew"))
    assert not names._bearers
