"""Rights of entries, by the operations that they name."""

from collections import Counter

import pytest

from mesh.content.entry import Kind
from mesh.group.cuts import is_covered
from mesh.group.membership import Membership
from mesh.group.operations import Role
from mesh.group.rights import Deed, deed_of, may
from mesh.group.settings import setting_change
from tests.group.scenarios import (
    KnownGraph,
    Story,
    key_of,
    known_graphs,
    operations_of,
    remove,
    role,
)


def misjudged(graph: KnownGraph) -> list[tuple[object, ...]]:
    """Return the entries of a known graph of which something else is said than is known."""
    operations = operations_of(graph)
    ids = [operation.id for operation in operations]
    membership = Membership.of(operations)
    uses = Counter((entry.author, entry.run, entry.number) for entry in graph.entries)
    found: list[tuple[object, ...]] = []
    for entry in graph.entries:
        author, deed = key_of(entry.author), Deed[entry.right.upper()]
        rights = membership.rights(author, deed, [ids[op] for op in entry.ops])
        is_twin = uses[entry.author, entry.run, entry.number] > 1
        standing = rights.standing(entry.run, entry.number, is_twin=is_twin)
        ends = {
            ids.index(end.operation): not is_twin and is_covered(end.had, entry.run, entry.number)
            for end in rights.ends
        }
        said = (rights.is_named, rights.is_now, ends, standing)
        known_ends = dict(zip(entry.ends, entry.covered, strict=True))
        if said != (entry.named, entry.now, known_ends, entry.verdict):
            found.append((entry, said))
    return found


@pytest.mark.parametrize("graph", known_graphs("group-entries"), ids=lambda graph: graph.name)
def test_known_entries_have_their_known_answers(graph: KnownGraph) -> None:
    assert misjudged(graph) == []


@pytest.mark.parametrize(
    "kind, is_own, deed",
    [
        (Kind.TEXT, True, Deed.OBJECT),
        (Kind.TASK, True, Deed.OBJECT),
        (Kind.NOTICE, True, Deed.ADMIN),
        (Kind.EDIT, True, Deed.CHANGE),
        (Kind.VOTE, False, Deed.CHANGE),
        (Kind.RETRACT, True, Deed.RETRACT),
        (Kind.HIDE, False, Deed.ADMIN),
        (Kind.PIN, False, Deed.PIN),
        (Kind.TIMER, False, Deed.TIMER),
        (Kind.CLOSE, True, Deed.CHANGE),
        (Kind.CLOSE, False, Deed.ADMIN),
    ],
)
def test_a_kind_says_which_right_it_asks_for(kind: Kind, is_own: bool, deed: Deed) -> None:
    assert deed_of(kind, is_own_target=is_own) is deed


def test_without_settings_all_write_and_pin_and_admins_set_the_timer() -> None:
    story = Story("A", "M")
    story.tell("O", role("A", Role.ADMIN))
    view = Membership.of(story.operations).view
    for_all = [deed for deed in Deed if may(view, key_of("M"), deed)]
    assert for_all == [Deed.OBJECT, Deed.CHANGE, Deed.RETRACT, Deed.PIN]
    assert all(may(view, key_of("A"), deed) for deed in Deed)
    assert not any(may(view, key_of("N"), deed) for deed in Deed)


def test_a_group_that_was_closed_is_opened_again() -> None:
    story = Story("M")
    closed = story.tell("O", setting_change({"closed": "yes"}))
    opened = story.tell("O", setting_change({"closed": "no"}))
    membership = Membership.of(story.operations)
    said = [membership.rights(key_of("M"), Deed.OBJECT, [op]) for op in (closed, opened)]
    assert [rights.is_named for rights in said] == [False, True]


def test_who_did_not_know_that_only_admins_write_is_told_apart() -> None:
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    assert Membership.of(story.operations).heeds([known], "write")
    word = story.tell("O", setting_change({"write": "admins"}))
    later = story.tell("O", setting_change({"pin": "admins"}))
    membership = Membership.of(story.operations)
    assert [membership.heeds([op], "write") for op in (known, word, later)] == [False, True, True]
    assert membership.rights(key_of("M"), Deed.OBJECT, [known]).standing(7, 0) == "counts"


def test_what_an_entry_was_named_for_never_changes() -> None:
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    membership = Membership.of(story.operations)
    before = membership.rights(key_of("A"), Deed.ADMIN, [known])
    story.tell("O", remove("A"), known)
    membership.add(story.operations[-1])
    after = membership.rights(key_of("A"), Deed.ADMIN, [known])
    assert before.is_named
    assert after.is_named
    assert (len(before.ends), len(after.ends)) == (0, 1)
    assert membership.is_solved([known])
