"""Depths of posting keys: who told them, for which day, and never more than was granted."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import ContactId, PostingKey
from mesh.limits.posting_keys import POSTING_DAYS_TOLD
from mesh.limits.trust import (
    CONTACT_KEYS_PER_DAY_MAX,
    FAR_HASHES_PER_DAY_MAX,
    FAR_PER_CONTACT_DAY_MAX,
    TRUST_DAYS_KEPT,
    TRUST_DAYS_MAX,
    VOUCHED_HASHES_PER_DAY_MAX,
    VOUCHED_PER_CONTACT_DAY_MAX,
    VOUCHES_DAYS_KEPT,
)
from mesh.trust.distance import Counts, Depth, Distances, vouch_hash

DAY = 20_000
ANNA, BENO, CARA = ContactId(1), ContactId(2), ContactId(3)


def key(number: int) -> PostingKey:
    """A posting key; its bytes are all that matters here."""
    return PostingKey(number.to_bytes(32))


def hashes(*numbers: int, day: int = DAY) -> list[int]:
    """The hashes of these keys."""
    return [vouch_hash(key(number), day) for number in numbers]


def test_a_key_has_the_depth_at_which_it_was_told() -> None:
    distances = Distances()
    distances.set_own([key(1)])
    distances.set_contact_keys(ANNA, DAY, hashes(2))
    distances.set_vouched(ANNA, DAY, vouched=hashes(3), far=hashes(4))
    depths = [distances.depth(key(number), DAY) for number in range(1, 6)]
    assert depths == [Depth.OWN, Depth.CONTACT, Depth.VOUCHED, Depth.FAR, Depth.STRANGER]
    assert distances.counts(DAY) == Counts(contacts=1, vouched=1, far=1)


def test_a_key_that_was_told_for_one_day_is_a_strangers_on_another() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(2))
    # Named for a second day under its hash of the first.
    for day in (DAY, DAY + 1):
        distances.set_vouched(ANNA, day, vouched=hashes(3), far=hashes(4))
    for number in (2, 3, 4):
        assert distances.depth(key(number), DAY + 1) is Depth.STRANGER


def test_the_nearest_of_several_depths_counts() -> None:
    distances = Distances()
    distances.set_vouched(ANNA, DAY, vouched=hashes(1, 2, 3), far=hashes(4))
    distances.set_vouched(BENO, DAY, vouched=hashes(4), far=hashes(1, 2, 3))
    distances.set_contact_keys(CARA, DAY, hashes(2))
    distances.set_own([key(3)])
    depths = [distances.depth(key(number), DAY) for number in (1, 2, 3, 4)]
    assert depths == [Depth.VOUCHED, Depth.CONTACT, Depth.OWN, Depth.VOUCHED]


def test_it_is_known_to_whom_a_key_owes_its_depth() -> None:
    distances = Distances()
    distances.set_contact_keys(CARA, DAY, hashes(1))
    distances.set_vouched(BENO, DAY, vouched=hashes(1, 2), far=hashes(3))
    distances.set_vouched(ANNA, DAY, vouched=hashes(2), far=hashes(2, 3))
    assert distances.granted_by(key(1), DAY) == [CARA]
    assert distances.granted_by(key(2), DAY) == [ANNA, BENO]
    assert distances.granted_by(key(3), DAY) == [ANNA, BENO]
    assert distances.granted_by(key(4), DAY) == []


def test_of_a_day_of_which_nobody_told_anything_nothing_is_known() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    distances.set_vouched(ANNA, DAY, vouched=hashes(2), far=hashes(3))
    assert distances.keys_of(ANNA, DAY) == tuple(hashes(1))
    assert distances.vouched_by(ANNA, DAY) == tuple(hashes(2))
    for contact, day in ((ANNA, DAY + 1), (BENO, DAY)):
        assert distances.keys_of(contact, day) == ()
        assert distances.vouched_by(contact, day) == ()
    assert distances.depth(key(1), DAY + 1) is Depth.STRANGER
    assert distances.granted_by(key(1), DAY + 1) == []
    assert distances.counts(DAY + 1) == Counts(contacts=0, vouched=0, far=0)


def test_whoever_keeps_what_follows_from_standings_hears_of_each_change() -> None:
    distances = Distances()

    def changes(count: int) -> bool:
        before, seen[0] = seen[0], distances.changes_count
        return distances.changes_count - before == count

    seen = [distances.changes_count]
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    assert changes(1)
    distances.set_vouched(ANNA, DAY, vouched=hashes(2), far=[])
    distances.set_vouched(BENO, DAY, vouched=[], far=hashes(3))
    assert changes(2)
    distances.withdraw(CARA)
    distances.expire(DAY)
    assert changes(0)
    # Each who named something of that day, and once only.
    distances.expire(DAY + VOUCHES_DAYS_KEPT + 1)
    assert changes(2)
    distances.expire(DAY + VOUCHES_DAYS_KEPT + 1)
    assert changes(0)
    distances.withdraw(ANNA)
    assert changes(1)
    distances.forget_contacts()
    assert changes(1)


def test_lists_that_nobody_asks_for_are_bounded_too() -> None:
    distances = Distances()
    crowd = 3 * VOUCHED_HASHES_PER_DAY_MAX // VOUCHED_PER_CONTACT_DAY_MAX
    for number in range(crowd):
        first = number * VOUCHED_PER_CONTACT_DAY_MAX
        named = range(first, first + VOUCHED_PER_CONTACT_DAY_MAX)
        distances.set_vouched(ContactId(number), DAY, vouched=named, far=[])
    lists = [distances.vouched_by(ContactId(number), DAY) for number in range(crowd)]
    assert sum(map(len, lists)) <= 2 * VOUCHED_HASHES_PER_DAY_MAX


def test_what_a_contact_told_goes_with_that_contact() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1, 2))
    distances.set_vouched(ANNA, DAY, vouched=hashes(3, 4), far=hashes(5))
    distances.set_contact_keys(BENO, DAY, hashes(2))
    distances.set_vouched(BENO, DAY, vouched=hashes(4), far=[])
    assert distances.depth(key(1), DAY) is Depth.CONTACT
    distances.withdraw(ANNA)
    depths = [distances.depth(key(number), DAY) for number in range(1, 6)]
    stranger = Depth.STRANGER
    assert depths == [stranger, Depth.CONTACT, stranger, Depth.VOUCHED, stranger]


def test_what_is_told_again_takes_the_place_of_what_was_told_before() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    distances.set_vouched(ANNA, DAY, vouched=hashes(2), far=hashes(3))
    assert distances.depth(key(3), DAY) is Depth.FAR
    distances.set_contact_keys(ANNA, DAY, hashes(4))
    distances.set_vouched(ANNA, DAY, vouched=hashes(3), far=[])
    depths = [distances.depth(key(number), DAY) for number in range(1, 5)]
    assert depths == [Depth.STRANGER, Depth.STRANGER, Depth.VOUCHED, Depth.CONTACT]
    distances.set_contact_keys(BENO, DAY, hashes(1))
    assert distances.depth(key(1), DAY) is Depth.CONTACT


def test_a_contact_who_names_ten_thousand_keys_gains_no_more_than_the_bounds() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(*range(10_000)))
    distances.set_vouched(
        ANNA, DAY, vouched=hashes(*range(10_000, 20_000)), far=hashes(*range(20_000, 30_000))
    )
    assert distances.counts(DAY) == Counts(
        contacts=CONTACT_KEYS_PER_DAY_MAX,
        vouched=VOUCHED_PER_CONTACT_DAY_MAX,
        far=FAR_PER_CONTACT_DAY_MAX,
    )


def test_who_names_few_keys_loses_none_to_those_who_name_many() -> None:
    distances = Distances()
    crowd = FAR_HASHES_PER_DAY_MAX // FAR_PER_CONTACT_DAY_MAX + 20
    for number in range(crowd):
        first = 1_000_000 + number * FAR_PER_CONTACT_DAY_MAX
        named = range(first, first + FAR_PER_CONTACT_DAY_MAX)
        distances.set_vouched(ContactId(10 + number), DAY, vouched=[], far=named)
    distances.set_vouched(ANNA, DAY, vouched=[], far=hashes(*range(100)))
    assert all(distances.depth(key(number), DAY) is Depth.FAR for number in range(100))
    assert distances.counts(DAY).far <= FAR_HASHES_PER_DAY_MAX


def test_vouches_of_a_thousand_contacts_fit_their_bound() -> None:
    distances = Distances()
    for number in range(1_000):
        first = number * VOUCHED_PER_CONTACT_DAY_MAX
        named = range(first, first + VOUCHED_PER_CONTACT_DAY_MAX)
        distances.set_vouched(ContactId(number), DAY, vouched=named, far=[])
    known = distances.counts(DAY).vouched
    assert VOUCHED_HASHES_PER_DAY_MAX - 1_000 < known <= VOUCHED_HASHES_PER_DAY_MAX
    assert all(distances.vouched_by(ContactId(number), DAY) for number in range(1_000))


def test_days_that_are_over_are_forgotten_vouches_before_keys() -> None:
    distances = Distances()
    distances.set_contact_keys(ANNA, DAY, hashes(1))
    distances.set_vouched(ANNA, DAY, vouched=hashes(2), far=hashes(3))
    distances.expire(DAY + VOUCHES_DAYS_KEPT)
    assert distances.depth(key(2), DAY) is Depth.VOUCHED
    distances.expire(DAY + VOUCHES_DAYS_KEPT + 1)
    depths = [distances.depth(key(number), DAY) for number in (1, 2, 3)]
    assert depths == [Depth.CONTACT, Depth.STRANGER, Depth.STRANGER]
    distances.expire(DAY + TRUST_DAYS_KEPT + 1)
    assert distances.depth(key(1), DAY) is Depth.STRANGER


@given(days=st.permutations(range(TRUST_DAYS_MAX + 20)))
def test_no_more_days_are_known_than_the_bound_and_the_oldest_go(days: list[int]) -> None:
    distances = Distances()
    for day in days:
        distances.set_contact_keys(ANNA, day, hashes(1, day=day))
    known = [day for day in range(max(days) + 1) if distances.depth(key(1), day) < Depth.STRANGER]
    assert known == list(range(20, TRUST_DAYS_MAX + 20))


def test_a_year_of_days_told_ahead_is_within_the_bound() -> None:
    distances = Distances()
    for today in range(DAY, DAY + 365):
        for day in range(today, today + POSTING_DAYS_TOLD):
            distances.set_contact_keys(ANNA, day, hashes(day, day=day))
        distances.expire(today)
        known = range(max(DAY, today - TRUST_DAYS_KEPT), today + POSTING_DAYS_TOLD)
        assert all(distances.depth(key(day), day) is Depth.CONTACT for day in known)


def test_of_forgotten_contacts_nothing_is_known_and_own_keys_stay() -> None:
    distances = Distances()
    distances.set_own([key(1)])
    distances.set_contact_keys(ANNA, DAY, hashes(2))
    distances.forget_contacts()
    assert distances.depth(key(1), DAY) is Depth.OWN
    assert distances.depth(key(2), DAY) is Depth.STRANGER


def test_the_hash_of_a_key_and_day_is_a_known_answer() -> None:
    assert f"{vouch_hash(PostingKey(bytes(range(32))), 20_000):016x}" == "c8edeb4b7abbdfde"
