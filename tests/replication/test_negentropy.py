"""Reconciliation against the transcripts of the C++ reference, and against the truth."""

import json
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.anti_entropy import RECONCILE_COMPARED_PER_RANGE
from mesh.replication.negentropy import (
    SPLIT_DAEMON,
    SPLIT_REFERENCE,
    Difference,
    Reconciliation,
    Split,
)
from mesh.replication.range_messages import Writer
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex

TRANSCRIPTS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "negentropy-transcripts.json").read_text()
)


def key_of(seconds: int, id_: bytes) -> bytes:
    return seconds.to_bytes(8, "big") + id_


def generated(generator: dict[str, int]) -> tuple[list[bytes], list[bytes]]:
    """The two sets of a generator, as tests/vectors/README.md describes it."""
    seed, random = generator["seed"], Random(generator["seed"])

    def drawn(name: str, count: int) -> list[bytes]:
        return [
            key_of(
                1_700_000_000 + random.randrange(generator["span"]),
                sha256(f"{name}{seed}:{number}".encode()).digest(),
            )
            for number in range(count)
        ]

    common = drawn("g", generator["n"])
    ours = drawn("ga", generator["da"])
    return common + ours, common + drawn("gb", generator["db"])


def listed(items: list[tuple[int, str]]) -> list[bytes]:
    return [key_of(seconds, bytes.fromhex(id_)) for seconds, id_ in items]


def talk(client: Reconciliation, server: Reconciliation) -> tuple[list[bytes], Difference]:
    """A whole reconciliation: all messages, and what was learned."""
    difference = Difference()
    message: bytes | None = client.initiate()
    messages = []
    while message is not None:
        answer = server.respond(message)
        messages += [message, answer]
        assert len(messages) < 1_000
        message = client.learn(answer, difference)
    return messages, difference


# The transcripts are JSON of others, of several forms, and are read as that.
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda one: one["name"])
def test_every_message_is_that_of_the_reference(transcript: dict) -> None:  # type: ignore[type-arg]
    if "generator" in transcript:
        ours, theirs = generated(transcript["generator"])
    else:
        ours, theirs = listed(transcript["client"]), listed(transcript["server"])
    client = Reconciliation(
        SeenIndex(ours), split=SPLIT_REFERENCE, frame_bytes_max=transcript["frame_client"]
    )
    server = Reconciliation(
        SeenIndex(theirs), split=SPLIT_REFERENCE, frame_bytes_max=transcript["frame_server"]
    )
    messages, difference = talk(client, server)
    assert [len(message) for message in messages] == transcript["sizes"]
    # What stands behind a full message differs: ours counts the range that did not fit.
    if not transcript["frame_client"]:
        text = "\n".join(message.hex() for message in messages)
        assert sha256(text.encode()).hexdigest() == transcript["messages_sha256"]
    assert sorted({id_.hex() for id_ in difference.have}) == sorted(transcript["have"])
    assert sorted({id_.hex() for id_ in difference.need}) == sorted(transcript["need"])


SECONDS = (0, 1, 2, 3, 2**31 - 1, 2**31, 2**31 + 1)
keys = st.integers(0, 400).map(
    lambda number: key_of(SECONDS[number % 7], sha256(str(number).encode()).digest())
)
splits = st.sampled_from(
    [SPLIT_DAEMON, SPLIT_REFERENCE, Split(2, 3, sparse_buckets=2, sparse_leaf=2)]
)


@settings(max_examples=150, deadline=None)
@given(
    st.sets(keys, max_size=200),
    st.sets(keys, max_size=60),
    st.sets(keys, max_size=60),
    splits,
    splits,
    st.sampled_from([0, 4_096]),
    st.integers(0, 2**32),
)
def test_the_initiator_learns_both_differences(
    common: set[bytes],
    mine: set[bytes],
    yours: set[bytes],
    my_split: Split,
    your_split: Split,
    frame_bytes_max: int,
    seed: int,
) -> None:
    ours, theirs = common | mine, common | yours
    client = Reconciliation(SeenIndex(ours), split=my_split, frame_bytes_max=frame_bytes_max)
    server = Reconciliation(SeenIndex(theirs), split=your_split, frame_bytes_max=frame_bytes_max)
    difference = Difference()
    message: bytes | None = client.initiate(Random(seed).randrange)
    for _ in range(200):
        if message is None:
            break
        answer = server.respond(message)
        assert not frame_bytes_max or len(answer) <= frame_bytes_max
        message = client.learn(answer, difference)
    assert message is None

    assert set(difference.have) == {key[CREATED_BYTES:] for key in ours - theirs}
    assert set(difference.need) == {key[CREATED_BYTES:] for key in theirs - ours}


def test_below_the_floor_nothing_is_compared() -> None:
    ours = [key_of(seconds, sha256(bytes((seconds,))).digest()) for seconds in range(100)]
    floor = (50).to_bytes(8, "big")
    client = Reconciliation(SeenIndex(ours), floor=floor)
    server = Reconciliation(SeenIndex(ours[50:60] + ours[61:]), floor=floor)
    _, difference = talk(client, server)
    assert difference.have == [ours[60][CREATED_BYTES:]]
    assert difference.need == []


def test_what_comes_between_two_messages_does_no_harm() -> None:
    random = Random(3)
    ours = [key_of(random.randrange(50), random.randbytes(32)) for _ in range(3_000)]
    theirs = SeenIndex(ours[100:])
    index = SeenIndex(ours[:2_900])
    client, server = Reconciliation(index), Reconciliation(theirs)
    difference = Difference()
    message: bytes | None = client.initiate()
    late = [key_of(random.randrange(50), random.randbytes(32)) for _ in range(200)]
    while message is not None:
        answer = server.respond(message)
        for _ in range(10):
            index.add(late.pop())
            theirs.add(late.pop())
        message = client.learn(answer, difference)
    assert {key[CREATED_BYTES:] for key in ours[:100]} <= set(difference.have)
    assert {key[CREATED_BYTES:] for key in ours[2_900:]} <= set(difference.need)


def test_an_unknown_version_is_answered_by_ours() -> None:
    server = Reconciliation(SeenIndex())
    assert server.respond(b"\x62anything") == b"\x61"
    with pytest.raises(PeerError):
        server.respond(b"\x70")
    with pytest.raises(PeerError):
        Reconciliation(SeenIndex()).learn(b"\x62", Difference())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_bytes_from_outside_are_refused_or_answered_within_the_frame(data: st.DataObject) -> None:
    random = Random(5)
    ours = [key_of(random.randrange(9), random.randbytes(32)) for _ in range(500)]
    client = Reconciliation(SeenIndex(ours[:400]))
    server = Reconciliation(SeenIndex(ours[100:]), frame_bytes_max=4_096)
    message = bytearray(client.initiate())
    for _ in range(data.draw(st.integers(0, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    message += data.draw(st.binary(max_size=20))
    try:
        assert len(server.respond(bytes(message))) <= 4_096
    except PeerError:
        return
    try:
        client.learn(bytes(message), Difference())
    except PeerError:
        return


def test_a_list_that_stands_for_all_that_we_have_costs_what_it_takes() -> None:
    keys = [
        number.to_bytes(CREATED_BYTES) + sha256(bytes([number % 7])).digest()
        for number in range(20_000)
    ]
    initiator = Reconciliation(SeenIndex(keys))
    initiator.initiate()
    before, difference, writer = initiator.ranges_count, Difference(), Writer()
    writer.id_list(None, [])
    assert initiator.learn(writer.taken(), difference) is None
    assert len(difference.have) == len(keys)
    assert initiator.ranges_count - before >= len(keys) // RECONCILE_COMPARED_PER_RANGE
