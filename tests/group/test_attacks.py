"""Attacks on what counts in a group, and on its keys: each fails, and works without its rule.

`docs/protocol/group-attacks.md` has the table of all. Here are those that need no node.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest

from mesh.content.entry import OperationId, Scope, entry_id
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group import choice, closing, known_epochs, leaves, naming, payload, rights
from mesh.group import membership as memberships
from mesh.group.choice import chosen_epoch, is_fit
from mesh.group.closing import open_accounts
from mesh.group.cuts import RunHad, had_of
from mesh.group.epochs import Announcement, EpochId, commitment_of, make_announcement
from mesh.group.known_epochs import known_epoch
from mesh.group.leaves import decode_short_leaf
from mesh.group.membership import Membership
from mesh.group.naming import named_by_announcement, named_by_entry
from mesh.group.operations import Leave, Removal, Remove, Role
from mesh.group.payload import make_payload, read_payload, sign_entry
from mesh.group.posts import GroupId
from mesh.group.rights import Deed, Standing
from mesh.group.settings import setting_change
from mesh.ids import VerifyKey
from mesh.limits.content import ENTRY_OPS_MAX
from mesh.limits.groups import OPERATION_PARENTS_MAX
from tests.group.faults import Fault, planted, without
from tests.group.people import GROUP, person
from tests.group.scenarios import Story, add, key_of, remove, role

Patch = pytest.MonkeyPatch


def cut(name: str, *had: RunHad, undo: tuple[OperationId, ...] | None = None) -> Remove:
    """A removal of one, and of his entries these."""
    return Remove((Removal(key_of(name), undo, had),))


def stands(
    story: Story,
    name: str,
    deed: Deed,
    known: OperationId,
    place: tuple[int, int],
    *,
    is_twin: bool = False,
) -> Standing:
    """Say how an entry of a run and number stands that names one operation."""
    rights = Membership.of(story.operations).rights(key_of(name), deed, [known])
    return rights.standing(*place, is_twin=is_twin)


def an_admin() -> tuple[Story, OperationId]:
    """O, an admin A, and M."""
    story = Story("A", "M")
    return story, story.tell("O", role("A", Role.ADMIN))


# --- Cuts ---------------------------------------------------------------------------------------


def fill_numbers_left_free() -> bool:
    """1: an admin wrote the numbers 0 to 5 and 1,000 before his fall, and 6 to 999 after it."""
    story, known = an_admin()
    story.tell("O", cut("A", *had_of({7: [*range(6), 1_000]})))
    return stands(story, "A", Deed.ADMIN, known, (7, 700)) == "counts"


def test_numbers_left_free_before_the_fall_are_filled_in_vain() -> None:
    assert not fill_numbers_left_free()
    with without("holes are not covered"):
        assert fill_numbers_left_free()


def begin_a_run() -> bool:
    """2: the same by a run that nobody knew."""
    story, known = an_admin()
    story.tell("O", cut("A", RunHad(7, 6)))
    return stands(story, "A", Deed.ADMIN, known, (8, 0)) == "counts"


def use_a_number_twice() -> bool:
    """2: the same by a number that is covered, and was used."""
    story, known = an_admin()
    story.tell("O", cut("A", RunHad(7, 6)))
    return stands(story, "A", Deed.ADMIN, known, (7, 3), is_twin=True) == "counts"


def test_another_run_and_numbers_used_twice_slip_under_no_cut() -> None:
    assert not begin_a_run()
    assert not use_a_number_twice()
    with without("other runs are not covered"):
        assert begin_a_run()
    with without("a number used twice is not covered"):
        assert use_a_number_twice()


HERE = (RunHad(7, 3), RunHad(8, 1))
"""What the others have of somebody."""


def take_back_ones_votes_by_an_empty_leave() -> bool:
    """4: a leaver tells of no entries, so that what he did is cut off."""
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    story.tell("M", Leave(()))
    (account,) = open_accounts(Membership.of(story.operations))
    story.tell("O", closing.closing(account, HERE))
    return stands(story, "M", Deed.CHANGE, known, (7, 2)) == "apart"


def test_who_leaves_takes_back_nothing_by_telling_of_nothing(monkeypatch: Patch) -> None:
    assert not take_back_ones_votes_by_an_empty_leave()
    monkeypatch.setattr(closing, "joined", lambda here, told: tuple(told))
    assert take_back_ones_votes_by_an_empty_leave()


def lose_what_is_on_its_way() -> bool:
    """5: an honest leaver's last words are on their way while his account is closed."""
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    story.tell("M", Leave((RunHad(7, 5),)))
    (account,) = open_accounts(Membership.of(story.operations))
    story.tell("O", closing.closing(account, HERE))
    return stands(story, "M", Deed.OBJECT, known, (7, 4)) == "apart"


def test_what_a_leaver_told_of_counts_when_it_comes(monkeypatch: Patch) -> None:
    assert not lose_what_is_on_its_way()
    monkeypatch.setattr(closing, "joined", lambda here, told: tuple(here))
    assert lose_what_is_on_its_way()


# --- Epochs -------------------------------------------------------------------------------------


def announced(
    membership: Membership, maker: str, heads: tuple[OperationId, ...] | None = None, turn: int = 0
) -> tuple[Announcement, VerifyKey]:
    """An announcement by somebody after these operations, for the members then."""
    at = named_by_announcement(membership) if heads is None else heads
    announcement = make_announcement(
        clock=0,
        seq=0,
        heads=list(at),
        turn=turn,
        ephemeral=bytes(32),
        commitment=commitment_of(bytes(32), GroupId(bytes(32))),
        count=len(membership.now(at).members()),
        without=[],
    )
    return announcement, key_of(maker)


def used_by_all(membership: Membership, *makings: tuple[Announcement, VerifyKey]) -> str | None:
    """Return who made the epoch that everybody writes under, of those that all hold."""
    known = [
        known_epoch(
            announcement,
            membership,
            epoch=EpochId(bytes([number]) * 32),
            maker=maker,
            is_held=True,
            day=0,
        )
        for number, (announcement, maker) in enumerate(makings)
    ]
    roles = {key: one.role for key, one in membership.members.items()}
    chosen = chosen_epoch(known, roles)
    return None if chosen is None else chosen.maker.rstrip(b"\0").decode()


def cut_somebody_off_by_void_operations() -> bool:
    """6: M signs what does not count, and makes an epoch after it that one cannot open."""
    story, known = an_admin()
    void = story.tell("M", setting_change({"name": "void"}))
    membership = Membership.of(story.operations)
    honest = announced(membership, "A", (known,), turn=1)
    hostile = announced(membership, "M", (void,))
    return used_by_all(membership, honest, hostile) == "M"


def test_void_operations_cut_nobody_off(monkeypatch: Patch) -> None:
    assert not cut_somebody_off_by_void_operations()
    line = "effective_count = len(membership.graph.operations(view.acts))"
    instead = "effective_count = len(membership.graph.operations(membership.graph.closure(heads)))"
    with planted(Fault("only what counts makes newer", known_epochs, line, instead)):
        assert cut_somebody_off_by_void_operations()


def leave_all_without_an_epoch() -> bool:
    """17: an admin adds 20 people on as many sides."""
    story, known = an_admin()
    for number in range(20):
        story.tell("A", add(f"x{number}"), known)
    membership = Membership.of(story.operations)
    return used_by_all(membership, announced(membership, "O")) is None


def test_many_sides_leave_nobody_without_an_epoch(monkeypatch: Patch) -> None:
    assert not leave_all_without_an_epoch()
    monkeypatch.setattr(naming, "HEADS_ANNOUNCED_MAX", OPERATION_PARENTS_MAX)
    assert leave_all_without_an_epoch()


def read_on_by_an_epoch_that_fits_again() -> bool:
    """41: M is removed in vain, and N left meanwhile: an epoch of before both becomes fit again."""
    story = Story("A", "M", "N")
    known = story.tell("O", role("A", Role.ADMIN))
    old = (known,)
    story.tell("N", Leave(()))
    story.tell("A", remove("M"))
    story.tell("O", role("A", Role.MEMBER, undo=()), known)
    membership = Membership.of(story.operations)
    assert membership.members.keys() == {key_of(name) for name in "OAM"}
    return used_by_all(membership, announced(membership, "O", old)) == "O"


def test_an_epoch_is_fit_again_only_if_all_who_read_it_are_members(monkeypatch: Patch) -> None:
    assert not read_on_by_an_epoch_that_fits_again()
    monkeypatch.setattr(choice, "is_fit", lambda epoch, members: epoch.is_consistent)
    assert read_on_by_an_epoch_that_fits_again()
    assert is_fit is not choice.is_fit


# --- What is named --------------------------------------------------------------------------------


def crowd_out_ones_standing() -> bool:
    """16: M signs 100 things that do not count, so that the four places of an entry are full."""
    story = Story("A", "M")
    start = story.last
    story.tell("O", role("A", Role.ADMIN), order="999")
    for number in range(100):
        story.tell("M", add(f"v{number}"), start, order=f"1{number:02}")
    for number in range(3):
        # Longer ways than that by which A was raised.
        story.tell("M", add(f"w{number}"), order=f"2{number}")
    membership = Membership.of(story.operations)
    ops = named_by_entry(membership, key_of("A"), Deed.ADMIN)
    return not membership.rights(key_of("A"), Deed.ADMIN, ops).is_named


def test_what_does_not_count_crowds_out_nobodys_standing(monkeypatch: Patch) -> None:
    assert not crowd_out_ones_standing()

    def last_of_all(
        membership: Membership, _rests_on: object, count_max: int
    ) -> tuple[OperationId, ...]:
        graph = membership.graph
        last = sorted(graph.latest(graph.all), key=lambda act: -act.ancestors.bit_count())
        return tuple(act.operation.id for act in last)[:count_max]

    monkeypatch.setattr(naming, "_named", last_of_all)
    assert crowd_out_ones_standing()


def make_a_new_right_useless() -> bool:
    """31: members may set the timer since an operation that stands fifth among the last ones."""
    story, known = an_admin()
    story.tell("O", setting_change({"timer": "members"}), known)
    for number in range(ENTRY_OPS_MAX):
        side = known
        for step in range(3):
            side = story.tell("A", add(f"x{number}{step}"), side)
    membership = Membership.of(story.operations)
    ops = named_by_entry(membership, key_of("M"), Deed.TIMER)
    return not membership.rights(key_of("M"), Deed.TIMER, ops).is_named


def test_a_new_right_is_used_though_much_else_happened() -> None:
    assert not make_a_new_right_useless()
    line = "rests_on += view.setters(SETTING_OF[deed])[:1]"
    with planted(Fault("what gives a right is named", naming, line, "pass")):
        assert make_a_new_right_useless()


# --- What counts ----------------------------------------------------------------------------------


def name_what_voids_ones_removal() -> bool:
    """32: B removed M. C, who fell elsewhere, removed B with all that he did; M names that."""
    story = Story("B", "C", "M")
    story.tell("O", role("B", Role.ADMIN))
    story.tell("O", role("C", Role.ADMIN))
    story.tell("B", remove("M"))
    lowered = story.tell("O", role("B", Role.MEMBER))
    voided = story.tell("C", remove("B", undo=()))
    story.tell("O", remove("C", undo=()), lowered)
    assert key_of("M") not in Membership.of(story.operations).members
    return stands(story, "M", Deed.OBJECT, voided, (1, 0)) == "counts"


def speak_as_a_guest_of_who_is_out() -> bool:
    """33: A, who was removed elsewhere, added N, who votes."""
    story, known = an_admin()
    story.tell("O", remove("A", undo=(known,)), known)
    added = story.tell("A", add("N"), known)
    return stands(story, "N", Deed.CHANGE, added, (1, 0)) == "counts"


def speak_by_a_setting_that_is_void() -> bool:
    """36: A, who fell elsewhere, let members set the timer, and M does."""
    story, known = an_admin()
    story.tell("O", remove("A", undo=()), known)
    word = story.tell("A", setting_change({"timer": "members"}), known)
    return stands(story, "M", Deed.TIMER, word, (1, 0)) == "counts"


@pytest.mark.parametrize(
    "succeeds",
    [
        name_what_voids_ones_removal,
        speak_as_a_guest_of_who_is_out,
        speak_by_a_setting_that_is_void,
    ],
)
def test_a_past_of_ones_own_choice_gives_no_right(succeeds: Callable[[], bool]) -> None:
    assert not succeeds()
    with without("an entry is judged by all that is known as well"):
        assert succeeds()


def bring_in_a_friend_when_one_is_out() -> bool:
    """34: M was removed, and F helps: they sign an add with old parents, and go on from there."""
    story = Story("F", "M")
    known = story.tell("O", setting_change({"add": "members"}))
    story.tell("O", cut("M"), known)
    added = story.tell("M", add("N"), known)
    story.tell("F", add("P"), added)
    story.tell("M", role("M", Role.OWNER), story.last)
    members = Membership.of(story.operations).members
    speaks = stands(story, "M", Deed.CHANGE, story.last, (1, 0)) == "counts"
    return speaks or bool({key_of("M"), key_of("N")} & members.keys())


def test_nothing_counts_that_who_is_out_and_his_friends_sign() -> None:
    assert not bring_in_a_friend_when_one_is_out()
    with without("an add by who fell is void"):
        assert bring_in_a_friend_when_one_is_out()


def slip_under_the_lower_of_two_cuts() -> bool:
    """35: M was removed on both sides of a cut, by one with more of him."""
    story, known = an_admin()
    story.tell("O", cut("M", RunHad(7, 2)), known)
    story.tell("A", cut("M", RunHad(7, 9)), known)
    return stands(story, "M", Deed.CHANGE, known, (7, 5)) == "counts"


def undo_a_lower_cut() -> bool:
    """35: O removed M again, to lower the cut, which he had raised."""
    story, known = an_admin()
    story.tell("O", cut("M", RunHad(7, 9)), known)
    story.tell("O", cut("M", RunHad(7, 2)))
    return stands(story, "M", Deed.CHANGE, known, (7, 5)) == "counts"


def silence_by_a_void_removal() -> bool:
    """35, 39: a rogue admin removes M with an empty cut, so that his votes vanish."""
    story, known = an_admin()
    story.tell("A", cut("M"), known)
    assert stands(story, "M", Deed.CHANGE, known, (7, 0)) == "apart"
    story.tell("O", remove("A", undo=(known,)))
    return stands(story, "M", Deed.CHANGE, known, (7, 0)) == "apart"


def only_one_word(which: str) -> AbstractContextManager[None]:
    """Of all who ended somebody's power one alone is heeded."""
    line = "reversed(_last_words(graph, acts))"
    return planted(Fault("all hold", rights, line, f"_last_words(graph, acts){which}"))


def test_of_several_cuts_the_lowest_holds() -> None:
    assert not slip_under_the_lower_of_two_cuts()
    with only_one_word("[:1]"):
        assert slip_under_the_lower_of_two_cuts()


def test_a_cut_is_lowered_by_another_word() -> None:
    assert not undo_a_lower_cut()
    with planted(
        Fault(
            "his last word holds",
            rights,
            "reversed(_last_words(graph, acts))",
            "[*graph.of(acts)][-1:]",
        )
    ):
        assert undo_a_lower_cut()


def test_one_removal_brings_back_whom_a_rogue_admin_removed() -> None:
    assert not silence_by_a_void_removal()
    with without("what an undo does not name is void"):
        assert silence_by_a_void_removal()


def help_by_a_generous_cut() -> bool:
    """44: an admin who is M's friend removes him with all that he may yet write."""
    story, known = an_admin()
    story.tell("A", cut("M", RunHad(7, 1 << 31)), known)
    assert stands(story, "M", Deed.CHANGE, known, (7, 900)) == "counts"
    story.tell("O", cut("M", RunHad(7, 3)))
    return stands(story, "M", Deed.CHANGE, known, (7, 900)) == "counts"


def test_a_generous_cut_is_lowered_by_another_removal() -> None:
    assert not help_by_a_generous_cut()
    with only_one_word("[-1:]"):
        assert help_by_a_generous_cut()


def write_by_what_held_before() -> bool:
    """22: members write on by operations from before only admins write; say whether that looks like
    any other words.
    """
    story, known = an_admin()
    story.tell("O", setting_change({"write": "admins"}))
    membership = Membership.of(story.operations)
    assert stands(story, "M", Deed.OBJECT, known, (7, 0)) == "counts"
    return membership.heeds([known], "write")


def test_who_writes_by_what_held_before_is_told_apart() -> None:
    assert not write_by_what_held_before()
    line = "return not setters or bool(setters[0].bit & self.graph.closure(operations))"
    with planted(Fault("the word in force is heeded", memberships, line, "return True")):
        assert write_by_what_held_before()


# --- Signatures -----------------------------------------------------------------------------------


def move_words_elsewhere() -> list[str]:
    """42: what Ada signed is put into another group, and under another tag; return what works."""
    ada, header, other = person(1), b"\x01" * 99, b"\x02" * 99
    said = sign_entry(ada.signing, GROUP, b"\x90")
    content = make_payload(ada.signing, GROUP, header=header, controls=[], entries=[said]).encode()
    found = []
    if payload.is_entry_valid(
        said, group=GroupId(bytes(32)), author=ada.vk, verify=is_signature_valid
    ):
        found.append("another group")
    with suppress(PeerError):
        read_payload(content, header=other, group=GROUP, author=ada.vk, verify=is_signature_valid)
        found.append("another envelope")
    return found


def test_words_and_controls_stand_in_their_group_and_envelope_only(monkeypatch: Patch) -> None:
    assert move_words_elsewhere() == []
    monkeypatch.setattr(
        payload, "entry_id", lambda _scope, author, entry: entry_id(Scope(GROUP), author, entry)
    )
    assert move_words_elsewhere() == ["another group"]
    monkeypatch.setattr(payload, "_signed", lambda group, _header, controls: group + controls)
    assert move_words_elsewhere() == ["another group", "another envelope"]


def put_in_a_leaf_for_another() -> bool:
    """40: Eve tells a leaf of her own as Ada's, so that seeds for Ada are sealed to Eve."""
    ada, eve = person(1), person(2)
    with suppress(PeerError):
        decode_short_leaf(eve.short.encode(), group=GROUP, member=ada.vk, verify=is_signature_valid)
        return True
    return False


def test_nobody_puts_in_a_leaf_for_another() -> None:
    assert not put_in_a_leaf_for_another()
    line = "if not verify(member, _signed(group, member, number, key), signature):"
    with planted(Fault("its owner signs a leaf", leaves, line, "if False:")):
        assert put_in_a_leaf_for_another()
