"""The inbox: order, bounds, and waiting."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from mesh.ids import Address, LinkId
from mesh.inputs import BlocksWritten, BytesReceived, BytesSent, NetworkChanged, PeerSeen
from mesh.limits.node import (
    GATHERED_MS,
    HINTS_PENDING_MAX,
    INPUT_BYTES_ALONE_MAX,
    INPUT_BYTES_PER_LINK_MAX,
    INPUTS_PER_BATCH_MAX,
    INPUTS_PER_LINK_MAX,
)
from mesh.node.input_queue import InputQueue

LINK = LinkId(1)
OTHER = LinkId(2)


async def test_inputs_come_out_in_the_order_in_which_they_were_put() -> None:
    input_queue = InputQueue()
    await input_queue.put_bytes(LINK, b"one")
    input_queue.put(NetworkChanged())
    await input_queue.put_bytes(LINK, b"two")
    assert input_queue.take() == [
        BytesReceived(LINK, b"one"),
        NetworkChanged(),
        BytesReceived(LINK, b"two"),
    ]
    assert input_queue.take() == []


async def test_a_batch_is_bounded_and_the_rest_stays() -> None:
    input_queue = InputQueue()
    for _ in range(INPUTS_PER_BATCH_MAX + 1):
        input_queue.put(NetworkChanged())
    assert len(input_queue.take()) == INPUTS_PER_BATCH_MAX
    assert len(input_queue.take()) == 1


@pytest.mark.parametrize(
    "size, reads",
    [(1, INPUTS_PER_LINK_MAX), (INPUT_BYTES_PER_LINK_MAX // 2, 2)],
)
async def test_a_reader_waits_while_enough_of_its_link_waits(
    size: int, reads: int, nursery: trio.Nursery
) -> None:
    input_queue = InputQueue()
    done: list[int] = []

    async def read_on() -> None:
        for number in range(reads + 1):
            await input_queue.put_bytes(LINK, bytes(size))
            done.append(number)

    nursery.start_soon(read_on)
    await wait_all_tasks_blocked()
    assert len(done) == reads - 1
    assert len(input_queue) == reads
    await input_queue.put_bytes(OTHER, b"another link is not held up")
    input_queue.take()
    await wait_all_tasks_blocked()
    assert len(done) == reads + 1


def test_hints_beyond_the_bound_are_dropped() -> None:
    async def main() -> None:
        input_queue = InputQueue()
        hint = PeerSeen("name", (Address("192.0.2.1", 1),))
        assert all(input_queue.put_hint(hint) for _ in range(HINTS_PENDING_MAX))
        assert not input_queue.put_hint(hint)
        input_queue.take()
        assert input_queue.put_hint(hint)

    trio.run(main)


async def test_waiting_ends_with_an_input_or_with_the_timeout(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    input_queue = InputQueue()
    start = trio.current_time()
    assert await input_queue.wait(7)
    assert trio.current_time() - start == pytest.approx(7)
    nursery.start_soon(input_queue.wait)
    await wait_all_tasks_blocked()
    input_queue.put(NetworkChanged())
    assert not await input_queue.wait(), "it waits already, and perhaps not alone"


async def test_a_quiet_input_wakes_nobody_and_goes_with_the_next_batch(
    autojump_clock: MockClock,
) -> None:
    input_queue = InputQueue()
    input_queue.put_quietly(BytesSent(LINK, 5))
    start = trio.current_time()
    await input_queue.wait(7)
    assert trio.current_time() - start == pytest.approx(7)
    input_queue.put(NetworkChanged())
    await input_queue.wait()
    assert input_queue.take() == [BytesSent(LINK, 5), NetworkChanged()]
    await input_queue.wait(7)
    assert trio.current_time() - start == pytest.approx(14)


async def test_what_disks_answer_soon_after_a_batch_is_gathered_too(
    autojump_clock: MockClock,
) -> None:
    input_queue = InputQueue()
    await input_queue.wait(0)
    start = trio.current_time()
    input_queue.put_soon(BlocksWritten(b"name", (1,)))
    await input_queue.put_bytes(LINK, b"more")
    assert await input_queue.wait(7)
    assert trio.current_time() - start == pytest.approx(GATHERED_MS / 1_000)
    assert len(input_queue.take()) == 2


async def test_a_link_has_room_for_what_does_not_wait_of_it_yet(nursery: trio.Nursery) -> None:
    input_queue = InputQueue()
    await input_queue.put_bytes(LINK, bytes(1_000))
    assert input_queue.room_bytes(LINK) == INPUT_BYTES_PER_LINK_MAX - 1_000
    assert input_queue.room_bytes(OTHER) == INPUT_BYTES_PER_LINK_MAX


async def test_while_nothing_of_any_link_waits_one_may_bring_more(nursery: trio.Nursery) -> None:
    input_queue = InputQueue()
    assert input_queue.room_bytes(LINK) == INPUT_BYTES_ALONE_MAX > INPUT_BYTES_PER_LINK_MAX
    # It waits with that until the engine has taken it, and the others have what they always had.
    nursery.start_soon(input_queue.put_bytes, LINK, bytes(INPUT_BYTES_ALONE_MAX))
    await wait_all_tasks_blocked()
    assert input_queue.room_bytes(OTHER) == INPUT_BYTES_PER_LINK_MAX
    assert len(nursery.child_tasks) == 1
    input_queue.take()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks
    assert input_queue.room_bytes(LINK) == INPUT_BYTES_ALONE_MAX


async def test_what_links_bring_soon_after_a_batch_is_gathered(autojump_clock: MockClock) -> None:
    input_queue = InputQueue()
    start = trio.current_time()
    await input_queue.put_bytes(LINK, b"first")
    await input_queue.wait(7)
    assert trio.current_time() == start, "after a pause nothing waits"
    input_queue.take()
    await input_queue.put_bytes(LINK, b"second")
    await input_queue.put_bytes(OTHER, b"third")
    await input_queue.wait(7)
    assert trio.current_time() - start == pytest.approx(GATHERED_MS / 1_000)
    assert len(input_queue.take()) == 2


async def test_a_person_does_not_wait_while_bytes_are_gathered(autojump_clock: MockClock) -> None:
    input_queue = InputQueue()
    start = trio.current_time()
    await input_queue.wait(0)
    await input_queue.put_bytes(LINK, b"bytes")
    input_queue.put(NetworkChanged())
    await input_queue.wait(7)
    assert trio.current_time() == start
    assert len(input_queue.take()) == 2
    await input_queue.put_bytes(LINK, b"more")
    await input_queue.wait(0)
    assert trio.current_time() == start, "nor does what is due"
