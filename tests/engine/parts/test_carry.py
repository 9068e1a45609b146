"""Mail that goes by hand: files between nodes that never meet, through admission like any other."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest
from sqlcipher3 import dbapi2

from mesh.commands.carry import ImportCarried, ImportedAnswer
from mesh.commands.messages import AskMessages, MessagesAnswer, SendMessage
from mesh.crypto.signing import verify_key_of
from mesh.database import Connection
from mesh.errors import UserError
from mesh.ids import PostingKey, RequestId, Tag, UnixSeconds
from mesh.inputs import CarryAsked, VaultClosing, VaultOpened
from mesh.limits.admission import STAMP_CHECKS_PER_SECOND
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX, CARRY_CHUNKS_PENDING_MAX, CARRY_ROWS_PER_CHUNK
from mesh.posting.stamp import NO_STAMP, mint
from mesh.storage.connection import SqlcipherConnection
from mesh.wire.carry_file import (
    RECORD_HEAD_BYTES,
    FileKind,
    Record,
    RecordKind,
    join_records,
    split_records,
)
from mesh.wire.carry_reader import CarryReader
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES, Envelope, Header, body_bytes, sign_envelope
from mesh.wire.frames import FLAG_BACKLOG, IHave, Push, Stubs, join_entries
from mesh.wire.parameters import MeshParameters
from tests.engine.by_hand import exported, imported, summed_up
from tests.engine.joined import START_US, Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts

NOW = START_US // 1_000_000 // 10 * 10
AUTHORS = range(1, 13)
STAMPED = MeshParameters(name="stamped", stamp_bits=2, key_quota=4, psk=bytes(32))


@cache
def stamp_of(author: int) -> bytes:
    """The stamp of an author for today; it takes a second."""
    key = PostingKey(verify_key_of(author.to_bytes(32, "big")))
    return mint(key, NOW // 86_400, STAMPED.stamp_bits, bytes(8))


def envelope(
    number: int,
    *,
    author: int = 1,
    size_class: int = 0,
    created: int = NOW,
    lifetime_class: int = 1,
    stamp: bytes | None = None,
    bits: int = 0,
) -> Envelope:
    """An envelope of a stranger; with bits its key has a stamp."""
    seed = author.to_bytes(32, "big")
    key = PostingKey(verify_key_of(seed))
    if stamp is None:
        stamp = stamp_of(author) if bits else NO_STAMP
    token = hashlib.blake2b(number.to_bytes(16, "big"), digest_size=16).digest()
    header = Header(
        size_class=size_class,
        lifetime_class=lifetime_class,
        created=UnixSeconds(created),
        tag=Tag(hashlib.sha256(number.to_bytes(8, "big")).digest()[:16]),
        read_hash=token,
        withdraw_hash=bytes(16),
        posting_key=key,
        stamp=stamp,
    )
    return sign_envelope(header, bytes(body_bytes(size_class)), seed)


def read_token(number: int) -> bytes:
    return number.to_bytes(16, "big")


def block(*envelopes: Envelope) -> ImportCarried:
    return ImportCarried(join_records(Record(RecordKind.ENVELOPE, one.data) for one in envelopes))


def stub_record(number: int, *tokens: bytes) -> Record:
    return Record(RecordKind.RETIRED_STUB, envelope(number).stub + b"".join(tokens))


def bring(table: Joined, name: str, command: ImportCarried) -> ImportedAnswer:
    answer = table.carry(name, command)
    assert isinstance(answer, ImportedAnswer)
    return answer


def bring_records(table: Joined, name: str, *records: Record) -> ImportedAnswer:
    return bring(table, name, ImportCarried(join_records(records)))


def held(data: bytes, table: Joined) -> list[bytes]:
    """The records of a file, without their kinds."""
    reader = CarryReader(table.parameters.mesh_id, FileKind.MAIL)
    blocks = reader.feed(data)
    reader.finish()
    assert reader.is_complete
    found = [record.content for block in blocks for record in split_records(block.payload)]
    assert reader.end is not None
    assert reader.end.envelopes_count + reader.end.stubs_count == len(found)
    return found


@dataclass
class Steps:
    """The number of steps that a database's machine took."""

    count: int = 0

    def more(self) -> int:
        self.count += 1
        return 0


@contextmanager
def steps_counted(connection: Connection) -> Iterator[Steps]:
    assert isinstance(connection, SqlcipherConnection)
    raw, steps = connection._raw, Steps()
    assert isinstance(raw, dbapi2.Connection)
    raw.set_progress_handler(steps.more, 10)
    try:
        yield steps
    finally:
        raw.set_progress_handler(None, 10)


def apart() -> Joined:
    """Ada and Cy, who know each other's link and never meet, and a relay that walks."""
    table = Joined("ada", "cy", retire_delay_ms=(0, 0), relay_delay_ms_max=0)
    table.sit("relay", is_relay=True)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    return table


def walk(table: Joined, *names: str) -> None:
    """Carry what each has to the next one."""
    for giver, taker in pairwise(names):
        table.run()
        assert imported(table, taker, exported(table, giver)).refused == {}
        table.pass_time(1)


def state_of(table: Joined, name: str, text: str) -> str:
    answer = table.ask(name, AskMessages(limit=100))
    assert isinstance(answer, MessagesAnswer)
    (found,) = [one.state for one in answer.messages if one.text == text]
    return found


def test_two_who_never_meet_write_to_each_other_by_way_of_a_relay() -> None:
    table = apart()
    table.ask("cy", SendMessage("ada", "Over the hill?"))
    walk(table, "cy", "relay", "ada")
    assert texts(table, "ada") == ["Over the hill?"]
    table.ask("ada", SendMessage("cy", "With the dog."))
    walk(table, "ada", "relay", "cy")
    assert texts(table, "cy") == ["Over the hill?", "With the dog."]
    assert state_of(table, "cy", "Over the hill?") == "delivered", "its token came along"
    walk(table, "cy", "relay", "ada")
    assert state_of(table, "ada", "With the dog.") == "delivered"
    assert all(not seat.streams for seat in table.seats.values())


def test_a_relay_answers_for_itself_and_says_that_nobody_lives_there() -> None:
    table = apart()
    relay = status(table, "relay")
    assert (relay.vault, relay.name, relay.locked_since) == ("none", "", 0)
    with pytest.raises(UserError) as caught:
        table.ask("relay", SendMessage("ada", "?"))
    assert caught.value.kind == "relay"
    table.restart("relay")
    table.run()
    assert status(table, "relay").vault == "none"


def test_mail_that_a_file_brings_while_locked_is_opened_at_unlock() -> None:
    table = apart()
    seat = table.seats["ada"]
    seat.inbox.append(VaultClosing())
    table.ask("cy", SendMessage("ada", "Wake up"))
    walk(table, "cy", "ada")
    seat.inbox.append(VaultOpened(seat.vault))
    table.run()
    assert texts(table, "ada") == ["Wake up"]


def test_a_file_that_is_imported_again_costs_look_ups_only() -> None:
    table = Joined("ada", "ben")
    many = [envelope(number) for number in range(300)]
    for start in range(0, 300, 100):
        assert bring(table, "ada", block(*many[start : start + 100])).envelopes_count == 100
    data = exported(table, "ada")
    first = imported(table, "ben", data[: len(data) // 2])
    assert 0 < first.envelopes_count < 300
    assert not first.is_complete
    second = imported(table, "ben", data)
    assert second.envelopes_count == 300 - first.envelopes_count
    assert second.known_count == first.envelopes_count
    table.restart("ben")
    assert imported(table, "ben", data).known_count == 300


def test_two_who_carry_the_same_write_the_same_whoever_wrote_it() -> None:
    """Nothing in a file says what was written here, for whom, or in which order it came."""
    table = apart()
    table.ask("cy", SendMessage("ada", "one"))
    table.ask("cy", SendMessage("ada", "two"))
    table.run()
    table.join("cy", "relay")
    table.pass_time(30)
    assert status(table, "cy").envelopes_count == status(table, "relay").envelopes_count > 0
    assert exported(table, "cy") == exported(table, "relay")


def test_an_export_within_a_bound_has_the_newest() -> None:
    table = Joined("ada")
    sizes = [0, 1, 2, 3, 0, 1, 2, 3, 2, 2, 2, 2]
    some = [envelope(n, size_class=size, created=NOW - 10 * n) for n, size in enumerate(sizes)]
    for one in (some[3], some[0], *some[4:], some[1], some[2]):
        bring(table, "ada", block(one))
    whole = exported(table, "ada")
    assert held(whole, table) == [one.data for one in some]
    for bytes_max in range(100, len(whole) + 1_000, 3_777):
        data = exported(table, "ada", bytes_max=bytes_max)
        assert len(data) <= max(bytes_max, len(exported(table, "ada", bytes_max=0)))
        found = held(data, table)
        assert found == [one.data for one in some[: len(found)]]
        if len(found) < len(some):
            assert len(data) + len(some[len(found)].data) + 5 + 33 > bytes_max


def test_an_export_walks_through_more_than_one_chunk_and_passes_over_what_expired() -> None:
    table = Joined("ada")
    count = CARRY_ROWS_PER_CHUNK + 50
    old = [envelope(n, created=NOW - 86_400 + 20, lifetime_class=0) for n in range(50)]
    new = [envelope(n) for n in range(50, count)]
    for start in range(0, count, 100):
        bring(table, "ada", block(*[*old, *new][start : start + 100]))
    assert len(held(exported(table, "ada"), table)) == count
    table.pass_time(30)
    assert sorted(held(exported(table, "ada"), table)) == sorted(one.data for one in new)


def test_an_export_of_ten_blocks_costs_the_store_no_more_than_ten_times_one() -> None:
    """Each envelope is looked at about once, however many stand behind it."""
    table = Joined("ada")
    per_block = CARRY_BLOCK_BYTES_MAX // (SIZE_BYTES[0] + RECORD_HEAD_BYTES)
    costs = []
    for start in range(0, 10 * per_block, per_block):
        bring(table, "ada", block(*[envelope(n) for n in range(start, start + per_block)]))
        if start in (0, 9 * per_block):
            with steps_counted(table.seats["ada"].store) as counted:
                assert len(held(exported(table, "ada"), table)) == start + per_block
            costs.append(counted.count)
    assert costs[1] < 12 * costs[0]


def test_a_summary_leaves_out_what_the_other_has() -> None:
    table = Joined("ada", "ben", relay_delay_ms_max=0)
    mine, ours = [envelope(n) for n in range(50)], [envelope(n) for n in range(50, 100)]
    bring(table, "ada", block(*mine, *ours))
    bring(table, "ben", block(*ours, envelope(200)))
    data = exported(table, "ada", summary=summed_up(table, "ben"))
    assert sorted(held(data, table)) == sorted(one.data for one in mine)
    assert imported(table, "ben", data).envelopes_count == 50
    assert held(exported(table, "ada", summary=summed_up(table, "ben")), table) == []
    # A retirement is a thing of its own: ben has the envelope, and does not know that it is over.
    bring_records(table, "ada", stub_record(7, read_token(7)))
    table.pass_time(1)
    data = exported(table, "ada", summary=summed_up(table, "ben"))
    assert held(data, table) == [envelope(7).stub + read_token(7)]
    assert imported(table, "ben", data).retirements_count == 1
    table.pass_time(1)
    assert held(exported(table, "ada", summary=summed_up(table, "ben")), table) == []
    assert held(exported(table, "ben", summary=summed_up(table, "ada")), table) == [
        envelope(200).data
    ]


def test_a_retirement_takes_the_body_and_a_stub_alone_is_not_given() -> None:
    table = Joined("ada", "ben", relay_delay_ms_max=0)
    bring(table, "ada", block(envelope(1)))
    assert bring_records(table, "ada", stub_record(1, read_token(1))).retirements_count == 1
    assert bring_records(table, "ben", stub_record(1, read_token(1))).retirements_count == 1
    table.pass_time(1)
    for name in ("ada", "ben"):
        found = held(exported(table, name), table)
        assert found == [envelope(1).stub + read_token(1)]
        again = bring_records(table, name, stub_record(1, read_token(1)))
        assert (again.known_count, again.retirements_count) == (1, 0)
        assert bring(table, name, block(envelope(1))).known_count == 1
    stranger = Stranger(table, "ben")
    stranger.send(Push(envelope(2).data))
    table.pass_time(1)
    assert len(held(exported(table, "ben"), table)) == 2


@pytest.mark.parametrize(
    "record, reason",
    [
        (Record(RecordKind.ENVELOPE, envelope(1).data[:-1] + b"x"), "bad signature"),
        (Record(RecordKind.ENVELOPE, envelope(1, created=NOW - 8 * 86_400).data), "lapsed"),
        (
            Record(RecordKind.ENVELOPE, envelope(1, created=NOW + 2 * 86_400).data),
            "created too far ahead",
        ),
        (Record(RecordKind.ENVELOPE, envelope(1, stamp=b"x" * 12).data), "bad stamp"),
        (Record(RecordKind.ENVELOPE, b"\x00" + envelope(1).data[1:]), "envelope of no version"),
        (Record(RecordKind.ENVELOPE, b"\x02" + envelope(1).data[1:]), "bad signature"),
        (
            Record(RecordKind.ENVELOPE, envelope(1).data[:500]),
            "envelope does not fill its size class",
        ),
        (Record(RecordKind.ENVELOPE, b""), "envelope too short"),
        (Record(77, b"?"), "unknown kind of record"),
        (stub_record(1), "retired without a token"),
        (stub_record(1, bytes(16)), "forged retirement"),
        (stub_record(1, read_token(1), read_token(2)), "forged retirement"),
        (stub_record(1, read_token(1), b"x"), "cut token"),
        (Record(RecordKind.RETIRED_STUB, bytes((1,)) * (STUB_BYTES - 1)), "stub of a wrong length"),
    ],
)
def test_what_may_not_enter_is_counted_and_costs_nothing_else(record: Record, reason: str) -> None:
    table = Joined("ada", "ben")
    table.join("ada", "ben")
    good = Record(RecordKind.ENVELOPE, envelope(5).data)
    answer = bring_records(table, "ada", good, record, good)
    assert answer.refused == {reason: 1}
    assert (answer.envelopes_count, answer.known_count) == (1, 1)
    assert status(table, "ada").links_count == 1
    assert status(table, "ada").envelopes_count == 1


def test_a_block_of_noise_is_refused_in_one_word() -> None:
    table = Joined("ada")
    assert bring(table, "ada", ImportCarried(b"\x01\xff\xff\xff\xff")).refused == {"cut record": 1}


def test_the_quota_of_a_key_holds_for_files_too() -> None:
    table = Joined("ada", "ben", parameters=MeshParameters(name="q", stamp_bits=0, key_quota=4))
    some = sorted((envelope(number) for number in range(9)), key=lambda one: one.id)
    answer = bring(table, "ada", block(*some))
    assert answer.refused == {"over the quota of its stamp": 5}
    bring(table, "ben", block(*some[::-1]))
    assert exported(table, "ada") == exported(table, "ben")
    assert len(held(exported(table, "ada"), table)) == 4


def test_stamps_are_checked_within_the_budget_and_each_once() -> None:
    table = Joined("ada", parameters=STAMPED)
    some = [
        envelope(10 * n + author, author=author, bits=1) for n in range(3) for author in AUTHORS
    ]
    begun_us = table.now_us
    command = block(*some)
    table.seats["ada"].inbox.append(CarryAsked(RequestId(1_000_000), command))
    table.run()
    table.pass_time((len(AUTHORS) - 2) / STAMP_CHECKS_PER_SECOND)
    assert RequestId(1_000_000) not in table.seats["ada"].replies
    table.pass_time(3 / STAMP_CHECKS_PER_SECOND)
    answer = table.seats["ada"].replies[RequestId(1_000_000)]
    assert isinstance(answer, ImportedAnswer)
    assert (answer.envelopes_count, answer.refused) == (len(some), {})
    begun_us = table.now_us
    assert bring(table, "ada", command).known_count == len(some)
    assert table.now_us == begun_us


def test_links_and_a_file_take_turns_at_the_budget_for_stamps() -> None:
    table = Joined("ada", parameters=STAMPED)
    stranger = Stranger(table, "ada")
    by_file = [envelope(author, author=author, bits=1) for author in AUTHORS[:6]]
    by_link = [envelope(author, author=author, bits=1) for author in AUTHORS[6:]]
    seat = table.seats["ada"]
    seat.inbox.append(CarryAsked(RequestId(1_000_000), block(*by_file)))
    table.run()
    stranger.send(*(Push(one.data) for one in by_link))
    table.pass_time(5.5 / STAMP_CHECKS_PER_SECOND)
    found = dict.fromkeys(held(exported(table, "ada"), table))
    assert len(found) == 6
    assert sum(one.data in found for one in by_file) in (3, 4)
    assert RequestId(1_000_000) not in seat.replies
    table.pass_time(10 / STAMP_CHECKS_PER_SECOND)
    answer = seat.replies[RequestId(1_000_000)]
    assert isinstance(answer, ImportedAnswer)
    assert answer.envelopes_count == 6
    assert status(table, "ada").envelopes_count == 12


def test_a_bad_stamp_of_a_file_is_nobodys_fault_but_refused() -> None:
    table = Joined("ada", parameters=STAMPED)
    good = envelope(1, bits=1)
    stamps = (good.header.stamp[:-1] + bytes((last,)) for last in range(256))
    bad = [envelope(1, stamp=stamp) for stamp in stamps if stamp != good.header.stamp]
    answer = bring(table, "ada", block(good, *bad[:60]))
    assert answer.envelopes_count == 1
    assert sum(answer.refused.values()) == 60


def test_only_so_many_blocks_wait() -> None:
    table = Joined("ada", parameters=STAMPED)
    seat = table.seats["ada"]
    some = [envelope(author, author=author, bits=1) for author in AUTHORS]
    for number in range(CARRY_CHUNKS_PENDING_MAX):
        request = RequestId(1_000_000 + number)
        seat.inbox.append(CarryAsked(request, block(*some[3 * number : 3 * number + 3])))
    table.run()
    with pytest.raises(UserError) as caught:
        bring(table, "ada", block(some[9]))
    assert caught.value.kind == "too-many"
    table.pass_time(2)
    assert len(seat.replies) == CARRY_CHUNKS_PENDING_MAX
    assert bring(table, "ada", block(some[9])).envelopes_count == 1


def test_what_a_file_brought_goes_on_over_links() -> None:
    table = Joined("ada", "ben")
    table.join("ada", "ben")
    bring(table, "ada", block(envelope(1), envelope(2, created=NOW - 86_400)))
    table.pass_time(5)
    assert status(table, "ben").envelopes_count == 2


def test_a_body_that_was_missed_is_taken_from_a_file() -> None:
    table = Joined("ada", "ben")
    stranger = Stranger(table, "ada")
    stranger.send(IHave(join_entries([(envelope(1).id, 0)]), FLAG_BACKLOG))
    stranger.send(Stubs([(envelope(1).stub, b"")]))
    assert status(table, "ada").envelopes_count == 1
    assert held(exported(table, "ada"), table) == []
    assert not summed_up(table, "ada").has(envelope(1).id)
    assert bring(table, "ada", block(envelope(1))).envelopes_count == 1
    assert held(exported(table, "ada"), table) == [envelope(1).data]
    assert summed_up(table, "ada").has(envelope(1).id)


def test_a_retirement_that_waits_for_a_link_goes_with_its_envelope() -> None:
    table = Joined("ada", "ben")
    introduce(table, "ada", "ben")
    table.join("ada", "ben")
    befriend(table, "ada", "ben")
    table.ask("ada", SendMessage("ben", "Hello."))
    table.cut("ada", "ben")
    table.pass_time(3 * 3_600)
    stems = table.seats["ben"].engine.stemming.retirement_stems
    assert stems.waiting()
    for _ in range(9):
        table.pass_time(86_400)
    assert status(table, "ben").envelopes_count == 0
    assert stems.waiting() == []
    assert held(exported(table, "ben"), table) == []
