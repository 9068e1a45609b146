"""The driver of one engine in virtual time: batches, deadlines, crashes, escaping errors."""

from functools import partial

import pytest

from mesh.commands.answer import Done
from mesh.commands.status import AskStatus
from mesh.effects import Emit, MintStamp, Reply
from mesh.events import NoticeRaised
from mesh.ids import PostingKey, RequestId
from mesh.inputs import Asked, PeerGone, StampMinted, VaultClosing
from sim.hosts.fragile import PowerCut
from sim.hosts.virtual_node import ARMED_US, BATCHES_PER_TICK_MAX
from sim.invariants.invariants import BrokenInvariant
from tests.sim.talker import Scene, linked_pair


def lonely() -> Scene:
    scene = Scene([[0]])
    scene.boot()
    scene.run(1)
    return scene


def test_inputs_of_one_tick_make_one_batch() -> None:
    scene = lonely()
    batches = scene.nodes[0].batches_count
    for name in ("a", "b", "c"):
        scene.loop.after(5_000, partial(scene.nodes[0].put, PeerGone(name)))
    scene.run(1)
    assert [gone.instance for gone in scene.talkers[0].heard_of(PeerGone)] == ["a", "b", "c"]
    assert scene.nodes[0].batches_count == batches + 1


def test_while_a_node_thinks_inputs_gather_for_its_next_batch() -> None:
    scene = Scene([[0]], thinking_us=10_000)
    scene.boot()
    scene.run(1)
    for delay_us in (1_000, 3_000, 5_000, 30_000):
        scene.loop.after(delay_us, partial(scene.nodes[0].put, PeerGone(str(delay_us))))
    scene.run(1)
    heard = [(when - 1_000_000, gone) for when, gone in scene.talkers[0].heard]
    assert heard == [
        (1_000, PeerGone("1000")),
        (11_000, PeerGone("3000")),
        (11_000, PeerGone("5000")),
        (30_000, PeerGone("30000")),
    ]


def test_an_engine_is_called_at_its_deadlines() -> None:
    scene = lonely()
    called_at: list[int] = []
    scene.talkers[0].on_batch = lambda: called_at.append(scene.loop.now)
    scene.talkers[0].deadlines = [3_000_000, 3_500_000, 9_000_000]
    scene.nodes[0].put(PeerGone("wakes it up"))
    scene.run(10)
    assert called_at == [1_000_000, 3_000_000, 3_500_000, 9_000_000]


def test_a_clock_starts_with_its_node() -> None:
    scene = lonely()
    scene.nodes[0].crash(is_silent=True)
    scene.nodes[0].boot()
    called_at: list[int] = []
    scene.talkers[0].on_batch = lambda: called_at.append(scene.loop.now)
    scene.talkers[0].deadlines = [2_000_000]
    scene.run(10)
    assert called_at == [1_000_000, 3_000_000]


def test_an_engine_that_never_rests_breaks_s14() -> None:
    scene = lonely()
    scene.talkers[0].deadlines = [0] * (BATCHES_PER_TICK_MAX + 1)
    # One machine that has nothing to say, in place of a class of its own.
    scene.talkers[0].handle = lambda batch, now: []  # type: ignore[method-assign]  # deaf
    scene.nodes[0].put(PeerGone("wakes it up"))
    with pytest.raises(
        BrokenInvariant, match="S14: an engine wants to be called again without end"
    ):
        scene.run(1)


def test_an_error_that_escapes_breaks_s14_and_names_its_place() -> None:
    scene = lonely()

    def fail() -> None:
        raise AssertionError("a fact does not hold")

    scene.talkers[0].on_batch = fail
    scene.nodes[0].put(PeerGone("anybody"))
    with pytest.raises(BrokenInvariant) as caught:
        scene.run(1)
    assert caught.value.node == 0
    assert "AssertionError escaped the engine: a fact does not hold" in caught.value.detail
    assert "fail (hosts/test_virtual_node.py:" in caught.value.detail


def test_a_person_is_answered_once_and_a_second_reply_breaks_s14() -> None:
    scene = lonely()
    answers: list[object] = []
    scene.nodes[0].ask(AskStatus(), answers.append)
    scene.run(1)
    (asked,) = scene.talkers[0].heard_of(Asked)
    scene.want(0, Reply(asked.request, Done()))
    scene.run(1)
    assert answers == [Done()]
    scene.want(0, Reply(RequestId(asked.request), Done()))
    with pytest.raises(BrokenInvariant, match="answered twice"):
        scene.run(1)


def test_events_and_stamps_find_their_way() -> None:
    scene = lonely()
    notice = NoticeRaised("Look.")
    scene.want(0, Emit(notice), MintStamp(PostingKey(bytes(32)), 5, 9))
    scene.run(1)
    assert scene.events == [(0, notice)]
    assert scene.talkers[0].heard_of(StampMinted) == [
        StampMinted(PostingKey(bytes(32)), 5, 9, bytes(12))
    ]


def test_a_crash_within_a_batch_loses_its_effects_and_tells_once() -> None:
    scene = lonely()
    crashed_at: list[int] = []

    def cut() -> None:
        if scene.talkers[0].is_armed:
            raise PowerCut

    scene.talkers[0].on_batch = cut
    scene.nodes[0].crash_within(3, lambda: crashed_at.append(scene.loop.now), is_silent=True)
    scene.run(1)
    assert crashed_at == []
    scene.want(0, Emit(NoticeRaised("Never seen.")))
    scene.run(5)
    assert crashed_at == [2_000_000]
    assert scene.events == []
    scene.nodes[0].boot()
    scene.run(5)
    assert scene.talkers[0].boots_count == 2


def test_a_node_that_uses_no_database_crashes_anyhow() -> None:
    scene = lonely()
    crashed_at: list[int] = []
    scene.nodes[0].crash_within(3, lambda: crashed_at.append(scene.loop.now), is_silent=True)
    scene.run(10)
    assert crashed_at == [1_000_000 + ARMED_US]


def test_the_trace_of_a_scene_repeats_and_differs_by_a_byte() -> None:
    def trace(data: bytes) -> str:
        scene = Scene([[0], [0]])
        scene.talkers[0].is_dialling = True
        scene.boot()
        scene.run(1)
        scene.say(0, data)
        scene.run(1)
        return scene.trace.hexdigest()

    assert trace(b"?a") == trace(b"?a") != trace(b"?b")


def test_a_vault_is_locked_and_unlocked_once() -> None:
    scene = lonely()
    node = scene.nodes[0]
    node.unlock()
    for _ in range(2):
        node.lock()
    scene.run(1)
    assert len(scene.talkers[0].heard_of(VaultClosing)) == 1
    # The talker's machine gives the same input for opening.
    for _ in range(2):
        node.unlock()
    scene.run(1)
    assert len(scene.talkers[0].heard_of(VaultClosing)) == 2


def test_a_node_that_starts_again_is_unlocked() -> None:
    scene = lonely()
    node = scene.nodes[0]
    node.lock()
    node.crash(is_silent=False)
    node.boot()
    node.unlock()
    scene.run(1)
    assert scene.talkers[0].heard_of(VaultClosing) == []


def test_all_that_a_node_sends_is_told() -> None:
    scene = linked_pair()
    scene.say(0, b"?hello")
    scene.run(1)
    assert (0, b"?hello") in scene.sent
    assert (1, b"!hello") in scene.sent
