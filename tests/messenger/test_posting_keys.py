"""Posting keys and their stamps: messages wait until one is ready."""

import pytest

from mesh.commands.invites import CreateInvite
from mesh.errors import UserError
from mesh.events import MessageStateChanged
from mesh.inputs import StampMinted
from mesh.limits.posting_keys import POSTING_DAYS_TOLD, POSTING_KEYS_PER_DAY
from mesh.messenger.sessions.posting_keys import Audience
from mesh.storage.connection import transaction
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.parameters import MeshParameters
from tests.messenger.people import DAY_S, START_S, WITH_STAMPS, Clock, Person, exchange

SMALL_STAMPS = MeshParameters(name="test", stamp_bits=2, psk=bytes(range(32)))
TINY_QUOTA_WITHOUT_STAMPS = MeshParameters(
    name="test", stamp_bits=0, key_quota=3, psk=bytes(range(32))
)
TODAY = START_S // SECONDS_PER_DAY


def test_stamps_are_asked_for_from_the_first_minute_and_three_days_ahead() -> None:
    ann = Person("Ann", Clock(), parameters=WITH_STAMPS)
    days = range(TODAY, TODAY + 4)
    assert [mint.day for mint in ann.mints] == [day for day in days for _ in range(4)]
    assert {mint.bits for mint in ann.mints} == {6}
    assert ann.messenger.summary().stamp == "being made"
    ann.mint_all()
    assert ann.messenger.summary().stamp == "ready"
    ann.tend()
    assert ann.mints == []


def test_a_refused_invite_asks_for_no_stamp() -> None:
    ann = Person("Ann", Clock(), parameters=WITH_STAMPS)
    before, own = list(ann.mints), ann.connection.execute("SELECT * FROM posting_keys").fetchall()
    with pytest.raises(UserError):
        ann.ask(CreateInvite(uses_max=0))
    assert ann.mints == before
    assert ann.connection.execute("SELECT * FROM posting_keys").fetchall() == own
    assert len(ann.messenger.parts.posting_keys._own) == len(own)


def test_a_message_waits_for_its_stamp_and_leaves_when_it_is_made() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=WITH_STAMPS)
    bob = Person("Bob", clock, seed=2, parameters=WITH_STAMPS)
    bob.add(ann.invite().link)
    assert bob.send("Ann", "patience").state == "queued"
    bob.send("Ann", "is a virtue")
    exchange(ann, bob)
    assert ann.contacts() == []
    assert bob.messenger.summary().outbox_count == 3
    bob.mint_all()
    assert any(isinstance(event, MessageStateChanged) for event in bob.take_events())
    exchange(ann, bob)
    assert ann.texts("Bob") == ["patience", "is a virtue"]
    assert bob.contacts()[0].state == "invited"
    ann.mint_all()
    exchange(ann, bob)
    assert bob.contacts()[0].state == "answered"
    assert {one.header.stamp for one in bob.store.envelopes.values()} == {bytes((7,)) * 12}


def test_what_is_written_behind_a_waiting_message_leaves_behind_it() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=WITH_STAMPS)
    ann.add(Person("Bob", clock, seed=2).invite().link)
    first = ann.send("Bob", "first")
    mint = ann.mints[0]
    with transaction(ann.connection):
        ann.messenger.parts.posting_keys.stamped(
            StampMinted(mint.posting_key, mint.day, mint.bits, bytes(12))
        )
    second = ann.send("Bob", "second")
    assert ann.post() == []
    ann.tend()
    sealed = ann.connection.execute("SELECT message FROM outbox ORDER BY number").fetchall()
    assert sealed == [(None,), (first.number,), (second.number,)]


def test_stamps_that_were_asked_for_are_asked_for_again_after_a_restart() -> None:
    ann = Person("Ann", Clock(), parameters=WITH_STAMPS)
    asked, ann.mints = ann.mints, []
    ann.restart()
    assert ann.mints == asked
    ann.mint_all()
    ann.restart()
    assert ann.mints == []


def test_of_the_days_on_which_a_profile_was_off_no_stamp_is_made_before_todays() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=WITH_STAMPS)
    ann.mint_all()
    clock.pass_by(7 * DAY_S)
    ann.mints.clear()
    ann.restart()
    assert (ann.mints[0].day, ann.mints[0].bits) == (TODAY + 7, 6)
    assert min(mint.day for mint in ann.mints) == TODAY + 7


def test_what_is_written_to_one_person_on_a_day_bears_one_key_of_several() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    readers = [Person(f"Bob{number}", clock, seed=2 + number) for number in range(12)]
    for reader in readers:
        ann.add(reader.invite().link)
    ann.post()
    keys: dict[str, set[bytes]] = {}
    for _ in range(3):
        for reader in readers:
            ann.send(reader.name, "hello")
            of_reader = keys.setdefault(reader.name, set())
            of_reader.update(one.header.posting_key for one in ann.post())
        ann.restart()
    assert all(len(of_reader) == 1 for of_reader in keys.values())
    assert len(set.union(*keys.values())) == POSTING_KEYS_PER_DAY


def test_a_new_day_has_a_key_of_its_own_and_forgets_the_seed_of_the_old() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1)
    ann.add(Person("Bob", clock, seed=2).invite().link)
    keys = []
    for _ in range(3):
        ann.send("Bob", "daily")
        keys += [one.header.posting_key for one in ann.post()]
        clock.pass_by(DAY_S)
        ann.tend()
    assert len(set(keys)) == 3
    days_with_seed = ann.connection.execute(
        "SELECT DISTINCT day FROM posting_keys WHERE seed IS NOT NULL ORDER BY day"
    ).fetchall()
    assert days_with_seed == [(TODAY + 3 + ahead,) for ahead in range(POSTING_DAYS_TOLD)]
    assert all(ann.messenger.parts.posting_keys.is_own(key) for key in keys)
    clock.pass_by(40 * DAY_S)
    ann.tend()
    assert not any(ann.messenger.parts.posting_keys.is_own(key) for key in keys)


def test_a_stamp_that_is_nearly_used_up_is_followed_in_time_by_one_worth_twice_as_much() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=SMALL_STAMPS)
    bob = Person("Bob", clock, seed=2, parameters=SMALL_STAMPS)
    bob.mint_all()
    bob.add(ann.invite().link)
    asked: list[int] = []
    for number in range(40):
        bob.send("Ann", str(number))
        asked += [mint.bits for mint in bob.mints]
        bob.mint_all()
    assert asked == [3, 4, 5]
    posted = bob.post()
    assert len(posted) == 41
    assert len({one.header.posting_key for one in posted}) == 1
    ann.mint_all()
    ann.receive(posted)
    assert len(ann.texts("Bob")) == 40


def test_no_stamp_admits_more_than_it_is_worth_and_none_is_larger_than_usual() -> None:
    ann = Person("Ann", Clock(), parameters=SMALL_STAMPS)
    keys = ann.messenger.parts.posting_keys
    asked: list[int] = []
    for _ in range(12):
        mint = ann.mints[0]
        stamp = len(asked).to_bytes(12, "big")
        with transaction(ann.connection):
            keys.stamped(StampMinted(mint.posting_key, mint.day, mint.bits, stamp))
        asked.append(mint.bits)
        ann.mints.clear()
        used = 0
        with transaction(ann.connection):
            while signer := keys.find_ready(Audience.CONTACTS, TODAY):
                keys.count_use(signer)
                used += 1
        assert used == 1 << mint.bits
        ann.tend()
    assert asked == [2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9]


def test_without_stamps_a_key_over_its_quota_is_followed_at_once() -> None:
    clock = Clock()
    ann = Person("Ann", clock, seed=1, parameters=TINY_QUOTA_WITHOUT_STAMPS)
    bob = Person("Bob", clock, seed=2, parameters=TINY_QUOTA_WITHOUT_STAMPS)
    bob.add(ann.invite().link)
    for number in range(10):
        bob.send("Ann", str(number))
    posted = bob.post()
    assert len({one.header.posting_key for one in posted}) == 4
    exchange(ann, bob)
    ann.receive(posted)
    assert len(ann.texts("Bob")) == 10
