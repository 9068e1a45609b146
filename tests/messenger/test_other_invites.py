"""Invites into a group in which one waits to be added, or was: nothing changes but by a word."""

from mesh.commands.contacts import RemoveContact
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    DeclineGroup,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    RemoveMember,
    SetMemberRole,
)
from mesh.events import GroupInvited
from mesh.limits.groups import INVITED_KEPT_SECONDS, INVITES_OF_CONTACT_MAX
from tests.messenger.doing import refused
from tests.messenger.in_groups import (
    acquainted_all,
    crew,
    groups_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Clock, Person
from tests.messenger.test_group_cuts import meet
from tests.messenger.test_group_needs import give, say, texts_of
from tests.messenger.test_welcomes import pass_days


def crew_and_guest() -> list[Person]:
    """Ann, who made the group, Bob, who may ask people in, and Cem, who is in nothing yet."""
    people = ann, _, _ = crew("Ann", "Bob", others=("Cem",))
    ann.ask(ChangeGroup("Crew", add="members"))
    settle(*people)
    return people


def stuck() -> list[Person]:
    """Cem said yes to Bob, who was removed before he heard it."""
    people = ann, bob, cem = crew_and_guest()
    bob.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, bob)
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "joining"
    return people


def test_who_waits_for_one_who_is_out_comes_in_by_another() -> None:
    people = ann, bob, cem = stuck()
    me = inside(cem).me
    cem.take_events()
    ann.ask(InviteToGroup("Crew", ("Cem",), note="Come"))
    settle(*people)
    cem.restart()
    assert (told(cem).state, told(cem).inviter, told(cem).note) == ("invited", "Ann", "Come")
    cem.ask(AcceptGroup("Crew"))
    assert told(cem).state == "joining"
    settle(*people)
    assert told(cem).state == "in"
    assert names_of(cem) == names_of(ann) == ["Ann", "Cem"]
    assert inside(cem).me == me
    say(ann, "Welcome")
    settle(*people)
    assert texts_of(cem) == ["Welcome"]
    assert told(bob).state == "removed"


def asked_by(first: str) -> list[Person]:
    """Cem is asked in by Ann, and right before or after by Bob, who is then removed."""
    people = ann, bob, cem = crew_and_guest()
    for person in (ann, bob) if first == "Ann" else (bob, ann):
        person.ask(InviteToGroup("Crew", ("Cem",), note=f"From {person.name}"))
        settle(*people)
        cem.clock.pass_by(60)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(ann, bob)
    return people


def test_an_invite_takes_the_place_of_nobody_elses() -> None:
    people = ann, bob, cem = asked_by("Ann")
    cem.restart()
    assert (told(cem).state, told(cem).inviter, told(cem).note) == ("invited", "Ann", "From Ann")
    assert sum(isinstance(event, GroupInvited) for event in cem.take_events()) == 1
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"
    assert names_of(cem) == names_of(ann) == ["Ann", "Cem"]
    assert told(bob).state == "removed"


def test_who_answered_one_who_is_out_is_shown_the_other_invite() -> None:
    people = _, _, cem = asked_by("Bob")
    assert (told(cem).inviter, told(cem).note) == ("Bob", "From Bob")
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert (told(cem).state, told(cem).inviter, told(cem).note) == ("invited", "Ann", "From Ann")
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"


def test_of_two_invites_the_next_is_shown_once_one_is_declined_or_over() -> None:
    people = ann, _, cem = asked_by("Bob")
    cem.ask(DeclineGroup("Crew"))
    assert (told(cem).state, told(cem).inviter, told(cem).note) == ("invited", "Ann", "From Ann")
    cem.ask(DeclineGroup("Crew"))
    assert groups_of(cem) == []
    people = ann, _, cem = asked_by("Bob")
    ann.ask(InviteToGroup("Crew", ("Cem",), note="Again"))
    settle(*people)
    assert (told(cem).inviter, told(cem).note) == ("Bob", "From Bob")
    over = inside(cem).here.since + INVITED_KEPT_SECONDS
    cem.clock.pass_by(over - cem.now.expiry)
    cem.tend()
    assert (told(cem).state, told(cem).inviter, told(cem).note) == ("invited", "Ann", "Again")


def test_of_two_invites_one_is_left_without_the_contact_of_the_other() -> None:
    people = _, _, cem = asked_by("Bob")
    cem.ask(RemoveContact("Bob"))
    assert (told(cem).state, told(cem).inviter) == ("invited", "Ann")
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"


def test_who_was_in_it_and_answers_one_in_vain_is_still_asked_by_the_other() -> None:
    people = ann, bob, cem = crew_and_guest()
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    cem.ask(LeaveGroup("Crew"))
    settle(*people)
    for person in (ann, bob):
        person.ask(InviteToGroup("Crew", ("Cem",)))
        settle(*people)
        cem.clock.pass_by(60)
    assert told(cem).inviter == "Bob"
    cem.ask(AcceptGroup("Crew"))
    assert (told(cem).state, told(cem).inviter) == ("invited", "Ann")
    # His word to Bob is lost.
    give(cem)
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"


def test_who_does_not_want_to_be_asked_again_goes_on_waiting() -> None:
    people = ann, _, cem = stuck()
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    assert any(isinstance(event, GroupInvited) for event in cem.take_events())
    cem.ask(DeclineGroup("Crew"))
    assert (told(cem).state, told(cem).inviter) == ("joining", "Bob")
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    assert told(cem).state == "invited"
    # Nobody answers for a month.
    cem.clock.pass_by(INVITED_KEPT_SECONDS + 1)
    cem.tend()
    assert (told(cem).state, told(cem).inviter) == ("joining", "Bob")
    cem.ask(DeclineGroup("Crew"))
    assert groups_of(cem) == []


def test_the_word_of_the_first_counts_when_another_one_was_accepted() -> None:
    ann, bob, cem = crew_and_guest()
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(ann, bob, cem)
    cem.ask(AcceptGroup("Crew"))
    give(cem, ann)
    ann.tend()
    welcome = give(ann)
    bob.ask(InviteToGroup("Crew", ("Cem",)))
    give(bob, cem)
    assert (told(cem).state, told(cem).inviter) == ("invited", "Bob")
    cem.ask(AcceptGroup("Crew"))
    lost = give(cem)
    cem.restart()
    cem.receive(welcome)
    settle(ann, cem)
    assert told(cem).state == "in"
    assert names_of(cem) == names_of(ann)
    # The other one hears it too: nobody is in it twice.
    bob.receive([*welcome, *lost])
    meet(ann, bob, cem)
    settle(ann, bob, cem)
    assert sorted(names_of(cem)) == names_of(bob) == names_of(ann) == ["Ann", "Bob", "Cem"]


def test_who_left_is_who_he_was_until_he_accepts() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob, cem)
    me, epochs = inside(bob).me, [epoch.id for epoch in inside(bob).epochs]
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob, cem)
    assert told(bob).state == "invited"
    assert epochs
    assert (inside(bob).me, [epoch.id for epoch in inside(bob).epochs]) == (me, epochs)
    bob.ask(DeclineGroup("Crew"))
    assert told(bob).state == "left"
    assert (inside(bob).me, [epoch.id for epoch in inside(bob).epochs]) == (me, epochs)
    assert refused(bob, AcceptGroup("Crew")) == "decided"


def test_an_invite_by_anybody_does_not_keep_out_whose_removal_is_void() -> None:
    ann, bob, cem = crew("Ann", "Bob", "Cem")
    ann.ask(SetMemberRole("Crew", member(ann, "Cem").member, "admin"))
    settle(ann, bob, cem)
    # On two sides of a cut: Cem removes Bob, and is no admin any more when he does.
    cem.ask(RemoveMember("Crew", member(cem, "Bob").member))
    give(cem, bob)
    assert told(bob).state == "removed"
    me = inside(bob).me
    cem.ask(InviteToGroup("Crew", ("Bob",)))
    give(cem, bob)
    assert told(bob).state == "invited"
    ann.ask(SetMemberRole("Crew", member(ann, "Cem").member, "member"))
    meet(ann, bob, cem)
    settle(ann, bob, cem)
    assert told(bob).state == "in"
    assert inside(bob).me == me
    assert "Bob" in names_of(ann)


def test_who_answered_an_invite_and_was_removed_is_not_asked_in_anew_by_it() -> None:
    people = ann, bob = crew("Ann", "Bob")
    # No token comes by which it would show that he opened it.
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    pass_days(8, *people)
    settle(*people)
    assert told(bob).state == "removed"


def test_who_is_removed_is_asked_in_no_more_by_who_removes_him() -> None:
    people = ann, bob, cem = crew_and_guest()
    ann.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    bob.ask(InviteToGroup("Crew", ("Cem",)))
    settle(*people)
    cem.ask(DeclineGroup("Crew"))
    cem.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(cem).state == "in"
    assert told(ann).invited == ["Cem"]
    # Ann knows him by his tokens, so she knows whom she asked.
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    assert told(ann).invited == []
    settle(*people)
    pass_days(8, *people)
    settle(*people)
    assert told(cem).state == "removed"


def test_a_contact_asks_into_so_many_groups_at_once_and_again_into_each() -> None:
    ann, bob = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(ann, bob)
    bob.ask(AcceptGroup("Crew"))
    settle(ann, bob)
    bob.ask(LeaveGroup("Crew"))
    settle(ann, bob)
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(ann, bob)
    for number in range(INVITES_OF_CONTACT_MAX):
        ann.ask(MakeGroup(f"Crew {number}", ("Bob",)))
        settle(ann, bob)
    asked = [group.name for group in groups_of(bob) if group.state == "invited"]
    assert len(asked) == INVITES_OF_CONTACT_MAX
    assert bob.dropped()["too many invites into groups"] == 1
    ann.ask(InviteToGroup("Crew", ("Bob",), note="Again"))
    settle(ann, bob)
    assert told(bob).note == "Again"
