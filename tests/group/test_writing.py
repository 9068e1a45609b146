"""Making operations: what is refused would not count, and the other way round."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import OperationId
from mesh.errors import UserError
from mesh.group.cuts import Hole, RunHad
from mesh.group.membership import Membership
from mesh.group.naming import parents_of_next
from mesh.group.operations import (
    Action,
    Leave,
    Operation,
    Removal,
    Remove,
    Role,
    RoleChange,
    encode_operation,
)
from mesh.group.settings import setting_change
from mesh.group.writing import check_action, leaving, packed, undo_since
from mesh.limits.groups import OPERATION_BYTES_MAX, OWNERS_MAX
from mesh.wire.payload import HLC_COUNTER_BITS
from tests.group.scenarios import (
    PEOPLE,
    Story,
    add,
    id_of,
    key_of,
    name_of,
    random_story,
    randoms,
    remove,
    role,
)


def one_of(random: Random) -> Action:
    """Return what a person may want to do to one other."""
    whom = random.choice(PEOPLE)
    actions: list[Action] = [
        add(random.choice((whom, "X"))),
        remove(whom),
        role(whom, random.choice(list(Role))),
        setting_change({random.choice(("write", "add")): "admins"}),
        Leave(()),
    ]
    return random.choice(actions)


@given(randoms(), st.integers(2, 24), st.sampled_from(PEOPLE))
def test_what_is_allowed_counts_and_what_is_refused_would_not(
    random: Random, count: int, name: str
) -> None:
    membership, author = Membership.of(random_story(random, count)), key_of(name)
    if len(membership.graph.latest(membership.graph.all)) > 8:
        return
    action = one_of(random)
    try:
        check_action(membership, author, action)
        refusal = None
    except UserError as error:
        refusal = error.kind
    parents = parents_of_next(membership, author)
    operation = Operation(id_of("9"), author, 99, 99, parents, (), action)
    membership.add(operation)
    # That somebody is in already, or was, is no rule: to add him again changes nothing.
    if refusal not in ("exists", "gone"):
        assert membership.is_effective(operation.id) == (refusal is None)


@pytest.mark.parametrize(
    "author, action, kind",
    [
        ("N", add("X"), "forbidden"),
        ("M", add("X"), "forbidden"),
        ("A", add("M"), "exists"),
        ("A", add("C"), "gone"),
        ("M", remove("B"), "forbidden"),
        ("A", remove("A"), "forbidden"),
        ("A", remove("B"), "forbidden"),
        ("A", remove("O"), "forbidden"),
        ("O", remove("O"), "forbidden"),
        ("O", remove("N"), "not-found"),
        ("A", role("M", Role.ADMIN), "forbidden"),
        ("O", role("Z", Role.ADMIN), "forbidden"),
        ("A", role("A", Role.ADMIN), "forbidden"),
        ("M", setting_change({"name": "x"}), "forbidden"),
        ("A", setting_change({"closed": "yes"}), "forbidden"),
    ],
)
def test_what_may_not_be_done_is_said_in_a_sentence(author: str, action: Action, kind: str) -> None:
    story = Story("A", "B", "C", "M", "Z")
    story.tell("O", role("A", Role.ADMIN))
    story.tell("O", role("B", Role.ADMIN))
    story.tell("O", role("Z", Role.OWNER))
    story.tell("A", remove("C"))
    membership = Membership.of(story.operations)
    with pytest.raises(UserError) as error:
        check_action(membership, key_of(author), action)
    assert error.value.kind == kind
    assert str(error.value).endswith(".")


def test_a_ninth_owner_is_not_made() -> None:
    story = Story(*(f"p{n}" for n in range(OWNERS_MAX)))
    for n in range(OWNERS_MAX - 1):
        story.tell("O", role(f"p{n}", Role.OWNER))
    with pytest.raises(UserError):
        check_action(
            Membership.of(story.operations), key_of("O"), role(f"p{OWNERS_MAX - 1}", Role.OWNER)
        )


def test_the_last_owner_makes_another_one_before_he_leaves() -> None:
    story = Story("A", "M")
    story.tell("O", role("M", Role.ADMIN))
    membership = Membership.of(story.operations)
    [heir, leave] = leaving(membership, key_of("O"), Leave(()))
    assert isinstance(heir, RoleChange)
    assert name_of(heir.key) == "M"
    assert leave == Leave(())
    story.tell("O", heir)
    membership = Membership.of(story.operations)
    assert leaving(membership, key_of("O"), Leave(())) == [Leave(())]
    assert leaving(membership, key_of("A"), Leave(())) == [Leave(())]


def test_a_refusal_names_nobody_as_he_wishes_unless_somebody_looked_at_the_name() -> None:
    story = Story("A", "M")
    membership = Membership.of(story.operations)
    with pytest.raises(UserError, match=f"^{key_of('M').hex()[:8]} is in this group already"):
        check_action(membership, key_of("O"), add("M"))
    with pytest.raises(UserError, match=r"^\[M\] is in this group already"):
        check_action(membership, key_of("O"), add("M"), called=lambda name, _: f"[{name}]")


def test_all_is_undone_that_claims_to_be_or_came_after_a_moment() -> None:
    story = Story("A", "M")
    known = story.tell("O", role("A", Role.ADMIN))
    sent: list[tuple[OperationId, int, int]] = []
    # Claimed in second 10, 30 and 12; received then, or later.
    for claimed, received, parent in (
        (10, 10, 0),
        (30, 12, 1),
        (12, 12, 2),
        (11, 40, 1),
        (9, 9, 0),
    ):
        parent_id = known if parent == 0 else sent[parent - 1][0]
        id_ = id_of(f"5{len(sent)}")
        story.operations.append(
            Operation(
                id_,
                key_of("A"),
                claimed * 1_000 << HLC_COUNTER_BITS,
                len(sent),
                (parent_id,),
                (),
                add(f"y{len(sent)}"),
            )
        )
        sent.append((id_, claimed, received))
    membership = Membership.of(story.operations)
    received_ms = {id_: received * 1_000 for id_, _, received in sent}
    undo = undo_since(membership, key_of("A"), 20_000, received_ms)
    # The second claims to be late, the third follows it, the fourth came late.
    assert sorted(undo) == [sent[0][0], sent[4][0]]
    story.tell("O", remove("A", undo=undo), *(each[0] for each in sent))
    after = Membership.of(story.operations)
    assert [after.is_effective(each[0]) for each in sent] == [True, False, False, False, True]


def test_a_removal_with_long_cuts_takes_several_posts() -> None:
    holes = tuple(Hole(2 * n, 1) for n in range(16))
    had = tuple(RunHad(1 << 31 | n, 1 << 31, holes) for n in range(32))
    removals = Remove(tuple(Removal(key_of(f"p{n}"), None, had) for n in range(64)))
    parts = packed(removals)
    assert [each for part in parts for each in part.removals] == [*removals.removals]
    for part in parts:
        post = encode_operation(part, clock=1 << 61, seq=0, parents=(OperationId(bytes(32)),))
        assert len(post) <= OPERATION_BYTES_MAX
    assert len(packed(remove("A", "B"))) == 1


def test_the_largest_add_fits_a_post() -> None:
    action = add(*(f"{n:02}" + "x" * 30 for n in range(64)))
    post = encode_operation(action, clock=0, seq=0, parents=(OperationId(bytes(32)),) * 8)
    assert len(post) <= OPERATION_BYTES_MAX
