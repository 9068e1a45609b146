"""Two links joined in memory: handshake, Hello, keepalive, and every kind of bad peer."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, Monotonic, UnixSeconds
from mesh.limits.link import (
    HANDSHAKE_TIMEOUT_MS,
    LINK_CHECK_MS,
    LINK_DEAD_MS,
    LINK_PING_GRACE_MS,
    LINK_PING_IDLE_MS,
    LINK_PING_STEP_MS,
    LINK_SILENT_MS,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.link import HandshakeSetup, Link, own_hello
from mesh.wire.frames import PROTOCOL_VERSIONS, Frame, IHave, Push, encode_frame, join_entries
from mesh.wire.parameters import MeshParameters
from tests.entropy import SeededEntropy

OPEN_MESH = MeshParameters()
CLOSED_MESH = MeshParameters(psk=bytes(range(32)))


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 1_700_000_000_000_000 + ms * 1000)


def make_link(
    seed: int,
    *,
    is_initiator: bool,
    parameters: MeshParameters = OPEN_MESH,
    first_messages: FirstMessages | None = None,
    versions: Sequence[int] = PROTOCOL_VERSIONS,
    now: Instant = at(0),
) -> Link:
    entropy = SeededEntropy(seed)
    private = entropy.draw(32)
    hello = own_hello(entropy.draw(16), UnixSeconds(now.unix_seconds))
    return Link(
        HandshakeSetup(parameters, first_messages or FirstMessages(), entropy, PycaKem()),
        link_private=private,
        is_initiator=is_initiator,
        hello=msgspec.structs.replace(hello, versions=list(versions)),
        now=now,
    )


def exchange(left: Link, right: Link, now: Instant = at(1)) -> tuple[list[Frame], list[Frame]]:
    """Carry bytes both ways until neither has any; return what left and right received."""
    to_left: list[Frame] = []
    to_right: list[Frame] = []
    while True:
        rightward = left.take_bytes(now)
        to_right += right.receive(rightward, now) if rightward else []
        leftward = right.take_bytes(now)
        to_left += left.receive(leftward, now) if leftward else []
        if not rightward and not leftward:
            return to_left, to_right


def joined() -> tuple[Link, Link]:
    left, right = make_link(1, is_initiator=True), make_link(2, is_initiator=False)
    exchange(left, right)
    return left, right


def test_two_links_become_ready_and_know_each_others_keys() -> None:
    left, right = joined()
    assert left.is_ready
    assert right.is_ready
    assert left.remote_key == right.local_key
    assert right.remote_key == left.local_key
    assert left.hello is not None
    assert left.hello.mesh_time % 10 == 0


@given(st.lists(st.binary(max_size=3_000), max_size=12), st.integers(1, 700))
def test_frames_arrive_in_order_however_the_stream_is_cut(
    bodies: list[bytes], piece_bytes: int
) -> None:
    left, right = joined()
    for body in bodies:
        left.send(Push(envelope=body))
    stream = left.take_bytes(at(2))
    arrived = [
        frame
        for start in range(0, len(stream), piece_bytes)
        for frame in right.receive(stream[start : start + piece_bytes], at(2))
    ]
    assert arrived == [Push(envelope=body) for body in bodies]


def test_an_outsider_of_a_closed_mesh_hears_nothing() -> None:
    outsider = make_link(1, is_initiator=True)
    insider = make_link(2, is_initiator=False, parameters=CLOSED_MESH)
    with pytest.raises(PeerError):
        insider.receive(outsider.take_bytes(at(1)), at(1))
    assert insider.take_bytes(at(1)) == b""


def test_members_of_a_closed_mesh_meet() -> None:
    left = make_link(1, is_initiator=True, parameters=CLOSED_MESH)
    right = make_link(2, is_initiator=False, parameters=CLOSED_MESH)
    exchange(left, right)
    assert left.is_ready
    assert right.is_ready


def test_a_mesh_with_other_rules_is_another_mesh() -> None:
    left = make_link(1, is_initiator=True, parameters=MeshParameters(stamp_bits=0))
    right = make_link(2, is_initiator=False)
    with pytest.raises(PeerError):
        right.receive(left.take_bytes(at(1)), at(1))


def test_a_replayed_first_message_is_met_with_silence_across_a_restart() -> None:
    left = make_link(1, is_initiator=True)
    recorded = left.take_bytes(at(1))
    memory = FirstMessages()
    first = make_link(2, is_initiator=False, first_messages=memory)
    first.receive(recorded, at(1))
    assert first.take_bytes(at(1))
    after_restart = FirstMessages(memory.take_unsaved())
    second = make_link(3, is_initiator=False, first_messages=after_restart)
    with pytest.raises(PeerError, match="replayed"):
        second.receive(recorded, at(1))
    assert second.take_bytes(at(1)) == b""


def test_an_idle_link_pings_and_a_silent_one_dies() -> None:
    left, right = joined()
    idle = at(1 + LINK_PING_IDLE_MS)
    left.deadline_passed(idle)
    ping = left.take_bytes(idle)
    assert ping
    assert right.receive(ping, idle) == []
    assert right.take_bytes(idle), "a Ping is answered"
    with pytest.raises(PeerError, match="silent"):
        left.deadline_passed(at(1 + LINK_DEAD_MS))


def test_a_link_tells_when_it_was_heard_again_after_a_long_silence() -> None:
    """A living side is heard every 16 s, however idle both are."""
    left, right = joined()
    for ms in (1 + LINK_PING_IDLE_MS + LINK_PING_GRACE_MS, 1 + LINK_SILENT_MS):
        right.send(IHave(b"", 0))
        left.receive(right.take_bytes(at(ms)), at(ms))
    assert left.resumed_at is None
    heard_ms = 1 + 2 * LINK_SILENT_MS
    right.send(IHave(b"", 0))
    left.receive(right.take_bytes(at(heard_ms)), at(heard_ms))
    assert left.resumed_at == at(heard_ms).monotonic


def test_what_was_sent_before_a_question_does_not_answer_it() -> None:
    """As after sleep, when a frame, or the answer to an earlier question, lay in a buffer."""
    left, right = joined()
    left.deadline_passed(at(1 + LINK_PING_IDLE_MS))
    right.receive(left.take_bytes(at(1 + LINK_PING_IDLE_MS)), at(1 + LINK_PING_IDLE_MS))
    right.send(IHave(b"", 0))
    lain = right.take_bytes(at(1 + LINK_PING_IDLE_MS))
    woke_ms = 2 + LINK_PING_IDLE_MS
    left.check(at(woke_ms))
    assert left.take_bytes(at(woke_ms))
    assert left.receive(lain, at(woke_ms)) == [IHave(b"", 0)]
    left.deadline_passed(at(woke_ms + LINK_CHECK_MS - 1))
    with pytest.raises(PeerError, match="silent"):
        left.deadline_passed(at(woke_ms + LINK_CHECK_MS))


def test_who_has_much_to_send_may_answer_a_question_behind_it() -> None:
    left, right = joined()
    left.check(at(1))
    right.receive(left.take_bytes(at(1)), at(1))
    answer = right.take_bytes(at(1))
    now_ms = 1
    for part in (answer[:1], answer[1:2], answer[2:]):
        now_ms += LINK_CHECK_MS - 1
        left.deadline_passed(at(now_ms))
        left.receive(part, at(now_ms))
    left.deadline_passed(at(now_ms + LINK_CHECK_MS))
    assert left.is_ready


def test_of_two_sides_that_are_idle_only_the_one_that_dialled_asks() -> None:
    left, right = joined()
    now = at(1)
    for _ in range(5):
        deadlines = [link.deadline() for link in (left, right)]
        assert None not in deadlines
        asks_at, waits_until = (deadline or 0 for deadline in deadlines)
        assert asks_at < waits_until
        now = Instant(Monotonic(asks_at), 1_700_000_000_000_000 + asks_at)
        left.deadline_passed(now)
        ping = left.take_bytes(now)
        assert right.receive(ping, now) == []
        assert left.receive(right.take_bytes(now), now) == []
    assert now.monotonic >= 4 * LINK_PING_IDLE_MS * 1000


def test_all_idle_links_of_a_link_key_are_pinged_at_one_moment() -> None:
    """However long ago each was used; a link of another key has steps of its own."""
    now_ms = [0, 1_300, 4_900, 7_300]
    steps = set()
    for spoke_ms in now_ms:
        left, right = make_link(1, is_initiator=True), make_link(2, is_initiator=False)
        exchange(left, right, at(spoke_ms))
        asks_at = left.deadline()
        assert asks_at is not None
        idle_ms = asks_at / 1000 - spoke_ms
        assert LINK_PING_IDLE_MS - LINK_PING_STEP_MS < idle_ms <= LINK_PING_IDLE_MS
        steps.add(asks_at % (LINK_PING_STEP_MS * 1000))
    assert len(steps) == 1
    other, right = make_link(3, is_initiator=True), make_link(2, is_initiator=False)
    exchange(other, right, at(0))
    assert (other.deadline() or 0) % (LINK_PING_STEP_MS * 1000) not in steps


def test_the_handshake_tells_both_how_soon_the_other_answers() -> None:
    left, right = make_link(1, is_initiator=True), make_link(2, is_initiator=False)
    first = left.take_bytes(at(0))
    right.receive(first, at(15))
    left.receive(right.take_bytes(at(15)), at(32))
    right.receive(left.take_bytes(at(32)), at(50))
    assert (left.round_trip_ms, right.round_trip_ms) == (32, 35)


def test_a_handshake_that_never_ends_is_given_up() -> None:
    waiting = make_link(2, is_initiator=False)
    deadline = waiting.deadline()
    assert deadline == HANDSHAKE_TIMEOUT_MS * 1000
    with pytest.raises(PeerError, match="too long"):
        waiting.deadline_passed(at(HANDSHAKE_TIMEOUT_MS))


def send_many_frames(left: Link, right: Link) -> None:
    for _ in range(70):
        for _ in range(1_000):
            left.send(IHave(entries=b"", flags=0))
        right.receive(left.take_bytes(at(2)), at(2))


def test_a_flood_of_frames_costs_the_link() -> None:
    left, right = joined()
    with pytest.raises(PeerError, match="flood"):
        send_many_frames(left, right)


def test_a_frame_type_of_a_later_version_is_skipped_and_counted() -> None:
    left, right = joined()
    left._outgoing.append(b"\x91\x7f")
    left.send(IHave(entries=join_entries([(EnvelopeId(bytes(32)), 1)]), flags=0))
    arrived = right.receive(left.take_bytes(at(2)), at(2))
    assert len(arrived) == 1
    assert right.unknown_frames_count == 1


def test_both_sides_speak_the_greatest_common_version() -> None:
    left, right = joined()
    assert left.version == right.version == max(PROTOCOL_VERSIONS)
    for told, agreed in (([1], 1), ([1, 2, 9], 2), ([9], None)):
        left = make_link(1, is_initiator=True)
        right = make_link(2, is_initiator=False, versions=told)
        assert left.version == 0
        if agreed is None:
            with pytest.raises(PeerError, match="no common version"):
                exchange(left, right)
            continue
        exchange(left, right)
        assert left.version == agreed


def test_what_comes_before_a_hello_costs_the_link() -> None:
    left = make_link(1, is_initiator=True)
    right = make_link(2, is_initiator=False)
    right.receive(left.take_bytes(at(1)), at(1))
    left.receive(right.take_bytes(at(1)), at(1))
    left._outgoing.insert(0, encode_frame(IHave(entries=b"", flags=0)))
    with pytest.raises(PeerError, match="not a Hello"):
        right.receive(left.take_bytes(at(1)), at(1))


@given(st.binary(max_size=4_000), st.booleans())
def test_any_bytes_are_refused_or_waited_for(data: bytes, is_initiator: bool) -> None:
    link = make_link(2, is_initiator=is_initiator)
    try:
        assert link.receive(data, at(1)) == []
    except PeerError:
        assert not link.is_ready


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_after_the_handshake_costs_the_link(place: int, change: int) -> None:
    left, right = joined()
    left.send(Push(envelope=bytes(500)))
    stream = bytearray(left.take_bytes(at(2)))
    stream[place % len(stream)] ^= change
    try:
        assert right.receive(bytes(stream), at(2)) == []
    except PeerError:
        assert not right.is_ready
