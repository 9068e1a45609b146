"""Arrivals by a link into a group: the words before it, their size, and many at once."""

import pytest

from mesh.commands.groups import JoinGroup
from mesh.commands.item_commands import WriteItem
from mesh.group import writing
from mesh.group.entrance import entrance_of, entrance_tags
from mesh.messenger.groups import changes
from mesh.wire.envelope import body_bytes
from tests.messenger.doing import do, stream_of
from tests.messenger.in_groups import inside, settle, told
from tests.messenger.people import Person
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
