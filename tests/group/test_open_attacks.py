"""Attacks on what counts in a group that no rule keeps from happening: how far each goes.

`docs/protocol/group-attacks.md` has the table of all.
"""

from mesh.group.closing import closers, open_accounts
from mesh.group.cuts import RunHad
from mesh.group.membership import Membership
from mesh.group.operations import Leave, Role, RoleChange
from mesh.group.rights import Deed
from mesh.group.settings import setting_change
from tests.group.scenarios import add, key_of, role
from tests.group.test_attacks import an_admin, cut, stands


def test_who_goes_takes_his_votes_back_by_using_numbers_twice_and_adds_nothing() -> None:
    """45."""
    story, known = an_admin()
    story.tell("O", cut("A", RunHad(7, 6)))
    for number, expected in ((3, "apart"), (9, "apart")):
        assert stands(story, "A", Deed.ADMIN, known, (7, number), is_twin=True) == expected
    assert stands(story, "A", Deed.ADMIN, known, (7, 4)) == "counts"


def test_what_an_admin_never_had_is_apart_until_he_says_that_he_keeps_it() -> None:
    """47."""
    story, known = an_admin()
    story.tell("A", cut("M", RunHad(7, 2)))
    assert stands(story, "M", Deed.CHANGE, known, (7, 5)) == "apart"
    story.tell("A", cut("M", RunHad(7, 9)))
    assert stands(story, "M", Deed.CHANGE, known, (7, 5)) == "counts"


def test_a_setting_that_took_a_right_binds_who_names_it() -> None:
    """48."""
    story, known = an_admin()
    word = story.tell("O", setting_change({"pin": "admins"}))
    assert stands(story, "M", Deed.PIN, known, (7, 0)) == "counts"
    assert stands(story, "M", Deed.PIN, word, (7, 1)) == "invalid"


def test_without_owners_nobody_closes_the_account_of_an_admin() -> None:
    """49."""
    story, _ = an_admin()
    story.tell("O", Leave(()))
    story.tell("A", Leave(()))
    membership = Membership.of(story.operations)
    accounts = open_accounts(membership)
    assert [closers(membership, account) for account in accounts] == [[], []]


def test_who_laid_ownership_down_signs_on_as_an_owner_with_old_parents() -> None:
    """50: it counts, and it shows: a number of his stands there twice."""
    story, known = an_admin()
    given = story.tell("O", role("A", Role.OWNER), known)
    story.tell("A", RoleChange(key_of("A"), Role.MEMBER, None, ()))
    backdated = story.tell("A", add("N"), given)
    membership = Membership.of(story.operations)
    assert membership.is_effective(backdated)
    assert key_of("N") in membership.members
