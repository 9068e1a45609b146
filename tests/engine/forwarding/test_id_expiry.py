"""A flood of stamped keys grows no memory without bound, and sets do not differ for ever."""

from mesh.commands.messages import SendMessage
from mesh.engine.forwarding.id_expiry import TOO_FAR_AHEAD, TOO_OLD
from mesh.ids import ContactId, EnvelopeId
from mesh.trust.distance import vouch_hash
from mesh.wire.envelope import decode_envelope
from mesh.wire.frames import IHave, Push, split_entries
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts
from tests.engine.test_eviction import know
from tests.engine.test_hostile import NOW, envelope

IDS_MAX = 200


def ids_of(table: Joined, name: str) -> set[EnvelopeId]:
    """All that a node knows."""
    return set(table.seats[name].engine.replicator.sets.ids())


def flood(stranger: Stranger, *, keys: range, age: int, lifetime_class: int = 1) -> set[EnvelopeId]:
    """Twenty envelopes of each key, and their ids."""
    made = [
        envelope(number, key=key, created=NOW - age - 10 * number, lifetime_class=lifetime_class)
        for key in keys
        for number in range(20)
    ]
    stranger.send(*map(Push, made))
    return {decode_envelope(data).id for data in made}


def test_a_flood_of_keys_stays_within_bounds_and_the_oldest_of_strangers_go() -> None:
    table = Joined()
    table.sit("relay", known_ids_max=IDS_MAX, is_relay=True)
    know(table, "relay", 1)
    stranger = Stranger(table, "relay")
    near = flood(stranger, keys=range(1, 2), age=9_000)
    old = flood(stranger, keys=range(2, 8), age=8_000)
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=7_000 - 100 * start)
        assert len(ids_of(table, "relay")) <= IDS_MAX
    known = ids_of(table, "relay")
    assert near <= known
    assert not old & known
    assert status(table, "relay").counters["forgotten"] >= 6 * 20 + 50 * 20 + 20 - IDS_MAX
    assert status(table, "relay").envelopes_count == len(known)
    assert stranger.is_open, "how much there is room for is held against nobody"


def test_what_was_cut_off_is_not_asked_for_again_not_even_after_a_restart() -> None:
    table = Joined()
    for name, most in (("large", 10_000), ("small", IDS_MAX)):
        table.sit(name, known_ids_max=most, is_relay=True)
    stranger = Stranger(table, "large")
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=7_000 - 100 * start)
    table.join("large", "small")
    table.pass_time(60)
    assert len(ids_of(table, "large")) == 1_000
    small = ids_of(table, "small")
    assert len(small) <= IDS_MAX
    sets = table.seats["small"].engine.replicator.sets
    cut = sets.cuts()[1]
    assert small == {
        id_
        for id_ in ids_of(table, "large")
        if table.seats["large"].engine.replicator.sets.element(id_).created >= cut
    }, "from the cut on both know the same"
    before = status(table, "small").counters["bodies_received"]
    table.pass_time(3_000)
    table.restart("small")
    table.run()
    assert table.seats["small"].engine.replicator.sets.cuts()[1] == cut
    table.join("large", "small")
    table.pass_time(3_000)
    received = status(table, "small").counters.get("bodies_received", 0)
    assert received <= 20, f"asked for {received} again, after {before}"
    assert ids_of(table, "small") == small
    again = flood(Stranger(table, "small"), keys=range(90, 91), age=9_000)
    assert not again & ids_of(table, "small")
    assert status(table, "small").refused[TOO_OLD] == 20


def test_who_dates_a_flood_ahead_loses_it_first() -> None:
    table = Joined()
    table.sit("relay", known_ids_max=IDS_MAX, is_relay=True)
    stranger = Stranger(table, "relay")
    honest = flood(stranger, keys=range(1, 5), age=100)
    for key in range(10, 30):
        flood(stranger, keys=range(key, key + 1), age=-80_000)
    assert honest <= ids_of(table, "relay")
    assert len(ids_of(table, "relay")) <= IDS_MAX
    assert status(table, "relay").refused[TOO_FAR_AHEAD] > 0
    assert stranger.is_open


def test_a_message_between_friends_outlives_a_flood_of_keys_and_is_announced() -> None:
    table = Joined("ada", "cy")
    table.sit("relay", known_ids_max=IDS_MAX, is_relay=True)
    know(table, "relay", 1)
    stranger = Stranger(table, "relay")
    near = flood(stranger, keys=range(1, 2), age=9_000)
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=7_000 - 100 * start)
    late = Stranger(table, "relay", number=2)
    announced = [frame for frame in late.heard if isinstance(frame, IHave)]
    told = {id_ for frame in announced for id_, _ in split_entries(frame.entries)}
    assert near <= told
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("cy", "relay")
    table.ask("cy", SendMessage("ada", "Still here?"))
    table.join("ada", "relay")
    table.pass_time(30)
    assert texts(table, "ada") == ["Still here?"]


def test_whoever_vouches_for_keys_that_flood_fills_no_memory_with_their_stubs() -> None:
    table = Joined()
    table.sit("relay", known_ids_max=IDS_MAX, stored_bytes_max=100 * 1024, is_relay=True)
    day = NOW // 86_400
    keys = [decode_envelope(envelope(1, key=key)).header.posting_key for key in range(10, 60)]
    table.seats["relay"].engine.distances.set_vouched(
        ContactId(1), day, vouched=[vouch_hash(key, day) for key in keys], far=[]
    )
    stranger = Stranger(table, "relay")
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=7_000 - 100 * start)
        assert len(ids_of(table, "relay")) <= IDS_MAX
    # What stayed for its body below the cut loses it, and is known no more either.
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=1_500 - 10 * start)
        assert len(ids_of(table, "relay")) <= IDS_MAX
    told = status(table, "relay")
    assert told.counters["evicted"] > 100
    assert told.headers_bytes * 2 < told.stored_bytes_max, "most of the room is for bodies"


def test_what_was_cut_off_a_moment_ago_is_announced_to_a_new_link() -> None:
    table = Joined()
    table.sit("relay", known_ids_max=IDS_MAX, is_relay=True)
    know(table, "relay", 1, 2)
    stranger = Stranger(table, "relay")
    flood(stranger, keys=range(1, 2), age=9_000)
    for start in range(10, 60, 5):
        flood(stranger, keys=range(start, start + 5), age=7_000 - 100 * start)
    Stranger(table, "relay", number=2)
    near = flood(stranger, keys=range(2, 3), age=900)
    flood(stranger, keys=range(100, 120), age=200)
    late = Stranger(table, "relay", number=3)
    told = {
        id_
        for frame in late.heard
        if isinstance(frame, IHave)
        for id_, _ in split_entries(frame.entries)
    }
    assert near <= told
