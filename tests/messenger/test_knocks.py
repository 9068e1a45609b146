"""People at a link that was revoked or used up: nobody lets them in who heard of them."""

import msgspec
import pytest

from mesh.commands.conversations import AskConversations, ConversationsAnswer
from mesh.commands.group_links import (
    AnswerKnock,
    CreateGroupLink,
    GroupLinkAnswer,
    JoinGroup,
    RevokeGroupLink,
)
from mesh.commands.groups import SetMemberRole
from mesh.group import writing
from mesh.group.operations import Add, Record, encode_operation
from mesh.group.payload import KNOCKS_OVER
from mesh.group.posts import sign_post
from mesh.limits.groups import KNOCKS_RETRIED_MS
from mesh.messenger.groups import knocks
from mesh.messenger.pauses import Pause
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import Envelope
from tests.messenger.doing import refused
from tests.messenger.in_groups import crew, inside, member, names_of, settle, told
from tests.messenger.people import DAY_S, Person
from tests.messenger.test_group_hostile_posts import heads_of, pass_on
from tests.messenger.test_group_links import group_of, knocks_of, link_of, links_of, pass_by

Patch = pytest.MonkeyPatch


def waiting_at_a_link(*, uses_max: int = 5) -> tuple[list[Person], GroupLinkAnswer]:
    """Ann and Bob may add; Cem and Dan stand at a link of Ann's that needs approval."""
    people = crew("Ann", "Bob")
    ann, bob = people
    people += [Person(name, ann.clock, seed=seed) for seed, name in ((9, "Cem"), (10, "Dan"))]
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    link = link_of(ann, needs_approval=True, uses_max=uses_max)
    for one in people[2:]:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert sorted(one.name for one in knocks_of(bob)) == ["Cem", "Dan"]
    return people, link


def admitted_after_revoking() -> list[str]:
    """Return whom Bob is asked about at a link of Ann's that is revoked."""
    people, link = waiting_at_a_link()
    ann, bob, *_ = people
    ann.ask(RevokeGroupLink("Crew", link.number))
    assert knocks_of(ann) == []
    pass_by(*people)
    return sorted(one.name for one in knocks_of(bob))


def test_who_stands_at_a_link_that_is_revoked_is_let_in_by_nobody(monkeypatch: Patch) -> None:
    assert admitted_after_revoking() == []
    monkeypatch.setattr(knocks, "_OVER_MAX", 0)
    assert admitted_after_revoking() == ["Cem", "Dan"]


def test_a_member_speaks_for_nobody_at_the_links_of_others() -> None:
    people, _ = waiting_at_a_link()
    ann, bob, cem, *_ = people
    group, names = inside(bob), inside(cem).me[:8]
    with transaction(bob.connection):
        bob.wired.groups.posting.note(group, [(KNOCKS_OVER, names)], pause=Pause.SOON, now=bob.now)
    pass_by(*people)
    assert sorted(one.name for one in knocks_of(ann)) == ["Cem", "Dan"]


def told_of_a_knock_and_that_it_is_over() -> tuple[Person, list[Envelope], list[Envelope]]:
    """Cem knocks at a link of Ann's, who revokes it; return Bob, and what Ann posted of each."""
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    link = link_of(ann, needs_approval=True)
    cem = Person("Cem", ann.clock, seed=9)
    cem.ask(JoinGroup(link.link))
    ann.receive(cem.post())
    posted = []
    for step in range(2):
        if step:
            ann.ask(RevokeGroupLink("Crew", link.number))
        ann.clock.pass_by(60)
        ann.tend()
        ann.clock.pass_by(60)
        posted.append(ann.post())
    return bob, posted[0], posted[1]


def test_that_a_knock_is_over_counts_also_before_the_knock_comes() -> None:
    bob, knock, over = told_of_a_knock_and_that_it_is_over()
    bob.receive(over)
    bob.restart()
    bob.receive(knock)
    assert knocks_of(bob) == []


def test_that_a_knock_is_over_lives_as_long_as_the_knock() -> None:
    bob, knock, over = told_of_a_knock_and_that_it_is_over()
    bob.clock.pass_by(9 * DAY_S)
    bob.mint_all()
    assert knock
    assert over
    alive = [each for each in (*knock, *over) if each.header.lapses > bob.now.mesh]
    bob.receive(alive)
    assert knocks_of(bob) == []


@pytest.mark.parametrize("data", [b"", b"short", bytes(9)])
def test_a_malformed_word_on_people_at_a_link_is_dropped(data: bytes) -> None:
    people, _ = waiting_at_a_link()
    ann, bob, *_ = people
    group = inside(ann)
    with transaction(ann.connection):
        ann.wired.groups.posting.note(group, [(KNOCKS_OVER, data)], pause=Pause.SOON, now=ann.now)
    pass_by(*people)
    assert len(knocks_of(bob)) == 2
    assert bob.dropped()["malformed word on people at a link"] == 1


def test_who_waits_at_a_link_may_look_at_what_there_is_of_the_group() -> None:
    people, _ = waiting_at_a_link()
    _, _, cem, *_ = people
    answer = cem.ask(AskConversations())
    assert isinstance(answer, ConversationsAnswer)
    assert sorted(one.kind for one in answer.conversations) == ["group", "self"]


def test_of_those_who_wait_as_many_come_in_as_there_is_room_for(monkeypatch: Patch) -> None:
    monkeypatch.setattr(writing, "MEMBERS_MAX", 3)
    people = group_of("Ann", "Bob", "Cem", "Dan")
    link = link_of(people[0])
    for one in people[1:]:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert sorted(told(one).state for one in people[1:]) == ["in", "in", "joining"]
    assert told(people[0]).members_count == 3
    # In a full group nobody waits.
    assert Vault(people[0].connection).group_links.knocks(inside(people[0]).conversation) == []


def test_whom_nobody_can_let_in_at_the_moment_comes_in_some_minutes_later(
    monkeypatch: Patch,
) -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    link = link_of(ann)
    with monkeypatch.context() as patch:
        # The sides that it takes for this are more than a few people make.
        patch.setattr(writing, "would_count", lambda *_: False)
        assert refused(ann, CreateGroupLink("Crew")) == "too-many"
        bob.ask(JoinGroup(link.link))
        pass_by(*people)
        assert told(bob).state == "joining"
    pass_by(*people, seconds=KNOCKS_RETRIED_MS // 1_000 + 1)
    assert told(bob).state == "in"


def add_in_vain(person: Person) -> None:
    """Sign an add of who stands at a link, as one who may add nobody."""
    group = inside(person)
    (row,) = Vault(person.connection).group_links.knocks(group.conversation)
    action = Add((msgspec.msgpack.decode(row.record, type=Record),))
    post = encode_operation(action, clock=1, seq=group.here.posted, parents=heads_of(person))
    pass_on(person, [sign_post(group.signing, group.gid, post)])


def test_an_add_that_does_not_count_keeps_nobody_out() -> None:
    people = crew("Ann", "Bob", "Mal")
    ann, bob, mal = people
    cem = Person("Cem", ann.clock, seed=9)
    people.append(cem)
    link = link_of(ann, needs_approval=True, uses_max=1)
    # Of one knock all know already when the add comes, of the next nobody.
    cem.ask(JoinGroup(link.link))
    pass_by(*people)
    add_in_vain(mal)
    pass_by(*people)
    assert names_of(ann) == ["Ann", "Bob", "Mal"]
    assert [one.name for one in knocks_of(ann)] == ["Cem"]
    assert links_of(ann)[0].uses == 0
    for person in (ann, bob):
        for row in Vault(person.connection).group_links.knocks(inside(person).conversation):
            with transaction(person.connection):
                Vault(person.connection).group_links.drop_knock(row.number)
    cem.clock.pass_by(3 * DAY_S + 60)
    pass_by(*people)
    (knock,) = knocks_of(ann)
    ann.ask(AnswerKnock("Crew", knock.knock, is_admitted=True))
    pass_by(*people)
    assert told(cem).state == "in"
    assert names_of(bob) == ["Ann", "Bob", "Mal", "Cem"]
    assert links_of(ann)[0].uses == 1


def test_whom_another_admin_admits_is_a_use_of_the_link() -> None:
    people = crew("Ann", "Bob")
    ann, bob = people
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    link = link_of(ann, needs_approval=True, uses_max=1)
    for seed, name in enumerate(("Cem", "Dan"), 9):
        one = Person(name, ann.clock, seed=seed)
        people.append(one)
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    bob.ask(AnswerKnock("Crew", knocks_of(bob)[0].knock, is_admitted=True))
    pass_by(*people)
    (used,) = links_of(ann)
    assert (used.uses, used.state) == (1, "used up")
    # Nobody is asked any more about who came too late.
    assert knocks_of(ann) == knocks_of(bob) == []
    assert sorted(told(one).state for one in people[2:]) == ["in", "joining"]
