"""For whom we vouch: bounds, turns, two links and no further, and no oracle about our own keys."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import ContactId, PostingKey
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCHED_PER_CONTACT_DAY_MAX
from mesh.trust.distance import Depth, Distances, vouch_hash
from mesh.trust.vouching import vouches_for
from mesh.wire.posting_key_lists import VouchedDay
from tests.trust.test_distance import ANNA, BENO, CARA, DAY, hashes, key


def test_contacts_are_told_the_keys_of_other_contacts_and_of_theirs() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    distances.set_contact_keys(BENO, DAY, hashes(2))
    distances.set_vouched(BENO, DAY, vouched=hashes(3), far=hashes(4))
    told = vouches_for(distances, DAY, to=ANNA, among=[BENO])
    assert told == VouchedDay(DAY, tuple(hashes(2)), tuple(hashes(3)))


def test_nobody_is_told_what_they_told() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    distances.set_vouched(ANNA, DAY, vouched=hashes(5), far=hashes(6))
    distances.set_contact_keys(BENO, DAY, hashes(1, 2))
    distances.set_vouched(BENO, DAY, vouched=hashes(1, 5, 7), far=[])
    told = vouches_for(distances, DAY, to=ANNA, among=[BENO])
    assert told == VouchedDay(DAY, tuple(hashes(2)), tuple(hashes(7)))


def test_of_many_contacts_the_first_ones_have_their_turn_before_second_keys() -> None:
    distances = Distances()
    among = [ContactId(number) for number in range(10, 310)]
    for number in among:
        keys = hashes(*(1_000 * number + extra for extra in range(2)))
        distances.set_contact_keys(number, DAY, keys)
    told = vouches_for(distances, DAY, to=ANNA, among=among)
    firsts = [vouch_hash(key(1_000 * number), DAY) for number in among]
    assert told.vouched == tuple(sorted(firsts[:VOUCHED_PER_CONTACT_DAY_MAX]))


def test_who_names_many_takes_no_place_of_who_names_few() -> None:
    distances = Distances()
    among = [ContactId(number) for number in range(10, 50)]
    for number in among:
        first = number * 1_000
        distances.set_vouched(number, DAY, vouched=range(first, first + 64), far=[])
    distances.set_vouched(BENO, DAY, vouched=hashes(1, 2, 3), far=[])
    told = vouches_for(distances, DAY, to=ANNA, among=[*among, BENO])
    assert len(told.far) == FAR_PER_CONTACT_DAY_MAX
    assert {*hashes(1, 2, 3)} <= {*told.far}


def test_what_a_contact_named_as_far_is_told_to_nobody() -> None:
    distances = Distances()
    distances.set_vouched(BENO, DAY, vouched=[], far=hashes(1, 2, 3))
    assert vouches_for(distances, DAY, to=ANNA, among=[BENO]) == VouchedDay(DAY)


@given(own=st.sets(st.integers(0, 20)), named=st.sets(st.integers(0, 20)))
def test_what_is_told_does_not_depend_on_which_keys_are_ours(
    own: set[int], named: set[int]
) -> None:
    """Whoever suspects that a key is ours, of another audience, learns nothing by naming it."""
    told = []
    for ours in ([], sorted(own)):
        distances = Distances()
        distances.set_own([key(number) for number in ours])
        distances.set_vouched(BENO, DAY, vouched=hashes(*sorted(named)), far=[])
        distances.set_contact_keys(CARA, DAY, hashes(*sorted(named)[:4]))
        told.append(vouches_for(distances, DAY, to=ANNA, among=[BENO, CARA]))
    assert told[0] == told[1]


@given(
    own=st.lists(st.integers(0, 400), max_size=80),
    vouched=st.lists(st.integers(0, 400), max_size=200),
    far=st.lists(st.integers(0, 400), max_size=400),
)
def test_a_liar_moves_no_key_nearer_than_his_place_allows(
    own: list[int], vouched: list[int], far: list[int]
) -> None:
    """Beno lies to Anna, who knows him; Cara knows Anna. Lists travel as they are made."""
    anna, cara = Distances(), Distances()
    anna.set_contact_keys(BENO, DAY, hashes(*own))
    anna.set_vouched(BENO, DAY, vouched=hashes(*vouched), far=hashes(*far))
    told = vouches_for(anna, DAY, to=CARA, among=[BENO])
    cara.set_vouched(ANNA, DAY, vouched=told.vouched, far=told.far)
    nearer = [PostingKey(key(number)) for number in range(401)]
    for one in nearer:
        depth = anna.depth(one, DAY)
        if depth is Depth.CONTACT:
            assert cara.depth(one, DAY) is Depth.VOUCHED
        elif depth is Depth.VOUCHED:
            assert cara.depth(one, DAY) in (Depth.FAR, Depth.VOUCHED)
        else:
            assert cara.depth(one, DAY) is Depth.STRANGER
    assert cara.counts(DAY).vouched <= 8
    assert cara.counts(DAY).far <= VOUCHED_PER_CONTACT_DAY_MAX
