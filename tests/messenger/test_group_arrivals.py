"""Arrivals by a link into a group: the words before it, their size, and many at once."""

import pytest

from mesh.commands.group_links import JoinGroup
from mesh.commands.item_commands import WriteItem
from mesh.group import making, writing
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.group.placed_posts import decode_wraps
from mesh.group.wraps import FIRST_BYTES
from mesh.messenger.groups import changes, epochs_keeper, knocks
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import body_bytes
from tests.messenger.doing import do, stream_of
from tests.messenger.in_groups import inside, settle, told
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_links import group_of, link_of, pass_by, texts_of
from tests.messenger.test_inspecting import inspect

Patch = pytest.MonkeyPatch


def test_a_link_says_how_its_group_is_called_before_anybody_joins() -> None:
    ann, bob = group_of("Ann", "Bob")
    link = link_of(ann)
    told_by = [inspect(bob, text) for text in (link.link, link.qr, link.link[:-1])]
    gid = inside(ann).gid.hex()
    assert [one.group for one in told_by] == ["Crew", f"Group {gid[:8]}", ""]
    assert [one.expires for one in told_by] == [link.expires, link.expires, 0]
    assert not any(one.is_usable for one in told_by)
    assert "mesh group join" in told_by[0].sentence


def test_a_knock_and_a_welcome_are_of_one_size() -> None:
    people = group_of("Ann", "Bob")
    ann, bob = people
    bob.ask(JoinGroup(link_of(ann).link))
    (knock,) = bob.post()
    ann.receive([knock])
    pass_by(*people)
    tags = [tag for _, tag in entrance_tags(entrance_of(inside(bob).row.seed))]
    (welcome,) = ann.store.of_tags(tags)
    assert [len(one.body) for one in (knock, welcome)] == [body_bytes(1)] * 2


def crowd_at_a_link(monkeypatch: Patch) -> list[Person]:
    """Three stand at Ann's link at once, and an operation adds two."""
    monkeypatch.setattr(changes, "PERSONS_PER_OPERATION_MAX", 2)
    monkeypatch.setattr(changes, "RIDING_RECORDS_MAX", 1)
    people = group_of("Ann", "Bob", "Cem", "Dan")
    link = link_of(people[0])
    for one in people[1:]:
        one.ask(JoinGroup(link.link))
    return people


def test_more_than_one_operation_adds_come_with_one_epoch(monkeypatch: Patch) -> None:
    people = crowd_at_a_link(monkeypatch)
    ann = people[0]
    before = inside(ann).epochs[-1].number
    pass_by(*people)
    assert [told(one).state for one in people] == ["in"] * 4
    assert inside(ann).epochs[-1].number == before + 1
    adds = [one.membership for one in stream_of(ann, "Crew") if one.kind == "membership"]
    assert [one.action for one in adds if one is not None] == ["created", "added", "added"]
    for one in people:
        do(one, WriteItem("Crew", text=one.name))
        settle(*people)
    assert [texts_of(one) for one in people] == [["Ann", "Bob", "Cem", "Dan"]] * 4


def test_of_more_than_one_operation_adds_come_as_many_as_there_is_room_for(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(writing, "MEMBERS_MAX", 3)
    people = crowd_at_a_link(monkeypatch)
    pass_by(*people)
    assert sorted(told(one).state for one in people) == ["in", "in", "in", "joining"]
    assert told(people[0]).members_count == 3


def firsts_of_a_crowd(monkeypatch: Patch) -> int:
    """Five stand at Ann's link, of whom two come with one epoch; return how many wraps of the last
    epoch are first ones.
    """
    monkeypatch.setattr(knocks, "KNOCKS_AT_ONCE_MAX", 2)
    people = group_of("Ann", "Bob", "Cem", "Dan", "Eve", "Fay")
    ann, *others = people
    link, before = link_of(ann), inside(ann).epochs[-1].number
    for one in others:
        one.ask(JoinGroup(link.link))
    exchange(*people)
    for _ in range(3):
        # What a node is to do now it does before it hears anything.
        ann.tend()
    for _ in range(4):
        pass_by(*people, seconds=10)
    assert [(told(one).state, told(one).members_count) for one in people] == [("in", 6)] * 6
    rows = Vault(ann.connection).group_keys.epochs(inside(ann).conversation)
    assert rows[-1].number == before + 3
    assert rows[-1].wraps is not None
    return len(decode_wraps(rows[-1].wraps).first) // FIRST_BYTES


def test_the_next_of_a_crowd_come_when_the_first_have_said_hello(monkeypatch: Patch) -> None:
    assert firsts_of_a_crowd(monkeypatch) == 1
    # Without a pause no newcomer was heard when the next epochs are made.
    monkeypatch.setattr(knocks, "KNOCKS_GATHERED_SECONDS", 0)
    assert firsts_of_a_crowd(monkeypatch) == 5


def test_who_answers_a_wrap_within_its_ten_seconds_has_what_it_founded(monkeypatch: Patch) -> None:
    assert firsts_of_a_crowd(monkeypatch) == 1
    # By the time that his words bear, they are of before the wrap.
    monkeypatch.setattr(epochs_keeper, "Recipient", lambda *told: making.Recipient(*told[:6]))
    assert firsts_of_a_crowd(monkeypatch) == 5
