"""A group by contacts: made, asked in, joined, changed and left, between whole messengers."""

from mesh.commands.groups import AcceptGroup, DeclineGroup, InviteToGroup, LeaveGroup, MakeGroup
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.events import GroupAdded, GroupInvited
from tests.messenger.doing import items_of
from tests.messenger.in_groups import (
    acquainted_all,
    crew,
    epoch_of,
    inside,
    member,
    members_of,
    names_of,
    settle,
    told,
)
from tests.messenger.people import WITH_STAMPS, Clock, Person, exchange


def words_of(person: Person) -> list[ItemAnswer]:
    """Return what was said, without what was done to the group."""
    return [item for item in items_of(person, "Crew") if item.kind == "text"]


def test_who_makes_a_group_is_alone_in_it_and_its_owner() -> None:
    (ann,) = acquainted_all(Clock(), "Ann")
    ann.ask(MakeGroup("Crew", about="Who sails"))
    group = told(ann)
    assert (group.state, group.role, group.members_count) == ("in", "owner", 1)
    assert (group.name, group.about, len(group.code)) == ("Crew", "Who sails", 10)
    ann.restart()
    assert told(ann) == group
    assert inside(ann).chosen() is not None


def test_a_contact_is_asked_in_accepts_and_is_a_member_to_everybody() -> None:
    ann, bob = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    assert told(ann).invited == ["Bob"]
    exchange(ann, bob)
    group = told(bob)
    assert (group.state, group.inviter, group.members_count) == ("invited", "Ann", 1)
    assert any(isinstance(event, GroupInvited) for event in bob.take_events())
    bob.restart()
    bob.ask(AcceptGroup("Crew"))
    assert told(bob).state == "joining"
    settle(ann, bob)
    assert told(bob).state == "in"
    assert any(isinstance(event, GroupAdded) for event in bob.take_events())
    assert names_of(ann) == names_of(bob) == ["Ann", "Bob"]
    assert told(ann).code == told(bob).code
    assert told(ann).invited == []
    assert (member(ann, "Bob").label, member(ann, "Bob").added_by) == ("Bob", "Ann")
    assert member(bob, "Ann").contact
    assert member(ann, "Bob").contact
    assert epoch_of(ann) == epoch_of(bob)
    assert member(ann, "Bob").heard


def test_three_have_one_epoch_and_know_each_other() -> None:
    people = crew("Ann", "Bob", "Cem")
    for person in people:
        assert told(person).state == "in"
        assert sorted(names_of(person)) == ["Ann", "Bob", "Cem"]
        assert all(one.contact for one in members_of(person) if not one.is_me)
    assert len({epoch_of(person) for person in people}) == 1
    assert len({told(person).code for person in people}) == 1
    before = [members_of(person) for person in people]
    for person in people:
        person.restart()
    assert [members_of(person) for person in people] == before


def test_where_posts_are_stamped_all_waits_for_a_key_of_the_group_and_then_leaves() -> None:
    clock = Clock()
    ann, bob = (
        Person(name, clock, seed=seed, parameters=WITH_STAMPS)
        for seed, name in enumerate(("Ann", "Bob"), 1)
    )

    def go_on() -> None:
        for _ in range(6):
            for one in (ann, bob):
                one.mint_all()
            settle(ann, bob)

    go_on()
    bob.add(ann.invite().link)
    go_on()
    ann.ask(MakeGroup("Crew", ("Bob",)))
    go_on()
    ann.restart()
    bob.ask(AcceptGroup("Crew"))
    go_on()
    assert told(bob).state == "in"
    assert epoch_of(ann) == epoch_of(bob)
    # What is written in a group is never by a key that contacts know, nor by one of another group.
    ann.ask(MakeGroup("Other"))
    go_on()
    audiences = ann.connection.execute(
        "SELECT audience, count(*) FROM posting_keys WHERE uses > 0 GROUP BY audience"
    ).fetchall()
    conversations = {inside(ann).conversation, inside(ann, "Other").conversation}
    used = {audience for audience, _ in audiences}
    assert 16 + inside(ann).conversation in used
    assert used <= {0, 1} | {16 + number for number in conversations}


def test_who_comes_back_finds_what_was_said_and_by_whom() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    before = member(bob, "Bob").key
    bob.ask(WriteItem("Crew", text="I was here"))
    settle(ann, bob, cem)
    ann.ask(WriteItem("Crew", text="So was I"))
    settle(ann, bob, cem)
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob, cem)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob, cem)
    assert told(bob).state == "invited"
    assert names_of(bob) == ["Ann", "Cem"]
    assert [item.text for item in words_of(bob)] == ["I was here", "So was I"]
    bob.restart()
    bob.ask(AcceptGroup("Crew"))
    settle(ann, bob, cem)
    assert told(bob).state == "in"
    assert member(bob, "Bob").key != before
    bob.ask(WriteItem("Crew", text="Here again"))
    settle(ann, bob, cem)
    shown = [(item.text, item.author.key, item.author.is_mine) for item in words_of(bob)]
    assert [(text, key) for text, key, _ in shown] == [
        (item.text, item.author.key) for item in words_of(ann)
    ]
    assert shown[0] == ("I was here", before, False)
    assert shown[2] == ("Here again", member(bob, "Bob").key, True)


def test_who_does_not_come_back_keeps_what_was_said() -> None:
    ann, bob = crew("Ann", "Bob")
    ann.ask(WriteItem("Crew", text="Good to have you"))
    settle(ann, bob)
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob)
    bob.ask(DeclineGroup("Crew"))
    assert told(bob).state == "left"
    assert [item.text for item in words_of(bob)] == ["Good to have you"]
