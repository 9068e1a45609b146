"""Contacts are told our posting keys in time, seldom, in no larger envelopes; nobody else is."""

import pytest

from mesh.commands.contacts import AcceptRequest, BlockContact, RemoveContact
from mesh.commands.invites import CreateInvite
from mesh.ids import PostingKey
from mesh.limits.posting_keys import (
    POSTING_DAYS_AHEAD,
    POSTING_DAYS_TOLD,
    POSTING_KEYS_PER_CHORE,
    POSTING_KEYS_PER_DAY,
)
from mesh.messenger.sessions.posting_keys import Audience
from mesh.storage.connection import transaction
from mesh.trust.distance import Counts, Depth, vouch_hash
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.parameters import MeshParameters
from tests.messenger.people import (
    DAY_S,
    START_S,
    WITH_STAMPS,
    Clock,
    Person,
    acquainted,
    exchange,
)

TODAY = START_S // SECONDS_PER_DAY
HOUR_S = 3_600


def keys_of(person: Person, audience: Audience) -> dict[int, list[PostingKey]]:
    """The posting keys of a person by day."""
    rows = person.connection.execute(
        "SELECT day, public FROM posting_keys WHERE audience = ? ORDER BY day, number", (audience,)
    ).fetchall()
    keys: dict[int, list[PostingKey]] = {}
    for day, public in rows:
        assert isinstance(day, int)
        assert isinstance(public, bytes)
        keys.setdefault(day, []).append(PostingKey(public))
    return keys


def known_days(reader: Person, author: Person, today: int) -> list[int]:
    """Days from today on, counted from it, on which the reader knows the author's key."""
    keys = keys_of(author, Audience.CONTACTS)
    return [
        day - today
        for day, of_day in sorted(keys.items())
        if day >= today and all(reader.distances.depth(key, day) is Depth.CONTACT for key in of_day)
    ]


def live(clock: Clock, *people: Person, days: float) -> dict[str, list[int]]:
    """Let days pass, three hours at a time; return the size classes that each posted."""
    posted: dict[str, list[int]] = {person.name: [] for person in people}
    for _ in range(int(days * 8)):
        clock.pass_by(3 * HOUR_S)
        for person in people:
            person.tend()
            person.mint_all()
        while any(one.messenger.parts.transit.deadline() is not None for one in people):
            for person in people:
                envelopes = person.post()
                posted[person.name] += [one.header.size_class for one in envelopes]
                for other in people:
                    if other is not person:
                        other.receive(envelopes)
    return posted


def say_hello(reader: Person, author: Person) -> None:
    """Two messages: new prekeys go with the first, posting keys with the second."""
    for _ in range(2):
        author.send(reader.name, "hello")
        exchange(reader, author)


def grow_older(person: Person, *, days: int) -> None:
    """Age what they told of their keys by some days."""
    with transaction(person.connection):
        person.connection.execute("UPDATE keys_given SET until_day = until_day - ?", (days,))


def test_the_keys_of_two_weeks_exist_and_stamps_are_asked_for_only_where_they_are_near() -> None:
    ann = Person("Ann", Clock(), parameters=WITH_STAMPS)
    days = sorted(keys_of(ann, Audience.CONTACTS))
    assert days == list(range(TODAY, TODAY + POSTING_DAYS_TOLD))
    days_ahead = range(TODAY, TODAY + POSTING_DAYS_AHEAD + 1)
    near = [day for day in days_ahead for _ in range(POSTING_KEYS_PER_DAY)]
    assert [mint.day for mint in ann.mints] == near
    ann.mints.clear()
    ann.restart()
    assert [mint.day for mint in ann.mints] == near
    ann.mint_all()
    ann.clock.pass_by(2 * DAY_S)
    ann.tend()
    further = [near[-1] + 1, near[-1] + 2]
    assert [mint.day for mint in ann.mints] == [day for day in further for _ in range(4)]
    assert sorted(keys_of(ann, Audience.CONTACTS))[-1] == TODAY + 2 + POSTING_DAYS_TOLD - 1


def test_a_key_that_was_told_early_signs_on_its_day() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    say_hello(ann, bob)
    clock.pass_by(9 * DAY_S)
    bob.send("Ann", "nine days later")
    (envelope,) = bob.post()
    assert ann.distances.depth(envelope.header.posting_key, envelope.header.day) is Depth.CONTACT


def test_keys_wait_for_a_message_in_which_new_prekeys_leave_room_for_them() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    # The answer to a first contact holds prekeys.
    assert known_days(bob, ann, TODAY) == []
    bob.send("Ann", "short")
    exchange(ann, bob)
    assert known_days(ann, bob, TODAY) == list(range(POSTING_DAYS_TOLD))
    ann.send("Bob", "short")
    (envelope,) = ann.post()
    bob.receive([envelope])
    assert envelope.header.size_class == 0
    assert known_days(bob, ann, TODAY) == list(range(POSTING_DAYS_TOLD))


def test_where_nobody_writes_keys_are_sent_for_their_own_sake_and_seldom() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    live(clock, ann, bob, days=3)
    today = clock.now.mesh // SECONDS_PER_DAY
    assert known_days(ann, bob, today)[:7] == list(range(7))
    posted = live(clock, ann, bob, days=60)
    for reader, author in ((ann, bob), (bob, ann)):
        today = clock.now.mesh // SECONDS_PER_DAY
        assert known_days(reader, author, today)[:2] == [0, 1]
        assert 4 <= len(posted[author.name]) <= 8
        assert max(posted[author.name]) <= 1


def test_contacts_always_know_the_keys_of_the_next_day() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    live(clock, ann, bob, days=1)
    for _ in range(40):
        live(clock, ann, bob, days=1)
        today = clock.now.mesh // SECONDS_PER_DAY
        assert known_days(ann, bob, today)[:2] == [0, 1]
        assert known_days(bob, ann, today)[:2] == [0, 1]


def test_a_message_does_not_grow_into_a_larger_envelope_while_they_know_enough_days() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    for _ in range(2):
        bob.send("Ann", "prekeys first, then posting keys")
        ann.send("Bob", "tells that the session is there")
        exchange(ann, bob)
    # As if some days had passed, without the post-quantum step and prekeys of another week.
    given = "SELECT until_day FROM keys_given"
    grow_older(bob, days=5)
    before = bob.connection.execute(given).fetchall()
    bob.send("Ann", "x" * 500)
    assert [one.header.size_class for one in bob.post()] == [0]
    assert bob.connection.execute(given).fetchall() == before
    bob.send("Ann", "x" * 100)
    assert [one.header.size_class for one in bob.post()] == [0]
    assert bob.connection.execute(given).fetchall() == [(TODAY + POSTING_DAYS_TOLD - 1,)]
    grow_older(bob, days=11)
    bob.send("Ann", "x" * 500)
    assert [one.header.size_class for one in bob.post()] == [1]
    assert bob.connection.execute(given).fetchall() == [(TODAY + POSTING_DAYS_TOLD - 1,)]


def test_who_is_gone_is_sent_keys_once_and_then_once_a_month() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    say_hello(ann, bob)
    posted = live(clock, ann, days=100)["Ann"]
    assert 3 <= len(posted) <= 5
    assert max(posted) <= 1


def test_a_further_key_of_a_day_is_told_with_the_next_message() -> None:
    clock = Clock()
    tiny = MeshParameters(name="test", stamp_bits=0, key_quota=8, psk=bytes(range(32)))
    ann = Person("Ann", clock, seed=1, parameters=tiny)
    bob = Person("Bob", clock, seed=2, parameters=tiny)
    for person in (ann, bob):
        person.mint_all()
    bob.add(ann.invite().link)
    exchange(ann, bob)
    for number in range(20):
        bob.send("Ann", str(number))
        bob.tend()
        bob.mint_all()
        ann.receive(bob.post())
    bob.send("Ann", "by the newest key")
    (newest,) = bob.post()
    ann.receive([newest])
    assert len(keys_of(bob, Audience.CONTACTS)[TODAY]) >= 3
    assert ann.distances.depth(newest.header.posting_key, TODAY) is Depth.CONTACT


def test_keys_of_another_audience_are_told_to_nobody() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.ask(CreateInvite(uses_max=1, lifetime_s=7 * DAY_S))
    live(clock, ann, bob, days=3)
    public = keys_of(ann, Audience.PUBLIC)
    assert public
    for day, keys in public.items():
        assert all(bob.distances.depth(key, day) is Depth.STRANGER for key in keys)
        assert not {*keys} & {*keys_of(ann, Audience.CONTACTS).get(day, [])}
    told = bob.connection.execute("SELECT hash FROM contact_keys").fetchall()
    hashes = {vouch_hash(key, day).to_bytes(8) for day, keys in public.items() for key in keys}
    assert not {key for (key,) in told} & hashes


def test_who_waits_as_a_request_is_told_nothing_and_counts_for_nothing_until_let_in() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    bob = Person("Bob", clock, seed=2)
    bob.add(ann.invite(uses_max=5).link)
    exchange(ann, bob)
    live(clock, ann, bob, days=3)
    bob.send("Ann", "please")
    exchange(ann, bob)
    today = clock.now.mesh // SECONDS_PER_DAY
    assert known_days(bob, ann, today) == []
    assert known_days(ann, bob, today) == []
    ann.ask(AcceptRequest("Bob"))
    assert known_days(ann, bob, today) != []
    live(clock, ann, bob, days=1)
    assert known_days(bob, ann, today + 1)[:7] == list(range(7))


@pytest.mark.parametrize("is_removed", [True, False])
def test_who_is_blocked_or_removed_is_told_no_more_and_counts_for_nothing_at_once(
    is_removed: bool,
) -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    say_hello(ann, bob)
    assert known_days(ann, bob, TODAY) != []
    ann.ask(RemoveContact("Bob") if is_removed else BlockContact("Bob", True))
    assert known_days(ann, bob, TODAY) == []
    assert ann.distances.counts(TODAY) == Counts(0, 0, 0)
    live(clock, ann, bob, days=20)
    ann.restart()
    today = clock.now.mesh // SECONDS_PER_DAY
    assert known_days(bob, ann, today) == []
    assert ann.distances.counts(today) == Counts(0, 0, 0)


def test_who_is_unblocked_counts_again_and_is_told_anew() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    say_hello(ann, bob)
    ann.ask(BlockContact("Bob", True))
    clock.pass_by(2 * DAY_S)
    ann.ask(BlockContact("Bob", False))
    today = clock.now.mesh // SECONDS_PER_DAY
    assert known_days(ann, bob, today) != []
    ann.tend()
    exchange(ann, bob)
    assert known_days(bob, ann, today) == list(range(POSTING_DAYS_TOLD))


def test_what_was_told_is_known_after_a_restart() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    say_hello(ann, bob)
    before = known_days(ann, bob, TODAY)
    ann.restart()
    assert known_days(ann, bob, TODAY) == before
    own = keys_of(ann, Audience.CONTACTS)[TODAY][0]
    assert ann.distances.depth(own, TODAY) is Depth.OWN


def test_a_clock_that_was_years_ahead_leaves_nobody_untold() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.wall_error_s = 3 * 365 * DAY_S
    ann.send("Bob", "from the future")
    exchange(ann, bob)
    assert known_days(bob, ann, TODAY + 3 * 365) == []
    ann.wall_error_s = 0
    clock.pass_by(12 * DAY_S)
    ann.tend()
    exchange(ann, bob)
    today = clock.now.mesh // SECONDS_PER_DAY
    assert known_days(bob, ann, today) == list(range(POSTING_DAYS_TOLD))


def test_no_more_than_a_few_contacts_are_sent_keys_in_one_hour() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    people = [Person(f"Friend {number}", clock, seed=10 + number) for number in range(20)]
    for person in people:
        ann.add(person.invite().link)
    exchange(ann, *people)
    clock.pass_by(HOUR_S)
    ann.tend()
    assert len(ann.post()) == POSTING_KEYS_PER_CHORE
    clock.pass_by(HOUR_S)
    ann.tend()
    assert len(ann.post()) == len(people) - POSTING_KEYS_PER_CHORE
