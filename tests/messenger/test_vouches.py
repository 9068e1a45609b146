"""Contacts vouch for posting keys: what counts of it, what is kept, and what goes with them."""

from mesh.commands.contacts import AcceptRequest, BlockContact, RemoveContact, ReplaceIdentity
from mesh.ids import ContactId
from mesh.limits.posting_keys import POSTING_KEYS_PER_DAY
from mesh.limits.trust import FAR_PER_CONTACT_DAY_MAX, VOUCH_DAYS_TOLD, VOUCHED_PER_CONTACT_DAY_MAX
from mesh.storage.connection import transaction
from mesh.trust.distance import Counts, Depth, vouch_hash
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.posting_key_lists import VouchedDay
from tests.messenger.people import DAY_S, START_S, Clock, Person, acquainted, exchange
from tests.messenger.test_posting_key_sharing import say_hello
from tests.trust.test_distance import hashes, key

TODAY = START_S // SECONDS_PER_DAY
NOBODY = Counts(0, 0, 0)


def contact_id(person: Person, label: str) -> ContactId:
    return ContactId(next(one.id for one in person.contacts() if one.label == label))


def vouch(person: Person, label: str, *days: VouchedDay) -> None:
    """A contact vouched over a link of theirs."""
    contact = contact_id(person, label)
    with transaction(person.connection):
        person.messenger.parts.vouches.vouched(contact, days, person.now.mesh)


def named(*numbers: int, day: int = TODAY) -> tuple[int, ...]:
    return tuple(sorted(hashes(*numbers, day=day)))


def star(clock: Clock) -> tuple[Person, Person, Person]:
    """Ann, whose contacts Bob and Cem have told her their keys, and she them."""
    ann = Person("Ann", clock, seed=1)
    bob, cem = Person("Bob", clock, seed=2), Person("Cem", clock, seed=3)
    for other in (bob, cem):
        other.add(ann.invite().link)
        exchange(ann, other)
        say_hello(ann, other)
        ann.send(other.name, "hello")
        exchange(ann, other)
    return ann, bob, cem


def test_a_vouch_counts_on_its_day_and_survives_a_restart() -> None:
    ann, _ = acquainted(Clock())
    day = TODAY + 3
    vouch(ann, "Bob", VouchedDay(day, named(1, day=day), named(2, day=day)))
    for _ in range(2):
        assert ann.distances.depth(key(1), day) is Depth.VOUCHED
        assert ann.distances.depth(key(2), day) is Depth.FAR
        assert ann.distances.depth(key(1), TODAY) is Depth.STRANGER
        ann.restart()


def test_vouches_for_days_that_nobody_needs_are_passed_over() -> None:
    ann, _ = acquainted(Clock())
    days = [TODAY - 2, TODAY - 1, TODAY + VOUCH_DAYS_TOLD, TODAY + VOUCH_DAYS_TOLD + 1]
    vouch(ann, "Bob", *(VouchedDay(day, named(1, day=day)) for day in days))
    assert [ann.distances.depth(key(1), day) for day in days] == [
        Depth.STRANGER,
        Depth.VOUCHED,
        Depth.VOUCHED,
        Depth.STRANGER,
    ]


def test_whoever_is_blocked_vouches_for_nobody_until_they_are_unblocked() -> None:
    ann, _ = acquainted(Clock())
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    ann.ask(BlockContact("Bob", True))
    vouch(ann, "Bob", VouchedDay(TODAY, named(2)))
    assert ann.distances.counts(TODAY) == NOBODY
    ann.restart()
    assert ann.distances.counts(TODAY) == NOBODY
    ann.ask(BlockContact("Bob", False))
    assert ann.distances.depth(key(1), TODAY) is Depth.VOUCHED
    assert ann.distances.depth(key(2), TODAY) is Depth.STRANGER


def test_whoever_is_removed_leaves_no_vouch_behind() -> None:
    ann, _ = acquainted(Clock())
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    removed = contact_id(ann, "Bob")
    ann.ask(RemoveContact("Bob"))
    assert ann.distances.counts(TODAY) == NOBODY
    with transaction(ann.connection):
        ann.messenger.parts.vouches.vouched(removed, [VouchedDay(TODAY, named(1))], ann.now.mesh)
    assert ann.distances.counts(TODAY) == NOBODY
    for table in ("vouches", "contact_keys", "keys_given"):
        assert ann.connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]


def test_a_contact_under_a_new_identity_keeps_nothing_that_the_old_one_told() -> None:
    ann, bob, cem = star(Clock())
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    vouch(ann, "Cem", VouchedDay(TODAY, named(2)))
    assert ann.distances.counts(TODAY).contacts == 2 * POSTING_KEYS_PER_DAY
    ann.ask(ReplaceIdentity("Bob", "Cem"))
    keys = [
        person.messenger.parts.posting_keys.to_tell(TODAY)[0][1].public for person in (bob, cem)
    ]
    for _ in range(2):
        assert ann.distances.depth(key(1), TODAY) is Depth.STRANGER
        assert ann.distances.depth(key(2), TODAY) is Depth.VOUCHED
        assert ann.distances.depth(keys[0], TODAY) is Depth.STRANGER
        assert ann.distances.depth(keys[1], TODAY) is Depth.CONTACT
        ann.restart()


def test_who_waits_as_a_request_vouches_for_nobody() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=3).link)
    exchange(ann, bob)
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    assert ann.distances.counts(TODAY) == NOBODY
    assert ann.messenger.parts.vouches.vouches_for(contact_id(ann, "Bob"), ann.now.mesh) == []
    ann.ask(AcceptRequest("Bob"))
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    assert ann.distances.depth(key(1), TODAY) is Depth.VOUCHED


def test_contacts_are_told_of_each_other_for_seven_days() -> None:
    ann, bob, cem = star(Clock())
    told = ann.messenger.parts.vouches.vouches_for(contact_id(ann, "Bob"), ann.now.mesh)
    days = range(TODAY, TODAY + VOUCH_DAYS_TOLD)
    assert [one.day for one in told] == list(days)
    hashes: dict[int, list[int]] = {}
    for day, signer in cem.messenger.parts.posting_keys.to_tell(TODAY):
        hashes.setdefault(day, []).append(vouch_hash(signer.public, day))
    assert [one.vouched for one in told] == [tuple(sorted(hashes[day])) for day in days]
    assert all(one.far == () for one in told)
    vouch(ann, "Cem", VouchedDay(TODAY, named(7), named(8)))
    first, *others = ann.messenger.parts.vouches.vouches_for(contact_id(ann, "Bob"), ann.now.mesh)
    assert first.far == named(7)
    assert all(one.far == () for one in others)
    ann.ask(BlockContact("Cem", True))
    assert all(
        one == VouchedDay(one.day)
        for one in ann.messenger.parts.vouches.vouches_for(contact_id(ann, "Bob"), ann.now.mesh)
    )
    assert (
        bob.messenger.parts.vouches.vouches_for(contact_id(bob, "Ann"), bob.now.mesh)[0].vouched
        == ()
    )


def test_a_contact_who_vouches_for_ten_thousand_keys_gains_no_more_than_the_bounds() -> None:
    ann, _ = acquainted(Clock())
    for first in range(0, 10_000, FAR_PER_CONTACT_DAY_MAX):
        far = named(*range(first, first + FAR_PER_CONTACT_DAY_MAX))
        nearer = named(*range(first, first + VOUCHED_PER_CONTACT_DAY_MAX))
        vouch(ann, "Bob", VouchedDay(TODAY, nearer, far))
    counts = ann.distances.counts(TODAY)
    assert counts.vouched == VOUCHED_PER_CONTACT_DAY_MAX
    assert counts.far <= FAR_PER_CONTACT_DAY_MAX


def test_days_that_are_over_leave_the_vault() -> None:
    clock = Clock()
    ann, bob, _ = star(clock)
    vouch(ann, "Bob", VouchedDay(TODAY, named(1)))
    clock.pass_by(9 * DAY_S)
    ann.tend()
    assert ann.connection.execute("SELECT count(*) FROM vouches").fetchall() == [(0,)]
    assert ann.distances.counts(TODAY).contacts == 2 * POSTING_KEYS_PER_DAY
    clock.pass_by(40 * DAY_S)
    ann.tend()
    assert ann.connection.execute("SELECT count(*) FROM contact_keys").fetchall() == [(0,)]
    assert ann.distances.counts(TODAY) == NOBODY
    assert bob.distances.counts(TODAY).contacts == POSTING_KEYS_PER_DAY
