"""Joined machines: what one lacks the others give, whatever gets in the way, and nothing spins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.limits.replication import SENDING_IDS_PER_LINK_MAX
from mesh.wire.frames import (
    NoHave,
)
from tests.replication.meshes import (
    Meshed,
    element,
    id_of,
)


@given(common=st.integers(0, 1_200), left_only=st.integers(0, 700), right_only=st.integers(0, 700))
def test_after_link_up_both_sides_have_everything_once(
    common: int, left_only: int, right_only: int
) -> None:
    shared = list(range(common))
    mesh = Meshed(
        [*shared, *range(10_000, 10_000 + left_only)],
        [*shared, *range(20_000, 20_000 + right_only)],
    )
    mesh.join(0, 1)
    mesh.settle()
    assert mesh.are_equal()
    assert len(mesh.nodes[0].replicator.sets) == common + left_only + right_only
    assert mesh.nodes[0].bodies_count + mesh.nodes[1].bodies_count == left_only + right_only


@pytest.mark.parametrize("dialler", [0, 1])
def test_a_node_that_knows_nothing_gets_more_than_its_tables_hold(dialler: int) -> None:
    count = SENDING_IDS_PER_LINK_MAX + 3_000
    mesh = Meshed(range(count), [])
    mesh.join(dialler, 1 - dialler)
    mesh.pass_time(120)
    assert mesh.are_equal()
    assert mesh.nodes[1].bodies_count == count, "each body once"
    bodies = count * 1024
    assert mesh.bytes_count < 1.15 * bodies, "ids are not compared again and again meanwhile"


def test_a_healed_partition_brings_each_body_once() -> None:
    """Two halves of four, each a ring; two bridges heal at once."""
    half = 300
    mesh = Meshed(
        *[range(half)] * 4,
        *[range(half, 2 * half)] * 4,
    )
    for first in (0, 4):
        for number in range(4):
            mesh.join(first + number, first + (number + 1) % 4)
    mesh.pass_time(5)
    before = sum(node.bodies_count for node in mesh.nodes)
    mesh.join(0, 4)
    mesh.join(2, 6)
    mesh.pass_time(60)
    assert mesh.are_equal()
    copies = (sum(node.bodies_count for node in mesh.nodes) - before) / (8 * half)
    assert copies <= 1.05


@settings(max_examples=25)
@given(st.data())
def test_sets_become_equal_over_links_that_lose_and_end(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 5))
    numbers = st.lists(st.integers(0, 80), max_size=60, unique=True)
    mesh = Meshed(*[data.draw(numbers) for _ in range(count)])
    pairs = [(left, right) for left in range(count) for right in range(left)]
    dice = data.draw(st.randoms(use_true_random=False))
    mesh.is_lost = lambda sender, receiver, frame: dice.random() < 0.3
    for step in range(data.draw(st.integers(1, 12))):
        left, right = data.draw(st.sampled_from(pairs))
        deed = data.draw(st.sampled_from(["join", "cut", "publish", "wait"]))
        is_joined = (left, right) in mesh.links
        if deed == "join" and not is_joined:
            mesh.join(left, right)
        elif deed == "cut" and is_joined:
            mesh.cut(left, right)
        elif deed == "publish":
            mesh.publish(left, 1_000 + step, age=data.draw(st.sampled_from([0, 0, 900])))
        else:
            mesh.pass_time(data.draw(st.integers(1, 40)))
        mesh.settle()
    mesh.is_lost = lambda sender, receiver, frame: False
    for left, right in pairs:
        mesh.cut(left, right)
    for right in range(1, count):
        mesh.join(right - 1, right)
    mesh.pass_time(60)
    assert mesh.are_equal()
    assert set(mesh.nodes[0].replicator.sets.ids()) == set(mesh.all)


def test_what_was_lost_on_a_link_that_stays_is_found_by_roots() -> None:
    mesh = Meshed(range(50), range(50))
    mesh.join(0, 1)
    mesh.pass_time(100)
    mesh.is_lost = lambda sender, receiver, frame: True
    mesh.nodes[0].replicator.accepted(id_of(900), element(), None, mesh.now, is_new=False)
    mesh.settle()
    mesh.is_lost = lambda sender, receiver, frame: False
    assert not mesh.are_equal()
    mesh.nodes[0].elements[id_of(900)] = element()
    mesh.pass_time(4_000)
    assert mesh.are_equal()


def test_a_quiet_mesh_says_less_and_less() -> None:
    mesh = Meshed(*[range(200)] * 6)
    for left in range(6):
        for right in range(left):
            mesh.join(left, right)
    mesh.pass_time(7_200)
    mesh.frames_count = mesh.bytes_count = 0
    mesh.pass_time(3_600)
    assert mesh.frames_count <= 6 * 3_600 // 450 + 6, "one root in some minutes each, no more"
    assert mesh.bytes_count <= mesh.frames_count * 130


def test_new_mail_reaches_all_with_few_copies() -> None:
    count = 8
    mesh = Meshed(*[[] for _ in range(count)])
    for left in range(count):
        for right in range(left):
            mesh.join(left, right)
    for made in range(40):
        mesh.publish(made % count, made)
        mesh.pass_time(1)
    assert mesh.are_equal()
    for node in mesh.nodes:
        node.bodies_count = 0
    for made in range(100, 140):
        mesh.publish(made % count, made)
        mesh.pass_time(1)
    assert mesh.are_equal()
    copies = sum(node.bodies_count for node in mesh.nodes) / (40 * (count - 1))
    assert copies <= 3, "the floor is three eager links"


def test_a_peer_that_announces_and_gives_nothing_stops_nobody() -> None:
    """Node 0 makes mail; 1 hears of it and never gives it; 2 has both as peers."""
    mesh = Meshed([], [], [])
    mesh.join(0, 1)
    mesh.join(1, 2)
    mesh.join(0, 2)
    mesh.is_lost = lambda sender, receiver, frame: sender == 1 and isinstance(frame, NoHave)
    mesh.settle()
    for made in range(20):
        mesh.publish(0, made)
        mesh.settle()
        mesh.nodes[1].elements.clear()
        mesh.pass_time(5)
        assert id_of(made) in mesh.nodes[2].replicator.sets
