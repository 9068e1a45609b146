"""Lines: what the wire does to packets, each decision by itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import SendBytes
from mesh.inputs import BytesReceived, BytesSent, Connected, Disconnected, PeerSeen
from sim.hosts.node_streams import REPORT_US
from sim.network.wires import RETRANSMIT_US, Bursts, Spell, StreamRules, Wire, wire_key
from sim.schema.delay_laws import Constant
from tests.sim.talker import CALM, Scene, linked_pair

S = 1_000_000


def wire(rules: StreamRules = CALM, *spells: Spell, seed: int = 1) -> Wire:
    return Wire(rules, wire_key(seed, 0, 1), spells)


def test_fractions_are_even_and_differ_by_seed_line_packet_and_question() -> None:
    one = wire()
    drawn: list[float] = []
    for _ in range(5_000):
        one.packets_count += 1
        drawn += [one.fraction(0), one.fraction(1)]
    assert all(0 <= each < 1 for each in drawn)
    assert len(set(drawn)) == len(drawn)
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.02)
    assert wire_key(1, 0, 1) != wire_key(2, 0, 1) != wire_key(2, 1, 0)


@given(st.integers(0, 50), st.integers(1, 30))
def test_a_spell_that_is_over_changes_nothing_of_what_comes_after(seed: int, upset: int) -> None:
    spell = Spell(0, upset * S, loss=0.5, delay=Constant(ms=3), corrupted=0.5)
    rules = replace(CALM, loss=0.2, jitter_us=5_000)
    calm, struck = wire(rules, seed=seed), wire(rules, spell, seed=seed)
    for second in range(40):
        here, there = (each.pass_on(3_000, second * S) for each in (calm, struck))
        if second >= upset:
            assert here == there


def test_losses_that_come_in_bursts_come_together() -> None:
    bursts = Bursts(enters=0.004, leaves=0.1, loss_in=0.5)
    struck = wire(replace(CALM, bursts=bursts))
    lost = [bool(struck.pass_on(100, 0).retransmissions_count) for _ in range(20_000)]
    share = sum(lost) / len(lost)
    assert 0.005 < share < 0.1
    alone = wire(replace(CALM, loss=share))
    even = [bool(alone.pass_on(100, 0).retransmissions_count) for _ in range(20_000)]
    assert sum(even) / len(even) == pytest.approx(share, rel=0.3)
    assert sum(together(lost)) > 3 * sum(together(even))


def together(lost: list[bool]) -> list[bool]:
    """Say of each loss whether it has another one within the ten chunks before it."""
    return [lost[place] and any(lost[max(0, place - 10) : place]) for place in range(len(lost))]


def faulty_pair(*spells: Spell, rules: StreamRules = CALM) -> Scene:
    """Two talkers; what is written from the first to the second passes a line with spells."""
    scene = Scene([[0], [0]], rules=rules)
    scene.network.spells_of = lambda sender, receiver: spells if sender == 0 else ()
    scene.talkers[0].is_dialling = True
    scene.boot()
    scene.run(1)
    scene.talkers[0].is_dialling = False
    return scene


def test_a_delay_strikes_one_direction_and_ends() -> None:
    scene = faulty_pair(Spell(2 * S, 10 * S, delay=Constant(ms=500)))
    scene.run(2)
    asked_at = scene.loop.now
    scene.say(0, b"?there")
    scene.run(5)
    assert scene.talkers[1].heard_at(BytesReceived) == [asked_at + 502_000]
    assert scene.talkers[0].heard_at(BytesReceived) == [asked_at + 504_000]
    scene.run(5)
    asked_at = scene.loop.now
    scene.say(0, b"?again")
    scene.run(1)
    assert scene.talkers[0].heard_at(BytesReceived)[-1] == asked_at + 4_000


def test_what_is_held_comes_all_at_once() -> None:
    scene = faulty_pair(Spell(2 * S, 30 * S, is_held=True))
    scene.run(2)
    for _ in range(3):
        scene.say(0, b"piece ")
        scene.run(2)
    assert scene.talkers[1].text == b""
    scene.run(30)
    assert scene.talkers[1].text == b"piece piece piece "
    assert set(scene.talkers[1].heard_at(BytesReceived)) == {30 * S}


def test_a_trickle_is_slow_and_its_writer_knows() -> None:
    scene = faulty_pair(Spell(0, 900 * S, bytes_per_second=100))
    scene.say(0, bytes(1_000))
    scene.say(0, bytes(500))
    scene.run(9)
    assert scene.talkers[1].text == b""
    scene.run(8)
    assert len(scene.talkers[1].text) == 1_500
    scene.run(REPORT_US / S)
    assert sum(each.count for each in scene.talkers[0].heard_of(BytesSent)) == 1_500


def test_a_corrupted_chunk_has_one_other_bit() -> None:
    scene = faulty_pair(Spell(0, 100 * S, corrupted=1))
    scene.say(0, bytes(100))
    scene.run(1)
    text = scene.talkers[1].text
    assert len(text) == 100
    assert sum(byte.bit_count() for byte in text) == 1
    assert scene.network.counters.chunks_corrupted == 1


def test_a_truncated_stream_ends_within_a_chunk_at_both_ends() -> None:
    scene = faulty_pair(Spell(0, 100 * S, truncated=1))
    scene.say(0, bytes(range(100)))
    scene.run(1)
    text = scene.talkers[1].text
    assert text == bytes(range(len(text)))
    assert len(text) < 100
    assert [len(talker.heard_of(Disconnected)) for talker in scene.talkers] == [1, 1]
    assert scene.network.streams.links() == []


def test_a_clog_of_one_direction_lets_the_other_pass_for_a_while() -> None:
    scene = linked_pair()
    scene.network.clog(0, 1)
    scene.say(0, b"into the clog")
    scene.say(1, b"through")
    scene.run(10)
    assert scene.talkers[0].text == b"through"
    assert scene.talkers[1].text == b""
    assert scene.network.streams.links() == []
    # Nothing is acknowledged, so no more than a window passes.
    for _ in range(10):
        scene.say(1, bytes(20_000))
        scene.run(1)
    assert len(scene.talkers[0].text) <= 64 * 1024
    scene.network.unclog(0, 1)
    scene.run(2)
    assert scene.talkers[1].text == b"into the clog"
    assert len(scene.talkers[0].text) == 7 + 200_000
    assert len(scene.network.streams.links()) == 1


def test_a_forgotten_stream_is_held_by_both_and_carries_nothing() -> None:
    scene = linked_pair()
    assert scene.network.forget_streams(0, 1) == 1
    scene.say(0, b"hello?")
    scene.say(1, b"hello?")
    scene.run(300)
    assert [talker.text for talker in scene.talkers] == [b"", b""]
    assert [talker.heard_of(Disconnected) for talker in scene.talkers] == [[], []]
    assert scene.network.streams.links() == []


def test_a_full_queue_drops_and_what_is_dropped_comes_later() -> None:
    rules = replace(CALM, bytes_per_second=100_000)
    free, tight = linked_pair(rules), linked_pair(replace(rules, queue_bytes=70_000))
    for scene in (free, tight):
        scene.say(0, bytes(300_000))
        scene.run(10)
        assert len(scene.talkers[1].text) == 300_000
    assert free.network.counters.overflows == 0
    assert tight.network.counters.overflows > 0
    last_free, last_tight = (
        scene.talkers[1].heard_at(BytesReceived)[-1] for scene in (free, tight)
    )
    assert last_tight - last_free == RETRANSMIT_US


@pytest.mark.parametrize("is_shared,seconds", [(False, 1), (True, 2)])
def test_streams_of_a_node_have_a_wire_each_or_share_one(*, is_shared: bool, seconds: int) -> None:
    rules = replace(CALM, bytes_per_second=60_000, is_uplink_shared=is_shared)
    scene = Scene([[0], [0], [0]], rules=rules)
    scene.talkers[0].is_dialling = True
    scene.boot()
    scene.run(1)
    scene.talkers[0].is_dialling = False
    started_at = scene.loop.now
    links = [connected.link for connected in scene.talkers[0].heard_of(Connected)]
    assert len(links) == 2
    scene.want(0, *(SendBytes(link, bytes(60_000)) for link in links))
    scene.run(10)
    last = max(scene.talkers[index].heard_at(BytesReceived)[-1] for index in (1, 2))
    assert (last - started_at) / S == pytest.approx(seconds, abs=0.05)


def test_an_old_announcement_may_come_after_a_new_one() -> None:
    scene = Scene([[0], [0]], announcement_copied=1, announcement_late=0.5)
    scene.boot()
    scene.run(300)
    counters = scene.network.counters
    assert counters.announcements_copied > 5
    assert counters.announcements_late > 5
    assert {seen.instance for seen in scene.talkers[0].heard_of(PeerSeen)} == {"talker1.1"}
