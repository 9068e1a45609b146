"""Cover: dummies come at times of chance, look like mail, and make room for real posts."""

from itertools import pairwise
from statistics import mean

import pytest

from mesh.crypto.hashing import blake2b_128
from mesh.inputs import StampMinted
from mesh.limits.cover import (
    COVER_AWAY_MS_MAX,
    COVER_AWAY_ONE_IN,
    COVER_INTERVALS_MS,
    COVER_LATE_MS,
)
from mesh.limits.posting_keys import POSTING_KEYS_PER_DAY
from mesh.limits.retirements import RETIRE_DELAY_MS, RETIREMENTS_GATHERED_MS
from mesh.storage.connection import transaction
from mesh.wire.envelope import LIFETIME_WEEK, Envelope
from tests.messenger.people import DAY_S, START_S, WITH_STAMPS, Clock, Person, exchange

HIGH_MS = COVER_INTERVALS_MS["high"]
HOUR_S = 3_600
TOMORROW = START_S // DAY_S + 1
# The clock begins in the evening: most tests want a day of one set of keys.
TO_MIDNIGHT_S = DAY_S - START_S % DAY_S


def covering(*, seed: int = 1, interval_ms: int = HIGH_MS, is_stamped: bool = False) -> Person:
    """Somebody who posts dummies, at the beginning of a day."""
    clock = Clock()
    clock.pass_by(TO_MIDNIGHT_S)
    person = (
        Person("Ann", clock, seed=seed, parameters=WITH_STAMPS)
        if is_stamped
        else Person("Ann", clock, seed=seed)
    )
    person.messenger.parts.cover.change(interval_ms)
    return person


def tend(person: Person, *, may_post: bool = True) -> None:
    """Do what is due of the cover."""
    with transaction(person.connection):
        person.messenger.tend_cover(may_post=may_post, now=person.now)


def live(
    person: Person, seconds: float, *, writes_every_s: float = 0
) -> list[tuple[int, Envelope]]:
    """Let time pass, and return when what was posted.

    `writes_every_s`: the mean time between two messages to Bob, drawn exponentially.
    """
    posted: list[tuple[int, Envelope]] = []
    end_ms = person.clock.unix_ms + int(seconds * 1_000)
    writes_at_ms = end_ms if not writes_every_s else _later(person, writes_every_s)
    while True:
        deadline = person.messenger.cover_deadline()
        dummy_at_ms = end_ms if deadline is None else START_S * 1_000 + -(-deadline // 1_000)
        at_ms = min(max(dummy_at_ms, person.clock.unix_ms), writes_at_ms, end_ms)
        person.clock.unix_ms = at_ms
        if at_ms >= end_ms:
            return posted
        if at_ms == writes_at_ms:
            person.send("Bob", "a word")
            writes_at_ms = _later(person, writes_every_s)
        tend(person)
        posted += [(at_ms, one) for one in person.post()]


def _later(person: Person, mean_s: float) -> int:
    # The same shape as that of the dummies, by a stream of its own.
    return person.clock.unix_ms + person.messenger.parts.cover._exponential_ms(int(mean_s * 1_000))


def test_without_cover_nothing_is_posted_and_nothing_is_due() -> None:
    ann = covering(interval_ms=COVER_INTERVALS_MS["off"])
    assert ann.messenger.cover_deadline() is None
    assert live(ann, DAY_S) == []


def test_dummies_come_at_exponential_times_of_the_mean_that_is_set() -> None:
    posted = live(covering(), DAY_S - 60)
    # Five standard deviations on either side.
    assert abs(len(posted) - 1_440) < 5 * 38
    gaps = [later - at for (at, _), (later, _) in pairwise(posted)]
    assert abs(mean(gaps) / HIGH_MS - 1) < 0.13
    longer = sum(gap > HIGH_MS for gap in gaps) / len(gaps)
    assert abs(longer - 0.368) < 0.065


def test_real_posts_take_the_place_of_dummies() -> None:
    """As many posts as without them, as long as less is written than dummies come by a key."""
    ann = covering()
    ann.add(Person("Bob", ann.clock, seed=2).invite().link)
    ann.post()
    posted = live(ann, DAY_S - 120, writes_every_s=300)
    written = ann.connection.execute("SELECT count(*) FROM entries WHERE is_mine").fetchone()
    assert written is not None
    assert 200 < int(str(written[0])) < 380
    assert abs(len(posted) - 1_440) < 5 * 38


def test_a_real_post_goes_at_once_and_the_next_dummy_of_its_key_is_left_out() -> None:
    ann = covering()
    ann.add(Person("Bob", ann.clock, seed=2).invite().link)
    ann.post()
    tend(ann)
    signers = ann.messenger.parts.posting_keys.of_contacts(TOMORROW)
    ann.send("Bob", "now")
    (envelope,) = ann.post()
    by_key = {one.public: one for one in signers}
    left_out = by_key[envelope.header.posting_key].dummies_left_out
    assert left_out >= 1
    others = [one for one in signers if one.public != envelope.header.posting_key]
    assert [one.dummies_left_out for one in others] == [0] * (POSTING_KEYS_PER_DAY - 1)
    live(ann, HOUR_S)
    assert by_key[envelope.header.posting_key].dummies_left_out == 0


def test_a_dummy_looks_like_a_message_and_all_keys_of_the_day_sign_some() -> None:
    ann = covering()
    bob = Person("Bob", ann.clock, seed=2)
    ann.add(bob.invite().link)
    exchange(ann, bob)
    posted = [one for _, one in live(ann, 6 * HOUR_S)]
    keys = [one.public for one in ann.messenger.parts.posting_keys.of_contacts(TOMORROW)]
    assert {one.header.posting_key for one in posted} == set(keys)
    assert {one.header.lifetime_class for one in posted} == {LIFETIME_WEEK}
    assert {one.header.stamp for one in posted} == {bytes(12)}
    assert len({one.header.tag for one in posted}) == len(posted)
    assert ann.messenger.summary().outbox_count == 0
    # To its reader it is not even mail.
    bob.receive(posted)
    assert bob.texts("Ann") == []


def test_dummies_have_the_sizes_of_ones_own_posts() -> None:
    ann = covering()
    ann.add(Person("Bob", ann.clock, seed=2).invite().link)
    for _ in range(60):
        ann.send("Bob", "x" * 9_000)
    ann.post()
    ann.restart()
    ann.messenger.parts.cover.change(HIGH_MS)
    sizes = [one.header.size_class for _, one in live(ann, 12 * HOUR_S)]
    assert 0.6 < sizes.count(2) / len(sizes) < 0.95
    assert 0 < sizes.count(0) / len(sizes) < 0.3


def test_a_dummy_is_retired_by_its_read_token_after_a_delay_as_of_opened_mail() -> None:
    ann = covering()
    posted = live(ann, 6 * HOUR_S)
    ann.restart()
    envelopes = {one.id: (at, one) for at, one in posted}
    rows = ann.connection.execute("SELECT envelope, token, due_ms FROM retirements").fetchall()
    assert len(rows) == len(posted)
    late = 0
    for id_, token, due_ms in rows:
        assert isinstance(id_, bytes)
        assert isinstance(token, bytes)
        assert isinstance(due_ms, int)
        at, envelope = envelopes[id_]  # type: ignore[index]  # An id is bytes to the database.
        assert blake2b_128(token) == envelope.header.read_hash
        delay_ms = due_ms - at
        latest_ms = RETIRE_DELAY_MS[1] + RETIREMENTS_GATHERED_MS
        assert RETIRE_DELAY_MS[0] <= delay_ms <= latest_ms + COVER_AWAY_MS_MAX
        late += delay_ms > latest_ms
    assert abs(late / len(rows) - 1 / COVER_AWAY_ONE_IN) < 0.12
    ann.clock.pass_by(DAY_S)
    due = ann.messenger.parts.retirements.take_due(10_000, ann.now)
    assert {one.envelope for one in due} == set(envelopes)
    with transaction(ann.connection):
        for one in due:
            ann.messenger.parts.transit.retired(one.envelope, one.token)
    assert ann.messenger.parts.transit.on_its_way() == []


def test_who_slept_posts_nothing_on_waking() -> None:
    ann = covering()
    tend(ann)
    deadline = ann.messenger.cover_deadline()
    assert deadline is not None
    ann.clock.unix_ms = START_S * 1_000 + deadline // 1_000 + COVER_LATE_MS + 1_000
    tend(ann)
    assert ann.post() == []
    assert live(ann, HOUR_S)


def test_a_node_without_room_for_own_mail_posts_no_dummies_and_is_asked_again() -> None:
    ann = covering()
    tend(ann)
    deadline = ann.messenger.cover_deadline()
    assert deadline is not None
    ann.clock.unix_ms = START_S * 1_000 + -(-deadline // 1_000)
    tend(ann, may_post=False)
    assert ann.post() == []
    later = ann.messenger.cover_deadline()
    assert later is not None
    assert later > deadline


@pytest.mark.parametrize("is_minted", [False, True])
def test_a_dummy_waits_for_a_stamp_like_any_post(is_minted: bool) -> None:
    ann = covering(is_stamped=True)
    if is_minted:
        with transaction(ann.connection):
            for mint in ann.mints:
                ann.messenger.parts.posting_keys.stamped(
                    StampMinted(mint.posting_key, mint.day, mint.bits, b"stamp" * 2 + b"!!")
                )
    posted = live(ann, HOUR_S)
    assert bool(posted) == is_minted
    signers = ann.messenger.parts.posting_keys.of_contacts(TOMORROW)
    assert sum(signer.uses for signer in signers) == len(posted)
