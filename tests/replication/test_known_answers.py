"""The known answers of docs/protocol/spreading.md, and that the page has them."""

from hashlib import blake2b, sha256
from pathlib import Path

from mesh.ids import EnvelopeId, UnixSeconds
from mesh.replication.negentropy import Difference, Reconciliation, fingerprint
from mesh.replication.range_audit import AuditedRange, salted_sum
from mesh.replication.seen_index import SeenIndex
from mesh.replication.seen_sets import floor_of, key_of
from mesh.wire.frames import (
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Root,
    RootEntry,
    encode_frame,
    join_entries,
)

PAGE = (Path(__file__).parents[2] / "docs" / "protocol" / "spreading.md").read_text()
CREATED = UnixSeconds(1_700_000_000)


def index_of(numbers: range) -> SeenIndex:
    """Ids of 32 equal bytes, each created a second after the one of the lower number."""
    return SeenIndex(
        key_of(UnixSeconds(CREATED + number), EnvelopeId(bytes((number,)) * 32))
        for number in numbers
    )


def test_the_fingerprint_of_the_page() -> None:
    index = index_of(range(1, 4))
    value = fingerprint(index, 0, 3)
    assert value == sha256(b"\x06" * 32 + b"\x03").digest()[:16]
    assert value.hex() in PAGE


def test_the_messages_of_the_page() -> None:
    """One side has forty ids, and the other lacks the last; nothing is moved by chance."""
    client, server = Reconciliation(index_of(range(1, 41))), Reconciliation(index_of(range(1, 40)))
    difference = Difference()
    first = client.initiate()
    answer = server.respond(first)
    assert client.learn(answer, difference) is None, "the answer lists what it has there"
    assert difference == Difference(have=[b"\x28" * 32])
    for message in (first, answer):
        text = message.hex()
        assert text[:64] in PAGE
        assert text[-72:] in PAGE
        assert f"{len(message)} bytes" in PAGE
    assert sha256(first).hexdigest()[:16] in PAGE
    assert sha256(answer).hexdigest()[:16] in PAGE


def test_the_salted_sum_of_the_page() -> None:
    nonce = bytes(range(16))
    total = salted_sum(
        index_of(range(1, 4)), AuditedRange(1, CREATED, UnixSeconds(CREATED + 60)), nonce
    )
    hashes = [blake2b(bytes((one,)) * 32, key=nonce, digest_size=8).digest() for one in (1, 2, 3)]
    assert total == sum(int.from_bytes(one, "big") for one in hashes) % 2**64
    assert f"{total:016x}" in PAGE


def test_the_floors_of_the_page() -> None:
    floors = [floor_of(lifetime_class, CREATED) for lifetime_class in range(3)]
    assert floors == [1_699_920_000, 1_699_401_600, 1_697_414_400]
    assert all(f"{floor:,}" in PAGE for floor in floors)


def test_the_frames_of_the_page() -> None:
    id_ = EnvelopeId(b"\x07" * 32)
    value = bytes(16)
    frames: list[Frame] = [
        IHave(join_entries([(id_, 0)]), 1),
        DoNotWant(id_),
        Prune(),
        Graft(b""),
        NoHave(join_entries([(id_, 2)])),
        NegOpen(0, 1, 1_699_401_600, b"\x61\x00\x00\x02\x00"),
        NegMessage(0, b""),
        NegClose(0, 3, 1_699_401_600),
        Root([RootEntry(1, 1_699_401_600, 1_699_999_920, 3, value)]),
        Audit(2, 1, value, 1_700_000_000, 1_700_000_060),
        AuditResult(2, 3, 2**64 - 1),
    ]
    for frame in frames:
        assert encode_frame(frame).hex() in PAGE.replace("\n", ""), type(frame).__name__
