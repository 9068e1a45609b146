"""The mail that a node keeps, and for whom, where there is not room for all."""

import pytest

from mesh.commands.messages import SendMessage
from mesh.errors import UserError
from mesh.ids import ContactId, PostingKey
from mesh.inputs import (
    DiskMeasured,
    NetworksSeen,
    OwnAddress,
    PowerChanged,
    VaultClosing,
    VaultOpened,
)
from mesh.limits.replication import SPARED_BYTES_PER_LINK
from mesh.limits.retention import BODY_BYTES_PER_ENVELOPE_CROWDED
from mesh.limits.timekeeping import STEADY_MS
from mesh.replication.outgoing import NOHAVE_SPARING
from mesh.trust.distance import Depth, vouch_hash
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES, decode_envelope
from mesh.wire.frames import IHave, IWant, NoHave, Push, split_entries
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts
from tests.engine.test_hostile import NOW, envelope

KIB = 1024
ENOUGH = "its author has enough here for a day"


def know(table: Joined, name: str, *keys: int) -> None:
    """Let a node know posting keys as those of a contact."""
    day = NOW // 86_400
    posting_keys = [decode_envelope(envelope(1, key=key)).header.posting_key for key in keys]
    hashes = [vouch_hash(key, day) for key in posting_keys]
    table.seats[name].engine._distances.set_contact_keys(ContactId(1), day, hashes)


def carried(table: Joined, name: str) -> dict[str, int]:
    """Return how many bodies a node carries, by whom they are for."""
    return {one.whom: one.envelopes_count for one in status(table, name).carried}


def bodies_of(table: Joined, name: str) -> dict[PostingKey, int]:
    """Return how many bodies of each posting key a node has on disk."""
    store = table.seats[name].engine._forwarder.store
    ids = [row.id for row in store.index_rows() if row.has_body]
    found = [decode_envelope(data) for data in store.envelopes_bytes(ids).values()]
    keys = [one.header.posting_key for one in found]
    return {key: keys.count(key) for key in sorted(keys)}


def test_a_flood_of_a_stranger_pushes_itself_out_and_mail_of_contacts_stays() -> None:
    table = Joined("box")
    table.sit("relay", stored_bytes_max=256 * KIB, is_relay=True)
    know(table, "relay", 1)
    friend, honest, flooding = (Stranger(table, "relay", number=number) for number in (1, 2, 3))
    friend.send(*(Push(envelope(number, key=1)) for number in range(40)))
    honest.send(*(Push(envelope(number, key=2)) for number in range(20)))
    for key in range(10, 20):
        flooding.send(*(Push(envelope(number, key=key)) for number in range(60)))
    told = status(table, "relay")
    assert told.counters["evicted"] > 400
    assert told.stored_bytes <= 256 * KIB
    kept = bodies_of(table, "relay")
    of = {key: decode_envelope(envelope(1, key=key)).header.posting_key for key in range(1, 20)}
    assert (kept[of[1]], kept[of[2]]) == (40, 20)
    assert all(kept.get(of[key], 0) < 60 for key in range(10, 20))
    assert carried(table, "relay")["contacts"] == 40
    assert all(one.is_open for one in (friend, honest, flooding)), "quotas are no fault"


def test_a_message_between_friends_arrives_through_a_relay_that_is_flooded() -> None:
    table = Joined("ada", "cy")
    table.sit("relay", stored_bytes_max=512 * KIB, is_relay=True)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    flooding = Stranger(table, "relay", number=9)
    for key in range(10, 20):
        flooding.send(*(Push(envelope(number, key=key)) for number in range(60)))
    table.join("cy", "relay")
    table.ask("cy", SendMessage("ada", "Through the flood."))
    for key in range(20, 30):
        flooding.send(*(Push(envelope(number, key=key)) for number in range(60)))
    table.cut("cy", "relay")
    table.join("ada", "relay")
    table.pass_time(10)
    assert texts(table, "ada") == ["Through the flood."]


def test_a_stranger_keeps_only_so_many_bytes_a_day_where_room_is_scarce() -> None:
    table = Joined()
    table.sit("relay", stored_bytes_max=8 * 1024 * KIB, is_relay=True)
    stranger = Stranger(table, "relay")
    largest = SIZE_BYTES[3]
    for key in range(1, 9):
        stranger.send(*(Push(envelope(one, key=key, size_class=3)) for one in range(14)))
    told = status(table, "relay")
    assert ENOUGH not in told.refused
    assert told.stored_bytes > 8 * 1024 * KIB * 7 // 10
    fitting = 512 * BODY_BYTES_PER_ENVELOPE_CROWDED // (largest - STUB_BYTES)
    stranger.send(*(Push(envelope(one, key=20, size_class=3)) for one in range(fitting + 3)))
    told = status(table, "relay")
    assert told.refused[ENOUGH] == 3
    assert told.envelopes_count == 8 * 14 + fitting + 3, "stubs enter all the same"
    # Nobody is asked again for a body that was not wanted.
    table.pass_time(5)
    assert status(table, "relay").counters["bodies_received"] == 8 * 14 + fitting + 3
    assert stranger.is_open


def test_a_body_that_was_not_kept_is_not_announced() -> None:
    table = Joined()
    table.sit("relay", stored_bytes_max=1024 * KIB, carried_days=1, is_relay=True)
    table.pass_time(STEADY_MS / 1_000)
    flooding, other = Stranger(table, "relay", number=1), Stranger(table, "relay", number=2)
    old = NOW - 2 * 86_400
    flooding.send(Push(envelope(1, created=old, lifetime_class=1)))
    new = envelope(2, created=NOW + STEADY_MS // 1_000)
    flooding.send(Push(new))
    assert status(table, "relay").refused == {"older than this node carries": 1}
    pushed = [frame for frame in other.heard if isinstance(frame, Push)]
    assert [frame.envelope for frame in pushed] == [new]
    assert not any(isinstance(frame, IHave) for frame in other.heard)


def test_what_is_older_than_a_node_carries_loses_its_body() -> None:
    table = Joined()
    table.sit("relay", stored_bytes_max=1024 * KIB, carried_days=1, is_relay=True)
    stranger = Stranger(table, "relay")
    stranger.send(*(Push(envelope(number, lifetime_class=1)) for number in range(4)))
    table.pass_time(86_000)
    assert carried(table, "relay")["strangers"] == 4
    table.pass_time(1_000)
    told = status(table, "relay")
    assert (carried(table, "relay")["strangers"], told.envelopes_count) == (0, 4)
    assert told.counters["evicted"] == 4


def test_sending_is_refused_in_words_while_own_mail_takes_its_share() -> None:
    table = Joined("ada")
    table.sit("cy", stored_bytes_max=256 * KIB)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    written = 0
    while not status(table, "cy").carried[0].bytes >= status(table, "cy").carried[0].share_bytes:
        table.ask("cy", SendMessage("ada", f"Message {written}"))
        written += 1
    with pytest.raises(UserError, match="takes all the room that it may") as refusal:
        table.ask("cy", SendMessage("ada", "One more"))
    assert refusal.value.kind == "no-room"
    table.join("ada", "cy")
    table.pass_time(1_200)
    assert len(texts(table, "ada")) == written > 3
    table.ask("cy", SendMessage("ada", "Now there is room."))
    assert texts(table, "ada")[-1] == "Now there is room."


def test_mail_that_waits_for_an_unlock_counts_by_its_author() -> None:
    table = Joined("ada", "cy")
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello"))
    table.seats["ada"].inbox.append(VaultClosing())
    table.run()
    before = carried(table, "ada")
    table.ask("cy", SendMessage("ada", "While you were away."))
    now = carried(table, "ada")
    assert now["own"] == before["own"]
    assert sum(now.values()) == sum(before.values()) + 1


def test_copies_of_a_tag_do_not_fill_the_disk_of_a_locked_node() -> None:
    table = Joined("ada")
    table.sit("box", stored_bytes_max=256 * KIB)
    introduce(table, "ada", "box")
    befriend(table, "ada", "box")
    table.join("ada", "box")
    table.seats["box"].inbox.append(VaultClosing())
    table.run()
    table.ask("ada", SendMessage("box", "While you were away."))
    store = table.seats["box"].engine._forwarder.store
    newest = decode_envelope(store.scans.arrivals_after(store.last_arrival() - 1, 1)[0][1])
    stranger = Stranger(table, "box")
    for key in range(1, 11):
        copies = (envelope(number, key=key, tag=newest.header.tag) for number in range(60))
        stranger.send(*map(Push, copies))
    table.pass_time(100)
    assert status(table, "box").stored_bytes <= 256 * KIB
    table.seats["box"].inbox.append(VaultOpened(table.seats["box"].vault))
    table.run()
    assert texts(table, "box") == ["While you were away."]


def test_who_is_told_to_be_near_is_carried_as_such_within_a_minute() -> None:
    table = Joined()
    table.sit("relay", is_relay=True)
    stranger = Stranger(table, "relay")
    stranger.send(*(Push(envelope(number, key=7)) for number in range(3)))
    assert carried(table, "relay") == {
        "own": 0,
        "contacts": 0,
        "friends of contacts": 0,
        "strangers": 3,
    }
    know(table, "relay", 7)
    table.pass_time(61)
    assert carried(table, "relay")["contacts"] == 3
    posting_key = decode_envelope(envelope(1, key=7)).header.posting_key
    place = table.seats["relay"].engine._forwarder.buffer.eviction.place_of(
        decode_envelope(envelope(1, key=7)).id
    )
    assert place == (Depth.CONTACT, "10.0.9.1", posting_key)


WWAN = OwnAddress(interface="wwan0", index=3, host="10.0.0.99", prefix_bits=24)


def relayed(table: Joined, name: str, *, local_host: str = "") -> Stranger:
    """A peer that hears what a node gives it."""
    return Stranger(table, name, number=50, local_host=local_host)


def told_ids(stranger: Stranger) -> set[bytes]:
    """The ids of all bodies that a peer was given."""
    pushed = [frame.envelope for frame in stranger.heard if isinstance(frame, Push)]
    return {decode_envelope(data).id for data in pushed}


def refused_ids(stranger: Stranger) -> list[tuple[bytes, int]]:
    """Return what it was told that it would not get, and why."""
    refusals = [frame for frame in stranger.heard if isinstance(frame, NoHave)]
    return [entry for frame in refusals for entry in split_entries(frame.entries)]


def test_over_a_metered_network_little_backlog_leaves_whoever_wrote_it() -> None:
    table = Joined()
    table.sit("relay", is_relay=True, metered_interfaces=("wwan0",))
    table.seats["relay"].inbox.append(NetworksSeen((WWAN,)))
    know(table, "relay", 1)
    bringing = Stranger(table, "relay", number=1)
    # The last ones are a contact's.
    brought = [envelope(one, key=1 + (one < 18), size_class=3) for one in range(20)]
    bringing.send(*map(Push, brought))
    asking = relayed(table, "relay", local_host="10.0.0.99")
    ids = [decode_envelope(data).id for data in brought]
    asking.send(IWant(ids=b"".join(ids)))
    given = SPARED_BYTES_PER_LINK // SIZE_BYTES[3]
    assert told_ids(asking) == set(ids[:given])
    assert refused_ids(asking) == [(id_, NOHAVE_SPARING) for id_ in ids[given:]]
    new = envelope(30, key=2)
    bringing.send(Push(new))
    assert told_ids(asking) == {*ids[:given], decode_envelope(new).id}, "new mail goes there too"
    assert any("metered network" in sentence for sentence in status(table, "relay").limits)
    assert bringing.is_open


def test_with_a_low_battery_short_new_mail_leaves_and_the_rest_later() -> None:
    table = Joined()
    table.sit("relay", is_relay=True)
    know(table, "relay", 1)
    bringing, hearing = Stranger(table, "relay", number=1), relayed(table, "relay")
    table.seats["relay"].inbox.append(PowerChanged(is_low=True))
    short = [envelope(one, key=1 + one % 2) for one in range(2)]
    long = [envelope(one, key=1 + one % 2, size_class=3) for one in range(20)]
    bringing.send(*map(Push, long), *map(Push, short))
    given = SPARED_BYTES_PER_LINK // SIZE_BYTES[3]
    short_ids, long_ids = ([decode_envelope(one).id for one in kind] for kind in (short, long))
    assert told_ids(hearing) == {*long_ids[:given], *short_ids}
    hearing.send(IWant(ids=long_ids[-1]))
    assert long_ids[-1] not in told_ids(hearing)
    assert any("battery" in sentence for sentence in status(table, "relay").limits)
    table.seats["relay"].inbox.append(PowerChanged(is_low=False))
    table.run()
    assert status(table, "relay").limits == []
    hearing.send(IWant(ids=long_ids[-1]))
    assert long_ids[-1] in told_ids(hearing)


def test_after_a_low_battery_a_peer_gets_what_it_was_spared() -> None:
    table = Joined()
    for name in ("left", "middle", "right"):
        table.sit(name, is_relay=True)
    table.join("left", "middle")
    table.join("middle", "right")
    table.seats["middle"].inbox.append(PowerChanged(is_low=True))
    stranger = Stranger(table, "left")
    stranger.send(*(Push(envelope(number, size_class=3)) for number in range(20)))
    table.pass_time(120)
    assert status(table, "middle").envelopes_count == 20
    assert status(table, "right").envelopes_count == SPARED_BYTES_PER_LINK // SIZE_BYTES[3]
    table.seats["middle"].inbox.append(PowerChanged(is_low=False))
    table.pass_time(60)
    assert carried(table, "right")["strangers"] == 20


def test_the_store_takes_a_tenth_of_the_free_disk_at_most() -> None:
    table = Joined()
    table.sit("relay", is_relay=True, stored_bytes_max=8 * 1024 * KIB)
    stranger = Stranger(table, "relay")
    stranger.send(
        *(Push(envelope(number, key=number % 5 + 1, size_class=2)) for number in range(400))
    )
    stored = status(table, "relay").stored_bytes
    table.seats["relay"].inbox.append(DiskMeasured(free_bytes=50_000 * KIB))
    table.run()
    told = status(table, "relay")
    assert told.stored_bytes_max == (50_000 * KIB + stored) // 10
    assert told.stored_bytes <= told.stored_bytes_max
    assert any("disk is nearly full" in sentence for sentence in told.limits)
    table.seats["relay"].inbox.append(DiskMeasured(free_bytes=1 << 40))
    table.run()
    told = status(table, "relay")
    assert (told.stored_bytes_max, told.limits) == (8 * 1024 * KIB, [])


def test_mail_of_a_contact_to_somebody_else_is_kept_as_a_contacts() -> None:
    table = Joined("ada", "cy", "dan")
    introduce(table, "ada", "cy", "dan")
    befriend(table, "ada", "cy")
    befriend(table, "dan", "cy")
    table.join("ada", "cy")
    table.ask("cy", SendMessage("ada", "Hello"))
    table.ask("ada", SendMessage("cy", "Hello yourself"))
    table.ask("cy", SendMessage("ada", "My keys are in here"))
    table.pass_time(120)
    forwarder = table.seats["ada"].engine._forwarder
    mark = forwarder.buffer.last_arrival
    table.ask("cy", SendMessage("dan", "Who carries this?"))
    table.pass_time(5)
    arrived = [
        decode_envelope(data).id for _, data in forwarder.store.scans.arrivals_after(mark, 9)
    ]
    depths = [place[0] for id_ in arrived if (place := forwarder.buffer.eviction.place_of(id_))]
    assert depths == [Depth.CONTACT]
