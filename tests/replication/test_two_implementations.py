"""Our comparison against a second implementation, whatever the borders, frames and floors."""

from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.limits.anti_entropy import RECONCILE_FRAME_BYTES_MAX
from mesh.replication.negentropy import SPLIT_DAEMON, SPLIT_REFERENCE, Difference, Reconciliation
from mesh.replication.range_messages import Writer
from mesh.replication.seen_index import SeenIndex
from tests.replication.plain_negentropy import END, Bound, PlainSide, ranges
from tests.replication.test_negentropy import TRANSCRIPTS, generated, key_of, listed

FRAME = RECONCILE_FRAME_BYTES_MAX
NUMBERS_JUST_FITTING = (1869, 3737, 3738, 5606, 5607)
"""So many envelopes: the last list to an empty newcomer just fits a frame, or did."""


def items_of(keys: list[bytes]) -> list[Bound]:
    return [(int.from_bytes(key[:8], "big"), key[8:]) for key in keys]


def drawn(dice: Random, count: int, span: int) -> list[Bound]:
    return [(1_700_000_000 + dice.randrange(span), dice.randbytes(32)) for _ in range(count)]


def learned_by_us(client: Reconciliation, server: PlainSide, dice: Random) -> Difference:
    difference = Difference()
    message: bytes | None = client.initiate(dice.randrange)
    for _ in range(500):
        assert message is not None
        message = client.learn(server.answer(message), difference)
        if message is None:
            return difference
    raise AssertionError("it comes to no end")


def learned_by_them(client: PlainSide, server: Reconciliation) -> None:
    message = client.initiate()
    for _ in range(500):
        answer = server.respond(message)
        assert sum(bound == END for bound, _, _ in ranges(answer)) < 2
        message = client.answer(answer)
        if message == b"\x61":
            return
    raise AssertionError("it comes to no end")


def ours(
    items: list[Bound], *, frame: int, split: str = "daemon", floor: int = 0
) -> Reconciliation:
    index = SeenIndex(key_of(*item) for item in items)
    chosen = SPLIT_DAEMON if split == "daemon" else SPLIT_REFERENCE
    return Reconciliation(
        index, floor=floor.to_bytes(8, "big"), split=chosen, frame_bytes_max=frame
    )


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda one: one["name"])
# A transcript is JSON, as the reference wrote it.
def test_the_second_implementation_says_what_the_reference_says(transcript: dict) -> None:  # type: ignore[type-arg]
    if "generator" in transcript:
        mine, yours = generated(transcript["generator"])
    else:
        mine, yours = listed(transcript["client"]), listed(transcript["server"])
    client = PlainSide(items_of(mine), frame_bytes_max=transcript["frame_client"])
    server = PlainSide(items_of(yours), frame_bytes_max=transcript["frame_server"])
    messages = [client.initiate()]
    while len(messages[-1]) > 1 or len(messages) % 2 == 0:
        messages.append((server, client)[len(messages) % 2 == 0].answer(messages[-1]))
    text = "\n".join(message.hex() for message in messages[:-1])
    assert sha256(text.encode()).hexdigest() == transcript["messages_sha256"]
    assert sorted(id_.hex() for id_ in client.have) == sorted(transcript["have"])
    assert sorted(id_.hex() for id_ in client.need) == sorted(transcript["need"])


@pytest.mark.parametrize("count", NUMBERS_JUST_FITTING)
def test_an_empty_newcomer_learns_what_just_fits_a_frame(count: int) -> None:
    items = drawn(Random(count), count, 500_000)
    server = PlainSide(items, frame_bytes_max=FRAME)
    found = learned_by_us(ours([], frame=FRAME), server, Random(0))
    assert set(found.need) == {id_ for _, id_ in items}
    assert server.ends_beyond_infinity == 1


@pytest.mark.parametrize("count", NUMBERS_JUST_FITTING)
def test_we_write_no_range_that_begins_at_infinity(count: int) -> None:
    """A node of an older version would close the link."""
    items = drawn(Random(count), count, 500_000)
    client = PlainSide([], frame_bytes_max=FRAME)
    learned_by_them(client, ours(items, frame=FRAME))
    assert client.need == {id_ for _, id_ in items}


def test_what_stands_behind_infinity_is_passed_over() -> None:
    difference = Difference()
    listed_twice = b"\x61" + 2 * (b"\x00\x00\x02\x01" + bytes(32)) + b"and more"
    assert ours([], frame=0).learn(listed_twice, difference) is None
    assert difference.need == [bytes(32)]
    assert ours([], frame=0).respond(listed_twice) == b"\x61\x00\x00\x02\x00"


def test_where_nothing_of_ours_follows_the_list_says_so_and_no_fingerprint() -> None:
    """The reference leaves out the range that did not fit, and would find that equal."""
    items = [(1_700_000_000 + second, bytes([second]) * 32) for second in range(200)]
    asked = Writer()
    for second, _ in items[1:]:
        asked.fingerprint((second).to_bytes(8, "big"), bytes(16))
    asked.fingerprint((items[-1][0] + 1).to_bytes(8, "big"), bytes(16))
    asked.fingerprint(None, bytes(16))
    whole = ours(items, frame=0).respond(asked.taken())
    assert ranges(whole)[-1] == (END, 2, b"")
    # All but the last range just fits.
    assert ours(items, frame=len(whole) + 199).respond(asked.taken()) == whole


sizes = st.sampled_from([0, 0, 1, 5, 40, 200, 400])
frames = st.sampled_from([0, 4_096, 4_097, 4_160, 4_500, 6_000])


@settings(deadline=None)
@given(sizes, sizes, sizes, frames, frames, st.integers(1, 3_000), st.integers(0, 2**32))
def test_whoever_begins_learns_what_differs(
    common: int, mine: int, yours: int, my_frame: int, your_frame: int, span: int, seed: int
) -> None:
    dice = Random(seed)
    shared, split = drawn(dice, common, span), dice.choice(("daemon", "reference"))
    left, right = shared + drawn(dice, mine, span), shared + drawn(dice, yours, span)
    floor = 1_700_000_000 + dice.randrange(-1, span)
    left_above, right_above = (
        [item for item in side if item[0] >= floor] for side in (left, right)
    )
    have = {id_ for _, id_ in set(left_above) - set(right_above)}
    need = {id_ for _, id_ in set(right_above) - set(left_above)}

    server = PlainSide(right_above, frame_bytes_max=your_frame)
    us = ours(left, frame=my_frame, split=split, floor=floor)
    found = learned_by_us(us, server, dice)
    assert (set(found.have), set(found.need)) == (have, need)

    client = PlainSide(left_above, frame_bytes_max=my_frame)
    learned_by_them(client, ours(right, frame=your_frame, split=split, floor=floor))
    assert (client.have, client.need) == (have, need)


@settings(deadline=None)
@given(st.integers(0, 2_000), st.integers(4_096, 12_000), st.integers(0, 2**32))
def test_a_newcomer_learns_a_set_of_any_size_in_frames_of_any_size(
    count: int, frame: int, seed: int
) -> None:
    dice = Random(seed)
    items = drawn(dice, count, 1 + dice.randrange(100_000))
    # Where the whole set, or what is left of it, just fits.
    items = items[: count - count % max((frame - 200) // 32, 1) + dice.randrange(3)]
    found = learned_by_us(ours([], frame=frame), PlainSide(items, frame_bytes_max=frame), dice)
    assert set(found.need) == {id_ for _, id_ in items}
    client = PlainSide([], frame_bytes_max=frame)
    learned_by_them(client, ours(items, frame=frame))
    assert client.need == set(found.need)
