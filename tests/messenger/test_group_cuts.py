"""Both sides of a cut change a group: one answer after it, and what is void is done again."""

import pytest

from mesh.commands.groups import (
    AcceptGroup,
    AskGroupLog,
    ChangeGroup,
    InviteToGroup,
    LeaveGroup,
    MembershipAnswer,
    MembershipsAnswer,
    RemoveMember,
    RepeatInGroup,
    RotateGroup,
    SetMemberRole,
)
from mesh.events import GroupNoted
from mesh.group.rights import Deed
from mesh.messenger.conversations.group_rules import ops_of
from mesh.storage.connection import transaction
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import refused
from tests.messenger.in_groups import (
    crew,
    epoch_of,
    inside,
    member,
    names_of,
    settle,
    told,
)
from tests.messenger.people import Person, exchange
from tests.messenger.test_group_needs import DAY_S, MINUTE_S, pass_by, say, texts_of

Patch = pytest.MonkeyPatch


def log_of(person: Person) -> list[MembershipAnswer]:
    answer = person.ask(AskGroupLog("Crew"))
    assert isinstance(answer, MembershipsAnswer)
    return answer.operations


def to_repeat(person: Person) -> list[MembershipAnswer]:
    return [one for one in log_of(person) if one.repeat]


def meet(*people: Person) -> None:
    """All that any of them holds comes to all others, whatever it takes."""
    for person in people:
        for other in people:
            if other is not person:
                held = person.store.envelopes
                person.receive(
                    [one for id_, one in other.store.envelopes.items() if id_ not in held]
                )


def test_both_sides_of_a_cut_change_members_and_all_read_on() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan", "Eve")
    ann, bob, cem, dan, eve = people
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    left, right = [ann, cem], [bob, dan, eve]
    ann.ask(RemoveMember("Crew", member(ann, "Dan").member))
    bob.ask(RemoveMember("Crew", member(bob, "Eve").member))
    bob.ask(ChangeGroup("Crew", about="Told by Bob"))
    for side in (left, right):
        pass_by(*side, seconds=2 * MINUTE_S)
        say(side[0], f"{side[0].name} while cut")
        exchange(*side)
    assert names_of(cem) == ["Ann", "Bob", "Cem", "Eve"]
    assert sorted(names_of(bob)) == ["Ann", "Bob", "Cem", "Dan"]
    meet(*people)
    pass_by(*people, seconds=5 * MINUTE_S)
    rest = [ann, bob, cem]
    assert {tuple(names_of(one)) for one in rest} == {("Ann", "Bob", "Cem")}
    assert len({epoch_of(one) for one in rest}) == 1
    assert len({told(one).code for one in rest}) == 1
    assert [told(one).about for one in rest] == ["Told by Bob"] * 3
    assert [told(one).state for one in (dan, eve)] == ["removed"] * 2
    for one in rest:
        say(one, f"{one.name} after it")
        exchange(*people)
    for one in rest:
        assert texts_of(one)[-3:] == ["Ann after it", "Bob after it", "Cem after it"]
        assert "Bob while cut" in texts_of(one)
        assert "Ann while cut" in texts_of(one)
    for one in (dan, eve):
        assert not any("after it" in text for text in texts_of(one))


def read_after_a_cut(*, in_order: bool) -> list[str]:
    """Ann removes one and Bob another one, apart, within the ten seconds in which she wrapped for
    him anew; return what he reads when her pages come, in order or the last one first.
    """
    ann, _, bob, _ = people = crew("Ann", "Dan", "Bob", "Eve")
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    conversation = inside(ann).conversation
    with transaction(ann.connection):
        Vault(ann.connection).group_keys.forget_outgoing(conversation)
    ann.ask(RotateGroup("Crew"))
    exchange(*people)
    say(bob, "Before the cut")
    exchange(*people)
    # This wrap rests on what that one has founded.
    ann.ask(RemoveMember("Crew", member(ann, "Dan").member))
    say(ann, "While cut")
    while_cut, lost = ann.post(), epoch_of(ann)
    bob.ask(RemoveMember("Crew", member(bob, "Eve").member))
    ann.receive(bob.post())
    ann.tend()
    # He wrote under his own keys since, in the same ten seconds: so she founds another one.
    after_it = ann.post()
    assert lost != epoch_of(ann)
    for posted in (while_cut, after_it) if in_order else (after_it, while_cut):
        bob.receive(posted)
    assert epoch_of(bob) == epoch_of(ann)
    return texts_of(bob)


def test_keys_of_a_cut_open_after_those_that_are_made_when_all_meet() -> None:
    assert read_after_a_cut(in_order=True) == ["Before the cut", "While cut"]
    assert read_after_a_cut(in_order=False) == ["Before the cut", "While cut"]


def test_what_is_void_is_told_and_done_again_by_one_word() -> None:
    people = crew("Ann", "Bob", "Cem", "Dan")
    ann, bob, cem, dan = people
    for name in ("Bob", "Cem"):
        ann.ask(SetMemberRole("Crew", member(ann, name).member, "admin"))
        settle(*people)
    # Ann lowers Bob, who removes Dan at the same time and sets something.
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "member"))
    bob.ask(RemoveMember("Crew", member(bob, "Dan").member))
    bob.clock.pass_by(1)
    bob.ask(ChangeGroup("Crew", about="By Bob", write="admins"))
    pass_by(bob, dan, seconds=MINUTE_S)
    assert names_of(bob) == ["Ann", "Bob", "Cem"]
    bob.take_events()
    meet(*people)
    pass_by(*people, seconds=5 * MINUTE_S)
    for one in people:
        assert sorted(names_of(one)) == ["Ann", "Bob", "Cem", "Dan"]
        assert told(one).about == ""
        assert told(one).state == "in"
    void = [one for one in log_of(bob) if not one.counts]
    assert [(one.action, one.by, one.repeat) for one in void] == [
        ("removed", "Bob", False),
        ("set", "Bob", False),
    ]
    assert all(one.why for one in void)
    assert [event.operation.action for event in bob.take_events() if isinstance(event, GroupNoted)]
    assert refused(bob, RepeatInGroup("Crew", void[0].id)) == "decided"
    # He gets the role back, and does all of it again.
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    assert [one.action for one in to_repeat(bob)] == ["removed", "set"]
    assert to_repeat(cem) == []
    assert refused(cem, RepeatInGroup("Crew", void[0].id)) == "not-found"
    for void_one in to_repeat(bob):
        bob.ask(RepeatInGroup("Crew", void_one.id))
    settle(*people)
    assert to_repeat(bob) == []
    for person in (ann, bob, cem):
        assert sorted(names_of(person)) == ["Ann", "Bob", "Cem"]
        assert told(person).about == "By Bob"
        assert told(person).settings == told(ann).settings
    say(ann, "Without Dan")
    exchange(*people)
    assert "Without Dan" in texts_of(cem)
    assert "Without Dan" not in texts_of(dan)


def test_whom_somebody_added_in_vain_is_added_again_under_the_same_key() -> None:
    people = crew("Ann", "Bob", others=("Cem",))
    ann, bob, cem = people
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "member"))
    bob.ask(InviteToGroup("Crew", ("Cem",)))
    settle(bob, cem)
    cem.ask(AcceptGroup("Crew"))
    settle(bob, cem)
    assert told(cem).state == "in"
    key = member(cem, "Cem").key
    meet(*people)
    pass_by(*people, seconds=5 * MINUTE_S)
    assert names_of(ann) == names_of(bob) == ["Ann", "Bob"]
    # Cem is told nothing of it: what happened concerns members.
    assert told(cem).state == "in"
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    (add,) = to_repeat(bob)
    assert (add.action, add.whom) == ("added", ["Cem"])
    bob.ask(RepeatInGroup("Crew", add.id))
    pass_by(*people, seconds=MINUTE_S)
    assert told(cem).state == "in"
    assert {member(one, "Cem").key for one in people} == {key}
    say(ann, "Welcome again")
    exchange(*people)
    say(cem, "Here again")
    exchange(*people)
    for one in people:
        assert texts_of(one)[-2:] == ["Welcome again", "Here again"]


def fill_what_was_told() -> bool:
    """Bob leaves and tells of words that nobody has; say whether they would count if they came more
    than a week later.
    """
    ann, bob, cem = people = crew("Ann", "Bob", "Cem")
    said = say(bob, "Held back")
    bob.post()
    row = Vault(bob.connection).entries.message(said.number)
    bob.ask(LeaveGroup("Crew"))
    exchange(*people)
    pass_by(ann, cem, seconds=10 * MINUTE_S, step=60)
    assert [(one.action, one.by) for one in log_of(cem)][-2:] == [
        ("left", "Bob"),
        ("removed", "Ann"),
    ]
    for _ in range(8):
        ann.clock.pass_by(DAY_S)
        ann.tend()
        exchange(ann, cem)
    membership = inside(cem).membership
    assert membership is not None
    rights = membership.rights(inside(bob).me, Deed.OBJECT, ops_of(row))
    return rights.standing(row.run, row.seq, is_twin=False) == "counts"


def test_what_a_leaver_told_and_never_sent_is_cut_off_after_a_week(monkeypatch: Patch) -> None:
    assert not fill_what_was_told()
    monkeypatch.setattr("mesh.messenger.groups.upkeep.correction", lambda *_: None)
    assert fill_what_was_told()
