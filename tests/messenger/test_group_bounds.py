"""Bounds of groups that people reach by honest means, or by what waits: each is held to."""

import pytest

from mesh.commands.group_links import CreateGroupLink, JoinGroup, RevokeGroupLink
from mesh.commands.groups import (
    AcceptGroup,
    ChangeGroup,
    ForgetGroup,
    InviteToGroup,
    LeaveGroup,
    MakeGroup,
)
from mesh.content.entry import OperationId
from mesh.errors import PeerError
from mesh.group import membership
from mesh.group.operations import Operation
from mesh.group.settings import SettingsChange
from mesh.limits.groups import (
    GROUP_LINKS_MAX,
    OPERATION_BYTES_MAX,
    OPERATIONS_MAX,
    WAITING_BYTES_MAX,
)
from mesh.messenger.groups import group_links, invitations, knocks, waiting_posts
from mesh.messenger.groups.waiting_posts import WaitingPosts
from mesh.storage.vault.vault import Vault
from tests.messenger.doing import refused
from tests.messenger.in_groups import acquainted_all, groups_of, inside, names_of, told
from tests.messenger.people import Clock, Person, exchange
from tests.messenger.test_group_links import group_of, link_of, pass_by

Patch = pytest.MonkeyPatch


def test_a_profile_has_so_many_groups_whoever_asks_it_in(monkeypatch: Patch) -> None:
    monkeypatch.setattr(invitations, "GROUPS_MAX", 3)
    ann, bob = people = acquainted_all(Clock(), "Ann", "Bob")
    bob.ask(MakeGroup("Crew"))
    for number in range(3):
        ann.ask(MakeGroup(f"Alone {number}"))
    bob.ask(InviteToGroup("Crew", ("Ann",)))
    exchange(*people)
    assert len(groups_of(ann)) == 3
    assert refused(ann, MakeGroup("One more")) == "too-many"
    assert refused(ann, JoinGroup(link_of(bob).link)) == "too-many"
    # Who lets go of one has room for another.
    ann.ask(LeaveGroup("Alone 0"))
    ann.ask(ForgetGroup("Alone 0"))
    bob.ask(InviteToGroup("Crew", ("Ann",)))
    exchange(*people)
    assert told(ann).state == "invited"
    # Those that one was asked into are among them.
    assert refused(ann, MakeGroup("One more")) == "too-many"


def test_a_group_has_so_many_open_links_of_one_member(monkeypatch: Patch) -> None:
    ann = Person("Ann", Clock())
    ann.ask(MakeGroup("Crew"))
    links = [link_of(ann) for _ in range(GROUP_LINKS_MAX)]
    assert refused(ann, CreateGroupLink("Crew")) == "too-many"
    ann.ask(RevokeGroupLink("Crew", links[0].number))
    link_of(ann)
    assert refused(ann, CreateGroupLink("Crew")) == "too-many"
    monkeypatch.setattr(group_links, "GROUP_LINKS_MAX", GROUP_LINKS_MAX + 1)
    link_of(ann)


def test_at_a_link_that_admits_by_itself_wait_as_many_as_it_still_admits(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setattr(knocks, "KNOCKS_OF_ONE_MAX", 1)
    people = group_of("Ann", "Bob", "Cem", "Dan", "Eve")
    ann, *others = people
    link = link_of(ann, uses_max=3)
    # They come in one moment, as after a cut: who finds no place knocks again after days.
    for one in others:
        one.ask(JoinGroup(link.link))
    pass_by(*people)
    assert len(names_of(ann)) == 4
    assert sorted(told(one).state for one in others) == ["in", "in", "in", "joining"]


def test_what_waits_in_one_group_has_so_many_bytes_in_all(monkeypatch: Patch) -> None:
    ann, bob = people = acquainted_all(Clock(), "Ann", "Bob")
    ann.ask(MakeGroup("Crew", ("Bob",)))
    exchange(*people)
    # Who joins takes in twenty thousand of each author: bytes are what ends it.
    bob.ask(AcceptGroup("Crew"))
    assert told(bob).state == "joining"
    orphan = Operation(
        OperationId(bytes(32)),
        inside(bob).me,
        1,
        1,
        (OperationId(bytes(31) + b"\1"),),
        (),
        SettingsChange(),
    )
    assert admitted(bob, orphan) == WAITING_BYTES_MAX // OPERATION_BYTES_MAX
    monkeypatch.setattr(waiting_posts, "WAITING_BYTES_MAX", 2 * WAITING_BYTES_MAX)
    assert admitted(bob, orphan) == 2 * WAITING_BYTES_MAX // OPERATION_BYTES_MAX


def admitted(person: Person, operation: Operation) -> int:
    """Return how many of the longest operations may wait."""
    waiting = WaitingPosts(inside(person), Vault(person.connection).groups)
    for count in range(OPERATIONS_MAX):
        try:
            waiting.admit(operation, OPERATION_BYTES_MAX)
        except PeerError:
            return count
    raise AssertionError("they are not bounded")


def test_what_is_known_of_parts_of_a_group_has_a_bound_and_is_found_again(
    monkeypatch: Patch,
) -> None:
    ann = Person("Ann", Clock())
    ann.ask(MakeGroup("Crew"))
    for number in range(9):
        ann.ask(ChangeGroup("Crew", about=f"About {number}"))
    assert solved(ann) == (10, 10)
    monkeypatch.setattr(membership, "VIEWS_KEPT_MAX", 3)
    # Those and what all operations say, which is another matter.
    assert solved(ann) == (10, 4)


def solved(person: Person) -> tuple[int, int]:
    """Return how many operations there are; of how many it is at hand, after all were asked, what
    counts among them and those before.
    """
    found = inside(person).membership
    assert found is not None
    operations = [each.id for each in found.graph.operations(found.graph.all)]
    for place, each in enumerate(operations):
        assert found.named([each]).settings().about == ("" if not place else f"About {place - 1}")
    return len(operations), sum(found.is_solved([each]) for each in operations)
