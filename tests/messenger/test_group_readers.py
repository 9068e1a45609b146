"""The readers of a group's keys, also one of whom it has turned out that he was added in vain."""

import pytest

from mesh.commands.groups import AcceptGroup, InviteToGroup, RemoveMember, SetMemberRole
from mesh.messenger.groups.group import Group
from tests.messenger.in_groups import crew, inside, member, settle

Patch = pytest.MonkeyPatch


def guest_learns_of_the_removal(*, is_another_removed: bool = False) -> bool:
    """Bob, an admin, adds Dan; Ann removes Bob, and undoes what he did. Dan held the keys.

    With another one, whom Bob removed, as many are in the group before and after.
    """
    ann, bob, _, _, dan = people = crew("Ann", "Bob", "Cem", "Eve", others=("Dan",))
    ann.ask(SetMemberRole("Crew", member(ann, "Bob").member, "admin"))
    settle(*people)
    ann.clock.pass_by(60)
    since = ann.now.mesh
    ann.clock.pass_by(60)
    if is_another_removed:
        bob.ask(RemoveMember("Crew", member(bob, "Eve").member))
        settle(*people)
    bob.ask(InviteToGroup("Crew", ("Dan",)))
    settle(*people)
    dan.ask(AcceptGroup("Crew"))
    settle(*people)
    guest = inside(dan).me
    held = inside(ann).chosen()
    assert held is not None
    assert guest in inside(ann).members
    ann.ask(RemoveMember("Crew", member(ann, "Bob").member, undo_since=since))
    assert guest not in inside(ann).members
    settle(*people)
    # That he is out he is told by nobody: he would learn who else is.
    return inside(bob).me not in inside(dan).members


def test_who_was_added_in_vain_learns_of_nobodys_removal(monkeypatch: Patch) -> None:
    assert not guest_learns_of_the_removal()
    assert not guest_learns_of_the_removal(is_another_removed=True)
    monkeypatch.setattr(Group, "readers", Group.recipients)
    assert guest_learns_of_the_removal()
