"""Frames that bring nothing new cost no signature and no look into the store."""

from collections.abc import Iterable, Sequence

from mesh.crypto.signing import is_signature_valid
from mesh.database import Connection, Cursor
from mesh.limits.replication import IDS_PER_FRAME_MAX
from mesh.limits.retirements import RETIREMENTS_GATHERED_MS
from mesh.posting.admission import Admission
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import FLAG_BACKLOG, IHave, Push, Retired, StemRetired, Stubs, join_entries
from mesh.wire.retirement import Retirement, join_retirements
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import status
from tests.engine.test_hostile import HOSTILE_MESH, QUOTA, envelope

STUBS_COUNT = 256
REPEATS = 10


class Counting:
    """Checks signatures, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, key: bytes, signed: bytes, signature: bytes, /) -> bool:
        self.count += 1
        return is_signature_valid(key, signed, signature)


class Watched:
    """A database whose statements are noted."""

    def __init__(self, database: Connection) -> None:
        self.statements: list[str] = []
        self._database = database

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Note a statement, and execute it."""
        self.statements.append(sql)
        return self._database.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        """Note a statement, and execute it for each row."""
        self.statements.append(sql)
        return self._database.executemany(sql, rows)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def refusing() -> tuple[Joined, Stranger, Counting, list[Envelope]]:
    """A relay at which a key has filled its quota, and what it refuses of that key."""
    verify = Counting()
    table = Joined(parameters=HOSTILE_MESH, verify=verify)
    table.sit("relay", is_relay=True)
    stranger = Stranger(table, "relay")
    made = [decode_envelope(envelope(number)) for number in range(QUOTA + STUBS_COUNT)]
    made.sort(key=lambda one: one.id)
    stranger.send(*(Push(one.data) for one in made[:QUOTA]))
    assert status(table, "relay").envelopes_count == QUOTA
    verify.count = 0
    return table, stranger, verify, made[QUOTA:]


def stubs(made: Sequence[Envelope]) -> Stubs:
    return Stubs([(one.stub, b"") for one in made])


def announced(made: Sequence[Envelope]) -> IHave:
    return IHave(join_entries([(one.id, 0) for one in made]), FLAG_BACKLOG)


def test_stubs_that_nobody_asked_for_cost_no_signature() -> None:
    table, stranger, verify, refused = refusing()
    stranger.send(stubs(refused))
    assert verify.count == 0
    assert stranger.is_open
    counters = status(table, "relay").counters
    assert counters["stubs_unasked"] == counters["stubs_received"] == STUBS_COUNT


def test_what_is_refused_again_and_again_costs_one_signature_each() -> None:
    table, stranger, verify, refused = refusing()
    stranger.send(announced(refused))
    stranger.send(*[stubs(refused)] * REPEATS)
    assert verify.count == STUBS_COUNT
    stranger.send(*(Push(one.data) for one in refused))
    assert verify.count == STUBS_COUNT
    assert stranger.is_open
    assert status(table, "relay").envelopes_count == QUOTA


def test_a_refused_one_enters_when_its_quota_has_room_again() -> None:
    """Only its signature is taken as read."""
    table, stranger, _, refused = refusing()
    stranger.send(Push(refused[0].data))
    relay = table.seats["relay"].engine._forwarder
    admission: Admission = relay.intake._admission
    assert relay.store.envelopes_count == QUOTA
    (key,) = admission._ids
    admission.forget(key, admission._ids[key][0])
    stranger.send(Push(refused[0].data))
    assert refused[0].id in relay.replicator.sets
    assert refused[0].id not in admission._signed


def test_retirements_that_are_known_are_told_again_without_a_look_at_their_envelopes() -> None:
    table = Joined(parameters=HOSTILE_MESH, relay_delay_ms_max=0)
    seat = table.sit("relay", is_relay=True)
    watched = Watched(seat.store)
    seat.store = watched
    table.restart("relay")
    stranger = Stranger(table, "relay")
    made = [decode_envelope(envelope(number)) for number in range(QUOTA)]
    stranger.send(*(Push(one.data) for one in made))
    told = join_retirements(
        [Retirement(one.id, number.to_bytes(16, "big")) for number, one in enumerate(made)]
    )
    assert len(made) <= IDS_PER_FRAME_MAX
    stranger.send(Retired(told))
    assert [one for one in watched.statements if "SELECT id, stub" in one]
    table.pass_time(RETIREMENTS_GATHERED_MS / 1_000)
    stranger.flush()
    assert len(seat.engine._forwarder.retirements) == QUOTA
    watched.statements.clear()
    stranger.send(*[Retired(told)] * REPEATS, StemRetired(told))
    assert not [one for one in watched.statements if "SELECT id, stub" in one]
    assert stranger.is_open
