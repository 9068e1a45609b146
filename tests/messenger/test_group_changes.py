"""Changes of a group: who goes, who is raised, which keys follow, and what a restart leaves."""

import pytest

from mesh.cli.memberships import sentence
from mesh.commands.groups import (
    AcceptGroup,
    AskGroupLog,
    ChangeGroup,
    DeclineGroup,
    ForgetGroup,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
    MembershipAnswer,
    MembershipsAnswer,
    RemoveMember,
    RotateGroup,
    SetMemberRole,
)
from mesh.errors import UserError
from mesh.events import GroupLeft
from mesh.storage.connection import transaction
from mesh.wire.controls import GROUP_ACCEPT
from mesh.wire.payload import decode_payload
from tests.messenger.doing import refused
from tests.messenger.in_groups import (
    acquainted_all,
    crew,
    epoch_of,
    groups_of,
    inside,
    member,
    members_of,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Clock, Person, exchange

DAY_S = 86_400


def operations_of(person: Person) -> list[MembershipAnswer]:
    answer = person.ask(AskGroupLog("Crew"))
    assert isinstance(answer, MembershipsAnswer)
    return answer.operations


def log_of(person: Person) -> list[tuple[str, str, list[str], bool]]:
    return [(one.action, one.by, one.whom, one.counts) for one in operations_of(person)]


def test_who_is_removed_learns_of_it_and_of_no_epoch_after_it() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    before = epoch_of(ann)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    assert names_of(ann) == names_of(cem) == ["Ann", "Cem"]
    assert epoch_of(ann) == epoch_of(cem) != before
    assert told(bob).state == "removed"
    assert told(bob).removed_by == "Ann"
    with pytest.raises(UserError, match=r"You were removed from this group by Ann\."):
        bob.ask(RotateGroup("Crew"))
    assert sentence(operations_of(bob)[-1]) == "Ann removed you"
    assert any(isinstance(event, GroupLeft) for event in bob.take_events())
    assert epoch_of(ann) not in [epoch.id for epoch in inside(bob).epochs]
    assert inside(bob).chosen() is None
    assert refused(bob, RotateGroup("Crew")) == "gone"
    # Nor with all that anybody posted, and a vault as he had it before.
    bob.restart()
    bob.receive(ann.store.envelopes.values())
    assert epoch_of(ann) not in [epoch.id for epoch in inside(bob).epochs]
    assert log_of(cem)[-1] == ("removed", "Ann", ["Bob"], True)


def test_who_is_removed_before_he_knew_that_he_was_in_waits_no_longer_and_may_come_back() -> None:
    ann, bob = people = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    ann.receive(bob.post())
    posted = list(ann.post())
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    posted += ann.post()
    # That he is in comes last.
    for envelope in reversed(posted):
        bob.receive([envelope])
    settle(*people)
    assert names_of(ann) == ["Ann"]
    assert log_of(bob)[-1] == ("removed", "Ann", ["Bob"], True)
    assert told(bob).state == "removed"
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(bob).state == "in"


def test_who_was_left_waiting_for_a_group_that_he_is_out_of_learns_of_it_after_a_start() -> None:
    ann, cem = people = crew("Ann", "Cem")
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    settle(*people)
    # A vault in which the removal was seen before it said anything of who waited.
    with transaction(cem.connection):
        cem.connection.execute("UPDATE groups SET state = 'joining'")
    cem.restart()
    cem.tend()
    assert told(cem).state == "removed"


def test_after_a_removal_nothing_is_sealed_that_the_removed_one_can_open() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    backup = bob.backup()
    settle(*people)
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    removal = ann.post()
    cem.receive(removal)
    settle(ann, cem)
    ann.ask(RotateGroup("Crew"))
    ann.ask(ChangeGroup("Crew", name="Crew without"))
    settle(ann, cem)
    assert told(cem, "Crew without").members_count == 2
    bob.restore(backup)
    bob.receive(ann.store.envelopes.values())
    bob.receive(cem.store.envelopes.values())
    # He reads his removal, and what is written under epochs of before: no name, no other epoch.
    group = inside(bob)
    assert group.row.state == "removed"
    assert group.membership is not None
    assert group.membership.settings.name == "Crew"
    assert epoch_of(ann, "Crew without") not in [epoch.id for epoch in group.epochs]


def test_who_leaves_is_out_and_the_others_make_new_keys_by_rank() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    before = epoch_of(ann)
    bob.ask(LeaveGroup("Crew"))
    assert told(bob).state == "left"
    assert told(bob).removed_by == ""
    exchange(*people)
    # Each epoch until now has been for Bob too.
    assert told(cem).state == "waiting-for-keys"
    settle(*people)
    assert names_of(ann) == names_of(cem) == ["Ann", "Cem"]
    assert told(ann).state == told(cem).state == "in"
    assert epoch_of(ann) == epoch_of(cem) != before
    # The owner took note of it, so that nothing which he signs later counts.
    assert ("removed", "Ann", ["Bob"], True) in log_of(cem)
    # And that is told as what it is: nobody threw Bob out.
    for person in (ann, cem):
        (noted,) = [one for one in operations_of(person) if one.action == "removed"]
        assert noted.is_closing
        assert sentence(noted) == f"{'you' if person is ann else 'Ann'} noted that Bob left"
    ann.ask(RemoveMember("Crew", member(ann, "Cem").member))
    settle(*people)
    assert [one.is_closing for one in operations_of(ann) if one.action == "removed"] == [
        True,
        False,
    ]


def test_who_left_comes_back_as_somebody_new() -> None:
    ann, bob = people = crew("Ann", "Bob")
    bob.ask(LeaveGroup("Crew"))
    settle(*people)
    key = member(bob, "Ann").key, [one.key for one in members_of(ann)]
    ann.ask(InviteToGroup("Crew", ("Bob",)))
    settle(*people)
    assert told(bob).state == "invited"
    bob.ask(AcceptGroup("Crew"))
    settle(*people)
    assert told(bob).state == "in"
    assert told(bob).removed_by == ""
    assert names_of(ann) == ["Ann", "Bob"]
    assert member(ann, "Bob").key not in key[1]
    bob.ask(LeaveGroup("Crew"))
    settle(*people)
    bob.ask(ForgetGroup("Crew"))
    assert groups_of(bob) == []


def test_the_last_owner_makes_another_one_before_leaving() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    ann.ask(LeaveGroup("Crew"))
    settle(*people, seconds=40)
    assert told(bob).role == "owner"
    assert names_of(cem) == ["Bob", "Cem"]
    assert told(bob).state == told(cem).state == "in"
    assert epoch_of(bob) == epoch_of(cem)


def test_roles_and_settings_are_the_same_to_everybody_and_power_runs_downwards() -> None:
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    assert refused(bob, RemoveMember("Crew", member(bob, "Cem").member)) == "forbidden"
    assert refused(bob, ChangeGroup("Crew", name="Mine")) == "forbidden"
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    assert [member(one, "Bob").role for one in people] == ["admin"] * 3
    epoch = epoch_of(ann)
    bob.ask(ChangeGroup("Crew", name="Sailors", write="admins"))
    settle(*people)
    assert [told(one, "Sailors").name for one in people] == ["Sailors"] * 3
    settings = told(cem, "Sailors").settings
    assert settings is not None
    assert settings.write == "admins"
    # A role or a setting is for no other keys.
    assert epoch_of(cem, "Sailors") == epoch
    assert (
        refused(bob, RemoveMember("Sailors", member(bob, "Ann", "Sailors").member)) == "forbidden"
    )
    bob.ask(RemoveMember("Sailors", member(bob, "Cem", "Sailors").member))
    settle(*people)
    assert names_of(ann, "Sailors") == ["Ann", "Bob"]


def test_a_restart_between_any_two_steps_changes_nothing() -> None:
    people = acquainted_all(Clock(), "Ann", "Bob", "Cem")

    def restart() -> None:
        for one in people:
            one.restart()

    ann, bob, cem = people
    ann.ask(MakeGroup("Crew", ("Bob", "Cem")))
    restart()
    settle(*people)
    for joiner in (bob, cem):
        joiner.ask(AcceptGroup("Crew"))
        restart()
        for _ in range(4):
            exchange(*people)
            restart()
        settle(*people)
    restart()
    assert {epoch_of(one) for one in people} == {epoch_of(ann)}
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    restart()
    settle(*people)
    restart()
    assert names_of(cem) == ["Ann", "Cem"]
    assert epoch_of(cem) == epoch_of(ann)


def test_who_declines_is_asked_no_more_and_nobody_is_told() -> None:
    ann, bob = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(ann, bob)
    exchange(ann, bob)
    bob.ask(DeclineGroup("Crew"))
    assert bob.post() == []
    assert groups_of(bob) == []
    assert told(ann).invited == ["Bob"]
    assert refused(bob, DeclineGroup("Crew")) == "not-found"


def test_nobody_comes_in_who_was_not_asked() -> None:
    """A contact who knows the group's id, and has a record with consent, stays out."""
    ann, bob, cem = people = acquainted_all(Clock(), "Ann", "Bob", "Cem")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    settle(*people)
    bob.ask(AcceptGroup("Crew"))
    words = [control for control in controls_of(bob) if control[0] == GROUP_ACCEPT]
    assert words
    # Cem sends Bob's very word as his own.
    cem.send_control("Ann", *words[0])
    exchange(ann, cem)
    assert names_of(ann) == ["Ann"]
    assert ann.dropped()["an answer of somebody whom we did not ask into a group"] == 1
    settle(*people)
    assert sorted(names_of(ann)) == ["Ann", "Bob"]


def controls_of(person: Person) -> list[tuple[int, bytes]]:
    """The controls of all payloads that are kept."""
    with transaction(person.connection):
        rows = person.connection.execute("SELECT payload FROM payloads").fetchall()
    return [
        (kind, bytes(data))
        for (payload,) in rows
        if isinstance(payload, bytes)
        for kind, data in decode_payload(payload).controls
    ]


def test_a_silent_week_brings_hellos_and_an_old_epoch_is_followed_by_another() -> None:
    ann, bob = people = crew("Ann", "Bob")
    before, heard = epoch_of(ann), member(ann, "Bob").heard
    ann.clock.pass_by(9 * DAY_S)
    for one in people:
        one.tend()
    settle(*people)
    assert member(ann, "Bob").heard > heard
    assert epoch_of(ann) == before
    ann.clock.pass_by(31 * DAY_S)
    settle(*people)
    assert epoch_of(ann) != before
    assert epoch_of(bob) == epoch_of(ann)


def test_vaults_hold_no_seed_once_the_chains_are_made() -> None:
    for one in crew("Ann", "Bob", "Cem"):
        rows = one.connection.execute("SELECT count(*) FROM group_epochs WHERE seed IS NOT NULL")
        assert rows.fetchone() == (0,)


def test_of_two_who_is_removed_is_told_though_nobody_else_is_left_to_be() -> None:
    ann, bob = people = crew("Ann", "Bob")
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member))
    settle(*people)
    assert told(bob).state == "removed"
    assert epoch_of(ann) not in [epoch.id for epoch in inside(bob).epochs]
