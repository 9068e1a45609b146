"""The ratchet's own rules: what it refuses, what waits, when post-quantum steps are made."""

from dataclasses import replace
from random import Random

import msgspec
import pytest

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError, StorageError
from mesh.ids import UnixSeconds
from mesh.limits.sessions import POST_QUANTUM_CHAINS, POST_QUANTUM_SECONDS, SKIPPED_PER_MESSAGE_MAX
from mesh.ratchet.double_ratchet import (
    Awaiting,
    OutOfStep,
    Ratchet,
    Receiving,
    Sending,
    has_long_header,
)
from mesh.wire.ratchet_header import RatchetHeader
from tests.entropy import SeededEntropy
from tests.ratchet.side import Posted, Side, is_refused, pair

KEM = PycaKem()


@pytest.fixture
def sides() -> tuple[Side, Side]:
    """An initiator and a responder with post-quantum steps."""
    return pair(Random(1), kem=KEM, is_post_quantum=True)


def ping_pong(one: Side, other: Side, count: int) -> list[RatchetHeader]:
    """Let both write in turns; the headers of their messages."""
    headers = []
    for _ in range(count):
        for writer, reader in ((one, other), (other, one)):
            posted = writer.seal(b"x")
            assert reader.open(posted) == b"x"
            headers.append(posted.header)
    return headers


def received(side: Side, header: RatchetHeader) -> Receiving | Awaiting:
    """Return what a side would do with a header; nothing is kept."""
    return side.ratchet.receive(
        header, kem=KEM, mesh_now=side.mesh_now, find_skipped=lambda _public, _number: None
    )


# --- Beginning ------------------------------------------------------------------------------------


def test_a_responder_writes_only_when_it_has_heard(sides: tuple[Side, Side]) -> None:
    one, other = sides
    assert [side.can_send for side in sides] == [True, False]
    assert [side.ratchet.is_unused for side in sides] == [True, True]
    with pytest.raises(AssertionError):
        other.seal(b"too early")
    other.open(one.seal(b"hello"))
    assert [side.can_send for side in sides] == [True, True]
    assert [side.ratchet.is_unused for side in sides] == [False, False]


def test_an_answer_to_an_initiator_that_never_wrote_is_out_of_step(
    sides: tuple[Side, Side],
) -> None:
    one, _ = sides
    with pytest.raises(OutOfStep):
        received(one, RatchetHeader(bytes(range(32)), 0, 0))


def test_a_public_key_of_low_order_is_refused(sides: tuple[Side, Side]) -> None:
    _, other = sides
    assert is_refused(other, Posted(RatchetHeader(bytes(32), 0, 0), bytes(28)))


# --- Late and lost --------------------------------------------------------------------------------


def test_a_message_may_skip_four_thousand_and_no_more(sides: tuple[Side, Side]) -> None:
    one, other = sides
    public = one.seal(b"lost").header.public
    found = received(other, RatchetHeader(public, 0, SKIPPED_PER_MESSAGE_MAX))
    assert isinstance(found, Receiving)
    assert len(found.skipped) == SKIPPED_PER_MESSAGE_MAX
    assert [one.name.number for one in found.skipped] == list(range(SKIPPED_PER_MESSAGE_MAX))
    with pytest.raises(PeerError, match="too many"):
        received(other, RatchetHeader(public, 0, SKIPPED_PER_MESSAGE_MAX + 1))


def test_the_end_of_one_chain_and_the_begin_of_the_next_share_the_bound(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    ping_pong(one, other, 2)
    begun = one.seal(b"a new chain").header
    opened_count = 1
    for before, number, is_refused_ in (
        (SKIPPED_PER_MESSAGE_MAX + opened_count, 0, False),
        (SKIPPED_PER_MESSAGE_MAX + opened_count + 1, 0, True),
        (SKIPPED_PER_MESSAGE_MAX + opened_count - 100, 100, False),
        (SKIPPED_PER_MESSAGE_MAX + opened_count - 100, 101, True),
    ):
        header = RatchetHeader(begun.public, before, number)
        if is_refused_:
            with pytest.raises(PeerError, match="too many"):
                received(other, header)
        else:
            found = received(other, header)
            assert isinstance(found, Receiving)
            assert len(found.skipped) == before - opened_count + number
            assert found.is_new_chain


def test_only_the_first_message_of_a_chain_that_opens_is_of_a_new_chain(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    for is_first in (True, False, False):
        posted = one.seal(b"x")
        found = received(other, posted.header)
        assert isinstance(found, Receiving)
        assert found.is_new_chain is is_first
        other.open(posted)


def test_a_chain_that_says_to_be_shorter_than_what_was_opened_of_it_skips_nothing(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    for _ in range(3):
        other.open(one.seal(b"x"))
    ping_pong(one, other, 1)
    found = received(other, RatchetHeader(one.seal(b"next").header.public, 0, 0))
    assert isinstance(found, Receiving)
    assert found.skipped == ()


def test_a_key_that_was_kept_is_used_once_and_leaves_the_ratchet_as_it_is(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    late, posted = one.seal(b"late"), one.seal(b"in time")
    assert other.open(posted) == b"in time"
    before = other.ratchet
    found = other.ratchet.receive(
        late.header, kem=KEM, mesh_now=UnixSeconds(0), find_skipped=other._find_skipped
    )
    assert isinstance(found, Receiving)
    assert found.ratchet is before
    assert found.used is not None
    assert (found.used.public, found.used.number) == (late.header.public, 0)
    assert not found.is_new_chain
    assert other.open(late) == b"late"
    assert other.skipped == {}
    assert is_refused(other, late)
    assert is_refused(other, posted)


# --- Post-quantum steps ---------------------------------------------------------------------------


def test_the_first_reply_makes_a_step_and_then_every_seventeenth_chain(
    sides: tuple[Side, Side],
) -> None:
    headers = ping_pong(*sides, 30)
    stepped = [place for place, header in enumerate(headers) if header.is_post_quantum]
    # Sixteen chains lie between two steps, so that each side makes every other one.
    interval = POST_QUANTUM_CHAINS + 1
    assert stepped == list(range(1, len(headers), interval))
    assert len({place % 2 for place in stepped}) == 2


def test_a_step_is_due_after_a_day_and_not_before(sides: tuple[Side, Side]) -> None:
    one, other = sides
    ping_pong(one, other, 1)
    assert not any(header.is_post_quantum for header in ping_pong(one, other, 1))
    for seconds, is_due in ((POST_QUANTUM_SECONDS - 1, False), (POST_QUANTUM_SECONDS, True)):
        one.mesh_now = other.mesh_now = UnixSeconds(seconds)
        headers = ping_pong(one, other, 1)
        # It is the founder's turn: the other has used the key that the founder gave.
        assert [header.is_post_quantum for header in headers] == [is_due, False]
    # The next one is due a day after this one.
    one.mesh_now = other.mesh_now = UnixSeconds(2 * POST_QUANTUM_SECONDS - 1)
    assert not any(header.is_post_quantum for header in ping_pong(one, other, 1))
    one.mesh_now = other.mesh_now = UnixSeconds(2 * POST_QUANTUM_SECONDS)
    assert [header.is_post_quantum for header in ping_pong(one, other, 1)] == [False, True]


def test_a_step_is_due_where_the_last_was_made_by_a_clock_that_was_ahead(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    ping_pong(one, other, 1)
    for side in sides:
        side.mesh_now = UnixSeconds(700 * POST_QUANTUM_SECONDS)
    ping_pong(one, other, 1)
    steps_count = one.steps_count + other.steps_count
    for side in sides:
        side.mesh_now = UnixSeconds(2 * POST_QUANTUM_SECONDS)
    ping_pong(one, other, 1)
    assert one.steps_count + other.steps_count > steps_count


def test_both_sides_have_one_tag_root_after_a_step_and_none_without(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    other.open(one.seal(b"hello"))
    sending = other.ratchet.next_sending(entropy=SeededEntropy(1), kem=KEM, mesh_now=UnixSeconds(0))
    found = received(one, sending.header)
    assert isinstance(found, Receiving)
    assert found.tag_root == sending.tag_root
    assert sending.tag_root is not None
    assert sending.tag_root != sending.ratchet.root
    further = sending.ratchet.next_sending(
        entropy=SeededEntropy(1), kem=KEM, mesh_now=UnixSeconds(0)
    )
    assert further.tag_root is None
    assert further.header.is_post_quantum


def test_the_step_stands_in_the_first_four_and_in_each_sixteenth(
    sides: tuple[Side, Side],
) -> None:
    one, other = sides
    other.open(one.seal(b"hello"))
    headers = [other.seal(b"x").header for _ in range(40)]
    long = [header.number for header in headers if header.kem_part]
    assert long == [0, 1, 2, 3, 16, 32]
    assert [number for number in range(40) if has_long_header(number)] == long
    assert len({header.kem_part for header in headers if header.kem_part}) == 1
    assert all(header.is_post_quantum for header in headers)


def test_a_short_message_of_such_a_chain_waits_for_any_long_one(sides: tuple[Side, Side]) -> None:
    one, other = sides
    other.open(one.seal(b"hello"))
    *lost, early, last = [other.seal(b"%d" % number) for number in range(17)]
    assert one.open(early) is None
    assert one.open(last) == b"16"
    assert one.open(early) == b"15"
    assert [one.open(posted) for posted in lost] == [b"%d" % number for number in range(15)]


def test_without_a_key_of_the_other_there_are_no_steps() -> None:
    headers = ping_pong(*pair(Random(2), kem=KEM, is_post_quantum=False), 20)
    assert not any(header.is_post_quantum for header in headers)


def test_a_key_that_is_none_ends_the_steps_and_not_the_session() -> None:
    one, other = pair(Random(3), kem=KEM, is_post_quantum=True)
    slow = other.ratchet.post_quantum
    bad = msgspec.structs.replace(slow, their_key=b"\xff" * 1_184)
    other.ratchet = msgspec.structs.replace(other.ratchet, post_quantum=bad)
    headers = ping_pong(one, other, 20)
    assert not any(header.is_post_quantum for header in headers)
    assert other.ratchet.post_quantum.their_key is None


def test_a_step_to_no_key_of_ours_is_out_of_step(sides: tuple[Side, Side]) -> None:
    one, other = sides
    ping_pong(one, other, 1)
    header = one.seal(b"x").header
    forged = RatchetHeader(header.public, 1, 0, is_post_quantum=True, kem_part=bytes(2_272))
    one_more = Side(other.ratchet, kem=KEM, seed=1)
    slow = msgspec.structs.replace(other.ratchet.post_quantum, seed=None)
    one_more.ratchet = msgspec.structs.replace(other.ratchet, post_quantum=slow)
    with pytest.raises(OutOfStep):
        received(one_more, forged)


# --- At rest --------------------------------------------------------------------------------------


def test_a_ratchet_is_read_as_it_was_stored(sides: tuple[Side, Side]) -> None:
    one, other = sides
    for ratchet in (one.ratchet, other.ratchet):
        assert Ratchet.from_bytes(ratchet.fast_bytes, ratchet.slow_bytes) == ratchet
    ping_pong(one, other, 3)
    for side in sides:
        ratchet = side.ratchet
        assert Ratchet.from_bytes(ratchet.fast_bytes, ratchet.slow_bytes) == ratchet
    one.ratchet = Ratchet.from_bytes(one.ratchet.fast_bytes, one.ratchet.slow_bytes)
    ping_pong(one, other, 3)


def test_a_damaged_row_is_the_disks_fault(sides: tuple[Side, Side]) -> None:
    ratchet = sides[0].ratchet
    for fast, slow in (
        (ratchet.fast_bytes[:-1], ratchet.slow_bytes),
        (ratchet.fast_bytes, ratchet.slow_bytes[:-1]),
        (ratchet.slow_bytes, ratchet.fast_bytes),
        (b"", b""),
    ):
        with pytest.raises(StorageError):
            Ratchet.from_bytes(fast, slow)


def test_no_key_is_ever_shown(sides: tuple[Side, Side]) -> None:
    one, other = sides
    ping_pong(one, other, 2)
    one.seal(b"lost")
    sending = one.ratchet.next_sending(entropy=SeededEntropy(1), kem=KEM, mesh_now=UnixSeconds(0))
    found = received(other, sending.header)
    assert isinstance(found, Receiving)
    assert found.skipped
    ratchet = sending.ratchet
    assert isinstance(sending, Sending)
    assert ratchet.sending is not None
    secrets = [ratchet.root, ratchet.private, ratchet.sending.key, sending.message_key]
    secrets += [one.key for one in found.skipped]
    secrets += [seed for seed in (ratchet.post_quantum.seed,) if seed]
    shown = [ratchet, ratchet.sending, ratchet.post_quantum, sending, found, *found.skipped]
    for value in shown:
        text = repr(value)
        assert type(value).__name__ in text
        assert not any(repr(secret)[2:-1] in text for secret in secrets)


def test_a_posted_header_cannot_be_swapped(sides: tuple[Side, Side]) -> None:
    one, other = sides
    first, second = one.seal(b"first"), one.seal(b"second")
    assert is_refused(other, replace(first, header=second.header))
    assert other.open(first) == b"first"
    assert other.open(second) == b"second"
