"""Engines vouch to each other for posting keys: depths along a row, and what withdraws them."""

from itertools import pairwise

from mesh.commands.contacts import BlockContact, RemoveContact
from mesh.commands.messages import SendMessage
from mesh.commands.status import KnownKeysAnswer
from mesh.ids import PostingKey
from mesh.inputs import VaultClosing, VaultOpened
from mesh.limits.posting_keys import POSTING_KEYS_PER_DAY
from mesh.limits.trust import VOUCHES_BYTES_MIN, VOUCHES_DELAY_MS, VOUCHES_INTERVAL_MS
from mesh.trust.distance import Depth, vouch_hash
from mesh.wire.envelope import SECONDS_PER_DAY
from mesh.wire.frames import Vouches
from mesh.wire.posting_key_lists import VouchedDay, encode_vouches
from tests.engine.joined import START_US, Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status

TODAY = START_US // 1_000_000 // SECONDS_PER_DAY
ROW = ("ann", "bob", "cem", "dan", "eva")
_POSTED = "SELECT posting_key FROM envelopes"
AN_HOUR_LATER = (VOUCHES_INTERVAL_MS[1] + 20 * VOUCHES_DELAY_MS[1]) / 1000


def row() -> Joined:
    """Five people: each knows the next one, and their nodes are linked so."""
    table = Joined(*ROW, retire_delay_ms=(0, 0), relay_delay_ms_max=0)
    introduce(table, *ROW)
    for left, right in pairwise(ROW):
        table.join(left, right)
        befriend(table, left, right)
        # Keys go with messages; with the answer to a first contact there is no room for them.
        table.ask(left, SendMessage(right, "hello"))
        table.ask(right, SendMessage(left, "hello"))
    # Over a new link people are recognised at once.
    link_row(table)
    # Lists go soon, and again and again: what others told meanwhile is among them.
    table.pass_time(AN_HOUR_LATER)
    return table


def link_row(table: Joined) -> None:
    """Each node is linked to the next one, and to nobody else."""
    for left, right in pairwise(ROW):
        table.cut(left, right)
        table.join(left, right)


def keys_of(table: Joined, name: str, day: int = TODAY) -> list[PostingKey]:
    """All of somebody's keys for contacts on a day."""
    vault = table.seats[name].vault
    rows = vault.execute(
        "SELECT public FROM posting_keys WHERE audience = 0 AND day = ?", (day,)
    ).fetchall()
    keys = [PostingKey(public) for (public,) in rows if isinstance(public, bytes)]
    assert len(keys) == POSTING_KEYS_PER_DAY
    return keys


def depths(table: Joined, reader: str, day: int = TODAY) -> list[int]:
    """Return how near everybody of the row is to the reader."""
    distances = table.seats[reader].engine.distances
    found = [{int(distances.depth(key, day)) for key in keys_of(table, name, day)} for name in ROW]
    assert all(len(of_all_keys) == 1 for of_all_keys in found)
    return [min(of_all_keys) for of_all_keys in found]


def test_three_in_a_row_are_known_at_depth_one_two_and_three_and_nobody_further() -> None:
    table = row()
    for day in (TODAY, TODAY + 5):
        assert depths(table, "ann", day) == [0, 1, 2, 3, 4]
        assert depths(table, "bob", day) == [1, 0, 1, 2, 3]
        assert depths(table, "cem", day) == [2, 1, 0, 1, 2]
        assert depths(table, "eva", day) == [4, 3, 2, 1, 0]
    assert status(table, "ann").known_keys == KnownKeysAnswer(
        contacts=4, friends_of_contacts=4, further=4
    )


def test_what_is_known_survives_a_restart_without_a_word() -> None:
    table = row()
    for name in ROW:
        table.restart(name)
    table.run()
    assert depths(table, "ann") == [0, 1, 2, 3, 4]
    assert depths(table, "dan") == [3, 2, 1, 0, 1]


def test_days_go_by_and_the_days_to_come_are_known() -> None:
    table = row()
    for _ in range(2):
        table.pass_time(86_400)
        link_row(table)
        table.pass_time(AN_HOUR_LATER)
    today = TODAY + 2
    for day in (today, today + 6):
        assert depths(table, "ann", day) == [0, 1, 2, 3, 4]
    assert depths(table, "eva", today) == [4, 3, 2, 1, 0]
    assert (
        table.seats["ann"].engine.distances.depth(keys_of(table, "bob")[0], TODAY) is Depth.CONTACT
    )


def test_whoever_is_blocked_counts_no_more_at_once_and_soon_for_nobody_behind_us() -> None:
    table = row()
    table.ask("bob", BlockContact("cem", True))
    assert depths(table, "bob") == [1, 0, 4, 4, 4]
    tomorrow = TODAY + 1
    assert depths(table, "ann", tomorrow) == [0, 1, 2, 3, 4]
    # Links end at midnight, and begin anew.
    table.pass_time(AN_HOUR_LATER)
    link_row(table)
    table.pass_time(AN_HOUR_LATER)
    assert depths(table, "ann", tomorrow) == [0, 1, 4, 4, 4]
    # Cem does not know it, and what Bob told stays with Cem until it is over.
    assert depths(table, "cem", tomorrow) == [2, 1, 0, 1, 2]


def test_whoever_is_removed_counts_no_more_at_once_and_after_a_restart() -> None:
    table = row()
    table.ask("bob", RemoveContact("cem"))
    assert depths(table, "bob") == [1, 0, 4, 4, 4]
    table.restart("bob")
    table.run()
    assert depths(table, "bob") == [1, 0, 4, 4, 4]


def test_while_a_vault_is_locked_what_was_known_stays_known_and_nothing_is_told_or_heard() -> None:
    table = row()
    tomorrow = TODAY + 1
    seat = table.seats["bob"]
    seat.inbox.append(VaultClosing())
    table.ask("cem", BlockContact("dan", True))
    for _ in range(2):
        table.pass_time(AN_HOUR_LATER)
        link_row(table)
    assert depths(table, "bob", tomorrow) == [1, 0, 1, 2, 3]
    assert status(table, "bob").known_keys is not None
    # What was told meanwhile is told again.
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    table.pass_time(AN_HOUR_LATER)
    assert depths(table, "bob", tomorrow) == [1, 0, 1, 4, 4]


def test_a_node_that_was_started_locked_knows_nobody_and_says_so() -> None:
    table = row()
    seat = table.seats["bob"]
    table.restart("bob")
    seat.inbox.clear()
    table.run()
    assert depths(table, "bob") == [4, 4, 4, 4, 4]
    assert status(table, "bob").known_keys is None
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    assert depths(table, "bob") == [1, 0, 1, 2, 3]
    assert status(table, "bob").known_keys is not None


def test_nothing_of_it_stands_in_the_database_of_the_store() -> None:
    table = row()
    table.ask("dan", SendMessage("cem", "so that a key of Dan's is posted"))
    for name in ROW:
        seat = table.seats[name]
        tables = seat.store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        held = [
            value
            for (of,) in tables.fetchall()
            if of != "envelopes"
            for columns in seat.store.execute(f"SELECT * FROM {of}").fetchall()
            for value in columns
            if isinstance(value, bytes)
        ]
        posted = [
            one for (one,) in seat.store.execute(_POSTED).fetchall() if isinstance(one, bytes)
        ]
        for other in ROW:
            key = keys_of(table, other, TODAY + 5)[0]
            hashed = vouch_hash(key, TODAY + 5).to_bytes(8)
            assert not any(bytes(key) in value or hashed in value for value in held)
            assert not any(key == value for value in posted)


def test_a_stranger_who_vouches_is_passed_over_and_keeps_the_link() -> None:
    table = row()
    stranger = Stranger(table, "bob")
    before = depths(table, "bob")
    day = VouchedDay(TODAY, tuple(range(64)), tuple(range(1_000)))
    stranger.send(Vouches(encode_vouches([day])), Vouches(b"no lists"))
    assert stranger.is_open
    table.pass_time(AN_HOUR_LATER)
    assert depths(table, "bob") == before
    answer = status(table, "bob")
    assert answer.known_keys == KnownKeysAnswer(contacts=8, friends_of_contacts=4, further=4)
    assert not any(any(frame.lists) for frame in stranger.heard if isinstance(frame, Vouches))


def test_keys_for_what_is_public_are_strangers_to_everybody() -> None:
    table = row()
    public = (
        table.seats["bob"]
        .vault.execute("SELECT day, public FROM posting_keys WHERE audience = 1")
        .fetchall()
    )
    assert public
    for day, key in public:
        assert isinstance(day, int)
        assert isinstance(key, bytes)
        for name in ROW:
            depth = table.seats[name].engine.distances.depth(PostingKey(key), day)
            assert depth is (Depth.OWN if name == "bob" else Depth.STRANGER)


def test_a_stranger_hears_as_much_as_a_contact_and_nothing_in_it() -> None:
    table = row()
    stranger = Stranger(table, "bob")
    for _ in range(12):
        table.pass_time(10)
        stranger.keep_alive()
    (told,) = [frame.lists for frame in stranger.heard if isinstance(frame, Vouches)]
    assert told == bytes(VOUCHES_BYTES_MIN)
