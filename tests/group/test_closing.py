"""Closing the accounts of who left or stepped down."""

from mesh.group.closing import OpenAccount, closers, closing, correction, open_accounts
from mesh.group.cuts import RunHad
from mesh.group.membership import Membership
from mesh.group.operations import Leave, Remove, Role, RoleChange
from mesh.group.rights import Deed
from tests.group.scenarios import Story, key_of, name_of, remove, role

TOLD = (RunHad(7, 5),)
HERE = (RunHad(7, 3), RunHad(8, 1))


def started() -> Story:
    """Return a group with an owner, two admins and two members."""
    story = Story("A", "B", "C", "M")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("O", role("B", Role.ADMIN))
    return story


def names(keys: list[bytes]) -> list[str]:
    """Return the names of keys."""
    return [name_of(key) for key in keys]


def test_who_left_is_closed_by_those_above_him() -> None:
    for leaver, above in (("M", ["O", "A", "B"]), ("A", ["O"])):
        story = started()
        story.tell(leaver, Leave(TOLD))
        membership = Membership.of(story.operations)
        [account] = open_accounts(membership)
        assert account == OpenAccount(key_of(leaver), None, TOLD)
        assert names([*closers(membership, account)]) == above
        action = closing(account, HERE)
        for closer in above:
            told = Membership.of(story.operations)
            told_story = Story()
            told_story.operations = [*story.operations]
            closed = told_story.tell(closer, action, order="9")
            told.add(told_story.operations[-1])
            assert told.is_effective(closed)
            assert open_accounts(told) == []


def test_who_stepped_down_is_closed_by_an_owner() -> None:
    story = started()
    story.tell("A", RoleChange(key_of("A"), Role.MEMBER, None, TOLD))
    membership = Membership.of(story.operations)
    [account] = open_accounts(membership)
    assert account == OpenAccount(key_of("A"), Role.MEMBER, TOLD)
    assert names([*closers(membership, account)]) == ["O"]
    story.tell("O", closing(account, HERE))
    assert open_accounts(Membership.of(story.operations)) == []


def test_who_was_raised_again_is_not_closed() -> None:
    story = started()
    story.tell("A", RoleChange(key_of("A"), Role.MEMBER, None, TOLD))
    story.tell("O", role("A", Role.ADMIN))
    assert open_accounts(Membership.of(story.operations)) == []


def test_a_closing_takes_the_more_of_what_he_told_and_what_is_here() -> None:
    action = closing(OpenAccount(key_of("M"), None, TOLD), HERE)
    assert isinstance(action, Remove)
    assert action.removals[0].had == (RunHad(7, 5), RunHad(8, 1))
    # Who tells nothing takes back nothing of what he did.
    action = closing(OpenAccount(key_of("M"), None, ()), HERE)
    assert isinstance(action, Remove)
    assert action.removals[0].had == HERE


def test_who_told_of_more_than_ever_came_is_corrected() -> None:
    story = started()
    before = story.last
    story.tell("M", Leave((RunHad(7, 1 << 31),)))
    [account] = open_accounts(Membership.of(story.operations))
    story.tell("A", closing(account, HERE))
    membership = Membership.of(story.operations)
    rights = membership.rights(key_of("M"), Deed.CHANGE, [before])
    assert rights.standing(7, 1_000) == "counts"
    assert correction(membership, key_of("B"), key_of("M"), HERE) is None
    action = correction(membership, key_of("A"), key_of("M"), HERE)
    assert action is not None
    story.tell("A", action)
    membership = Membership.of(story.operations)
    rights = membership.rights(key_of("M"), Deed.CHANGE, [before])
    assert rights.standing(7, 1_000) == "apart"
    assert rights.standing(7, 2) == "counts"
    assert correction(membership, key_of("A"), key_of("M"), HERE) is None


def test_who_was_removed_is_not_corrected() -> None:
    story = started()
    story.tell("A", remove("M"))
    assert correction(Membership.of(story.operations), key_of("A"), key_of("M"), ()) is None
