"""Attacks on what counts in a group that no rule keeps from happening: how far each goes, and how
much further without the rule that bounds it.

`docs/protocol/group-attacks.md` has the table of all.
"""

from dataclasses import replace

import pytest

from mesh.group import membership as memberships
from mesh.group import rights, writing
from mesh.group.closing import closers, open_accounts
from mesh.group.cuts import RunHad
from mesh.group.membership import Membership
from mesh.group.operations import Action, Leave, Role, RoleChange
from mesh.group.rights import Deed
from mesh.group.settings import setting_change
from tests.group.faults import Fault, planted, without
from tests.group.scenarios import add, key_of, role
from tests.group.test_attacks import an_admin, cut, stands

Patch = pytest.MonkeyPatch


def add_words_after_ones_fall() -> bool:
    """45: A, who was removed, uses numbers twice that he had used."""
    story, known = an_admin()
    story.tell("O", cut("A", RunHad(7, 6)))
    assert stands(story, "A", Deed.ADMIN, known, (7, 4)) == "counts"
    again = [stands(story, "A", Deed.ADMIN, known, (7, at), is_twin=True) for at in (3, 9)]
    return "counts" in again


def test_who_goes_takes_his_votes_back_by_using_numbers_twice_and_adds_nothing() -> None:
    assert not add_words_after_ones_fall()
    with without("a number used twice is not covered"):
        assert add_words_after_ones_fall()


def cut_words_off_for_good() -> bool:
    """47: A, who was long away, removes M, and says then that he keeps what came meanwhile."""
    story, known = an_admin()
    story.tell("A", cut("M", RunHad(7, 2)))
    assert stands(story, "M", Deed.CHANGE, known, (7, 5)) == "apart"
    story.tell("A", cut("M", RunHad(7, 9)))
    return stands(story, "M", Deed.CHANGE, known, (7, 5)) == "apart"


def test_what_an_admin_never_had_is_apart_until_he_says_that_he_keeps_it() -> None:
    assert not cut_words_off_for_good()
    with without("of one remover the last word holds"):
        assert cut_words_off_for_good()


def pin_though_one_knows_that_admins_do() -> bool:
    """48: O lets admins pin only. M, who does not name that, pins; who names it does not."""
    story, known = an_admin()
    word = story.tell("O", setting_change({"pin": "admins"}))
    assert stands(story, "M", Deed.PIN, known, (7, 0)) == "counts"
    return stands(story, "M", Deed.PIN, word, (7, 1)) == "counts"


def test_a_setting_that_took_a_right_binds_who_names_it(monkeypatch: Patch) -> None:
    assert not pin_though_one_knows_that_admins_do()
    monkeypatch.setattr(rights, "SETTING_OF", {})
    assert pin_though_one_knows_that_admins_do()


def leave_an_account_that_nobody_closes() -> bool:
    """49: the last owner leaves by his own node, and then an admin does."""
    story, _ = an_admin()
    for name in "OA":
        membership = Membership.of(story.operations)
        for action in writing.leaving(membership, key_of(name), Leave(())):
            story.tell(name, action)
    membership = Membership.of(story.operations)
    return [] in [closers(membership, account) for account in open_accounts(membership)]


def test_without_owners_nobody_closes_the_account_of_an_admin(monkeypatch: Patch) -> None:
    assert not leave_an_account_that_nobody_closes()
    monkeypatch.setattr(writing, "_heir", lambda *_: None)
    assert leave_an_account_that_nobody_closes()


def sign_on_unseen(going: Action) -> bool:
    """50: A is no owner any more, and adds N under an old parent: by the number of that word."""
    story, known = an_admin()
    given = story.tell("O", role("A", Role.OWNER), known)
    story.tell("A", going)
    story.tell("A", add("N"), given)
    backdated = replace(story.operations[-1], seq=story.operations[-2].seq)
    membership = Membership.of([*story.operations[:-1], backdated])
    assert membership.is_effective(backdated.id)
    assert key_of("N") in membership.members
    return membership.twins() == []


def test_who_laid_ownership_down_signs_on_as_an_owner_with_old_parents() -> None:
    """50: it counts, also of who left, as by an old disk; and it shows: a number of his stands
    there twice.
    """
    stepped_down = RoleChange(key_of("A"), Role.MEMBER, None, ())
    assert not sign_on_unseen(stepped_down)
    assert not sign_on_unseen(Leave(()))
    line = "self._by_seq.setdefault((operation.author, operation.seq), []).append(operation.id)"
    with planted(Fault("a number that stands twice shows", memberships, line, "pass")):
        assert sign_on_unseen(stepped_down)
        assert sign_on_unseen(Leave(()))
