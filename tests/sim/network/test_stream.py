"""Streams: whole and in order, whatever the wire, a cut or a crash does to them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import Disconnect, SendBytes
from mesh.inputs import BytesReceived, BytesSent, Connected, Disconnected
from sim.hosts.node_streams import REPORT_US
from sim.invariants.invariants import BrokenInvariant
from sim.network.stream import CHUNK_BYTES_MAX
from sim.network.wires import RETRANSMISSIONS_MAX, RETRANSMIT_US
from tests.sim.talker import CALM, linked_pair

HALVES = {0: 0, 1: 1}


@given(
    st.lists(st.binary(min_size=1, max_size=5_000), min_size=1, max_size=20),
    st.floats(0, 0.3),
    st.integers(0, 10_000),
)
def test_bytes_arrive_whole_and_in_order_under_loss_and_jitter(
    pieces: list[bytes], loss: float, jitter_us: int
) -> None:
    scene = linked_pair(replace(CALM, loss=loss, jitter_us=jitter_us))
    for piece in pieces:
        scene.say(0, piece.replace(b"?", b"."))
    scene.run(400)
    assert scene.talkers[1].text == b"".join(pieces).replace(b"?", b".")
    sent = sum(each.count for each in scene.talkers[0].heard_of(BytesSent))
    assert sent == len(scene.talkers[1].text)


def test_the_dialler_stands_after_a_round_trip_and_the_listener_half_a_one_later() -> None:
    scene = linked_pair()
    dialled, accepted = (talker.heard_at(Connected)[0] for talker in scene.talkers)
    assert accepted - dialled == CALM.latency_min_us
    assert scene.talkers[0].heard_of(Connected)[0].dial is not None
    assert scene.talkers[1].heard_of(Connected)[0].dial is None


def test_an_answer_takes_two_latencies() -> None:
    scene = linked_pair()
    asked_at = scene.loop.now
    scene.say(0, b"?hello")
    scene.run(1)
    assert scene.talkers[0].text == b"!hello"
    answered_at = scene.talkers[0].heard_at(BytesReceived)[0]
    assert answered_at - asked_at == 2 * CALM.latency_min_us


def test_a_full_wire_delays_what_follows_and_reports_what_it_took() -> None:
    scene = linked_pair(replace(CALM, bytes_per_second=100_000))
    started_at = scene.loop.now
    scene.say(0, bytes(200_000))
    scene.run(10 + REPORT_US / 1_000_000)
    times = scene.talkers[1].heard_at(BytesReceived)
    assert len(times) == -(-200_000 // CHUNK_BYTES_MAX)
    assert 2_000_000 <= times[-1] - started_at <= 2_005_000
    reports = scene.talkers[0].heard_at(BytesSent)
    assert reports[0] - started_at > 600_000
    assert sum(each.count for each in scene.talkers[0].heard_of(BytesSent)) == 200_000


def test_on_the_air_of_one_network_one_speaks_at_a_time_and_each_packet_passes_twice() -> None:
    rules = replace(CALM, bytes_per_second=100_000, is_air_shared=True)
    scene = linked_pair(rules)
    started_at = scene.loop.now
    for speaker in (0, 1):
        scene.say(speaker, bytes(50_000))
    scene.run(10)
    ends = [scene.talkers[hearer].heard_at(BytesReceived)[-1] - started_at for hearer in (0, 1)]
    # Each of the two takes a second of the air.
    assert sorted(round(end / 1_000_000, 1) for end in ends) == [1.0, 2.0]


def test_a_lost_packet_is_a_delay() -> None:
    scene = linked_pair(replace(CALM, loss=1))
    started_at = scene.loop.now
    scene.say(0, b"late")
    scene.run(200)
    assert scene.talkers[1].text == b"late"
    assert scene.talkers[1].heard_at(BytesReceived)[0] - started_at > RETRANSMIT_US
    assert scene.network.counters.retransmissions == RETRANSMISSIONS_MAX


def test_closing_writes_what_is_queued_first_and_both_are_told() -> None:
    scene = linked_pair()
    link = scene.talkers[0].link
    scene.want(0, SendBytes(link, b"last words"), Disconnect(link, "over"))
    scene.run(1)
    assert scene.talkers[1].text == b"last words"
    assert len(scene.talkers[0].heard_of(Disconnected)) == 1
    assert len(scene.talkers[1].heard_of(Disconnected)) == 1
    assert scene.network.streams.links() == []


def test_a_reset_reaches_both_ends() -> None:
    scene = linked_pair()
    scene.network.partition(HALVES, reset_share=1)
    scene.say(0, b"lost")
    scene.run(1)
    assert scene.talkers[1].text == b""
    assert [len(talker.heard_of(Disconnected)) for talker in scene.talkers] == [1, 1]


def test_a_stall_tells_nobody_and_holds_what_is_written_until_the_heal() -> None:
    scene = linked_pair()
    scene.network.partition(HALVES, reset_share=0)
    scene.say(0, b"held ")
    scene.say(0, b"back")
    scene.run(30)
    assert scene.talkers[1].text == b""
    assert scene.talkers[1].heard_of(Disconnected) == []
    assert scene.network.streams.links() == []
    scene.network.heal()
    scene.run(1)
    assert scene.talkers[1].text == b"held back"
    assert len(scene.network.streams.links()) == 1


@pytest.mark.parametrize("cut_s, comes_s", [(0.5, 0.6), (2, 3), (15, 25.4), (30, 51)])
def test_where_tcp_backs_off_what_is_held_waits_for_a_timeout_that_doubles(
    cut_s: float, comes_s: float
) -> None:
    scene = linked_pair(replace(CALM, is_backing_off=True))
    scene.network.partition(HALVES, reset_share=0)
    written_at = scene.loop.now
    scene.say(0, b"held ")
    scene.run(cut_s)
    scene.network.heal()
    scene.say(0, b"back")
    scene.run(60)
    assert scene.talkers[1].text == b"held back"
    took_us = scene.talkers[1].heard_at(BytesReceived)[0] - written_at
    assert comes_s * 1_000_000 <= took_us <= comes_s * 1_000_000 + 2 * CALM.latency_min_us


def test_where_tcp_backs_off_a_stream_that_held_nothing_goes_on_at_once() -> None:
    scene = linked_pair(replace(CALM, is_backing_off=True))
    scene.network.partition(HALVES, reset_share=0)
    scene.run(15)
    scene.network.heal()
    scene.say(0, b"new")
    scene.run(0.3)
    assert scene.talkers[1].text == b"new"


def test_closing_a_stalled_stream_ends_here_soon_and_there_after_the_heal() -> None:
    scene = linked_pair()
    scene.network.partition(HALVES, reset_share=0)
    scene.want(0, Disconnect(scene.talkers[0].link, "dead"))
    scene.run(5)
    assert len(scene.talkers[0].heard_of(Disconnected)) == 1
    assert scene.talkers[1].heard_of(Disconnected) == []
    scene.network.heal()
    scene.run(1)
    assert len(scene.talkers[1].heard_of(Disconnected)) == 1


def test_a_crashed_process_is_noticed_at_once() -> None:
    scene = linked_pair()
    scene.nodes[1].crash(is_silent=False)
    scene.run(1)
    assert len(scene.talkers[0].heard_of(Disconnected)) == 1


def test_a_dead_machine_is_silent_until_it_lives_again_and_is_written_to() -> None:
    scene = linked_pair()
    scene.nodes[1].crash(is_silent=True)
    scene.say(0, b"anybody?")
    scene.run(60)
    assert scene.talkers[0].heard_of(Disconnected) == []
    scene.nodes[1].boot()
    scene.run(1)
    assert scene.talkers[0].heard_of(Disconnected) == []
    scene.say(0, b"anybody?")
    scene.run(1)
    assert len(scene.talkers[0].heard_of(Disconnected)) == 1
    assert scene.talkers[1].text == b""


def test_an_effect_on_a_link_that_has_ended_breaks_s14() -> None:
    scene = linked_pair()
    scene.nodes[1].crash(is_silent=False)
    scene.run(1)
    scene.say(0, b"too late")
    with pytest.raises(BrokenInvariant, match="S14: an effect names link 1, which has ended"):
        scene.run(1)
