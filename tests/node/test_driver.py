"""The driver with a small door behind it."""

import threading
from collections.abc import Sequence

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from mesh.commands.answer import Done
from mesh.commands.messages import SendMessage
from mesh.commands.peers import AddPeer, AskPeers
from mesh.commands.status import AskStatus
from mesh.effects import Effect
from mesh.errors import StorageError, UserError
from mesh.events import Event, NoticeRaised
from mesh.ids import Instant, LinkId, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    BlobFailed,
    BlocksRead,
    BlocksWritten,
    BytesSent,
    Input,
    NetworkChanged,
)
from mesh.limits.node import (
    EVENTS_PER_SUBSCRIBER_MAX,
    EVENTS_PER_TURN,
    INPUT_BYTES_PER_LINK_MAX,
    INPUTS_HERE_MAX,
    QUICK_BATCH_MS_MAX,
    QUICK_BATCHES_MIN,
)
from mesh.node.driver import Driver, Outward
from mesh.node.input_queue import InputQueue
from tests.node.doors import Echo

READ_BYTES = 64 * 1024
DISK_ANSWERS = (
    BlocksRead(1, (b"x",)),
    BlocksWritten(b"n" * 16, (0,)),
    BlobFailed(b"n" * 16, is_full=False),
)


def trio_now() -> Instant:
    """Return the time of the trio run, which a test may hold still."""
    micros = round(trio.current_time() * 1_000_000)
    return Instant(Monotonic(micros), micros)


def nothing(effect: Outward) -> None:
    """Refuse effects that a door without links cannot have."""
    raise AssertionError(effect)


def driver_of(engine: Echo) -> Driver:
    """Return a driver with an inbox of its own."""
    return Driver(engine, InputQueue(), trio_now, nothing)


async def test_the_first_batch_is_empty_and_comes_at_once(nursery: trio.Nursery) -> None:
    echo = Echo()
    driver = driver_of(echo)
    nursery.start_soon(driver.run)
    await driver.tell(NetworkChanged())
    assert echo.batches[0] in ([], [NetworkChanged()])


async def test_each_batch_says_what_the_clocks_say(nursery: trio.Nursery) -> None:
    looks: list[Instant] = []
    driver = Driver(Echo(), InputQueue(), trio_now, nothing, looks.append)
    nursery.start_soon(driver.run)
    await driver.tell(NetworkChanged())
    count = len(looks)
    await driver.tell(NetworkChanged())
    assert len(looks) > count > 0


async def test_an_answer_is_returned_and_a_refusal_is_raised(nursery: trio.Nursery) -> None:
    driver = driver_of(Echo())
    nursery.start_soon(driver.run)
    assert await driver.ask(AskStatus()) == Done()
    with pytest.raises(UserError, match="nowhere is no address"):
        await driver.ask(AddPeer("nowhere"))


class SlowDisk(Echo):
    """A door whose commit takes as long as a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_written = threading.Event()

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Answer once the disk has written."""
        self.is_written.wait()
        return super().handle(batch, now)


async def test_while_the_disk_is_slow_a_peer_is_read_no_further_than_its_bound(
    nursery: trio.Nursery,
) -> None:
    disk, input_queue = SlowDisk(), InputQueue()
    driver = Driver(disk, input_queue, trio_now, perform=lambda effect: None)
    nursery.start_soon(driver.run)
    read_bytes = 0

    async def read() -> None:
        nonlocal read_bytes
        for _ in range(64):
            read_bytes += READ_BYTES
            await input_queue.put_bytes(LinkId(1), bytes(READ_BYTES))

    nursery.start_soon(read)
    await wait_all_tasks_blocked(0.05)
    held_bytes = read_bytes
    assert held_bytes <= 2 * INPUT_BYTES_PER_LINK_MAX + READ_BYTES
    disk.is_written.set()
    while read_bytes < 64 * READ_BYTES:
        await trio.lowlevel.checkpoint()
    assert held_bytes < read_bytes


class Whereabouts(Echo):
    """A door that notes in which thread it was called, and takes as long as it is told to."""

    def __init__(self, clock: MockClock) -> None:
        super().__init__()
        self._clock = clock
        self.takes_ms = 0
        self.was_here: list[bool] = []

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Note it; time passes on the clock that the test holds."""
        self.was_here.append(threading.current_thread() is threading.main_thread())
        if self.takes_ms:
            self._clock.jump(self.takes_ms / 1000)
        return super().handle(batch, now)


async def test_short_batches_run_on_the_event_loop_as_long_as_they_are_quick(
    mock_clock: MockClock,
) -> None:
    engine, input_queue = Whereabouts(mock_clock), InputQueue()
    driver = Driver(engine, input_queue, trio_now, perform=lambda effect: None)
    some = BytesSent(LinkId(1), 1)

    async def handled(count: int = 1) -> bool:
        for _ in range(count - 1):
            input_queue.put(some)
        await driver.tell(some)
        return engine.was_here[-1]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        while len(engine.was_here) < QUICK_BATCHES_MIN:
            await driver.tell(NetworkChanged())
        assert not any(engine.was_here)
        assert await handled()
        assert await handled(INPUTS_HERE_MAX)
        for answer in DISK_ANSWERS:
            await driver.tell(answer)
            assert engine.was_here[-1]
        assert not await handled(INPUTS_HERE_MAX + 1)
        await driver.ask(AskStatus())
        assert not engine.was_here[-1]
        message = Asked(RequestId(0), SendMessage("Bob", "hello"))
        await driver.tell(message)
        assert engine.was_here[-1:] == [True]
        input_queue.put(message)
        await driver.tell(message)
        assert engine.was_here[-1:] == [False]
        engine.takes_ms = QUICK_BATCH_MS_MAX + 1
        assert await handled()
        engine.takes_ms = 0
        assert [await handled() for _ in range(QUICK_BATCHES_MIN)] == [False] * QUICK_BATCHES_MIN
        assert await handled()
        nursery.cancel_scope.cancel()


async def test_a_cancelled_caller_leaves_nothing_behind(nursery: trio.Nursery) -> None:
    driver = driver_of(Echo())
    nursery.start_soon(driver.run)
    with trio.CancelScope() as scope:
        scope.cancel()
        await driver.ask(AskStatus())
    assert scope.cancelled_caught
    assert await driver.ask(AskStatus()) == Done()


async def test_many_callers_share_batches(nursery: trio.Nursery) -> None:
    echo = Echo()
    driver = driver_of(echo)
    nursery.start_soon(driver.run)
    async with trio.open_nursery() as callers:
        for _ in range(1_000):
            callers.start_soon(driver.ask, AskStatus())
    assert len(echo.batches) < 100


async def test_a_list_is_answered_in_its_order_in_one_batch(nursery: trio.Nursery) -> None:
    echo = Echo()
    driver = driver_of(echo)
    nursery.start_soon(driver.run)
    await driver.tell(NetworkChanged())
    answers = await driver.ask_all([AskStatus(), AddPeer("nowhere"), AskStatus()])
    assert [type(answer) for answer in answers] == [Done, UserError, Done]
    commands = [each.command for each in echo.batches[-1] if isinstance(each, Asked)]
    assert commands == [AskStatus(), AddPeer("nowhere"), AskStatus()]


async def test_the_engine_is_woken_at_its_deadline(mock_clock: MockClock) -> None:
    echo = Echo()
    echo.next_wake = Monotonic(5_000_000)
    driver = driver_of(echo)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await driver.tell(NetworkChanged())
        await wait_all_tasks_blocked()
        assert echo.wakes == []
        mock_clock.jump(5)
        await driver.tell(NetworkChanged())
        assert echo.wakes == [5_000_000]
        nursery.cancel_scope.cancel()


async def test_subscribers_hear_events_in_order_and_each_for_itself(nursery: trio.Nursery) -> None:
    driver = driver_of(Echo())
    nursery.start_soon(driver.run)
    with driver.subscribe() as first, driver.subscribe() as second:
        for name in ("a", "b"):
            with pytest.raises(UserError):
                await driver.ask(AddPeer(name))
        assert [await anext(first), await anext(first)] == [NoticeRaised("a"), NoticeRaised("b")]
        assert await anext(second) == NoticeRaised("a")


async def test_who_hears_is_told_at_once() -> None:
    driver = driver_of(Echo())
    heard: list[Event] = []
    driver.hear(heard.append)
    for number in range(EVENTS_PER_SUBSCRIBER_MAX + 1):
        driver.publish(NoticeRaised(str(number)))
    assert heard == [NoticeRaised(str(n)) for n in range(EVENTS_PER_SUBSCRIBER_MAX + 1)]


async def test_a_subscriber_that_does_not_read_is_let_go_after_an_unbroken_row() -> None:
    driver = driver_of(Echo())
    with driver.subscribe() as slow, driver.subscribe() as quick:
        for number in range(EVENTS_PER_SUBSCRIBER_MAX + 1):
            driver.publish(NoticeRaised(str(number)))
            assert await anext(quick) == NoticeRaised(str(number))
        heard = [event async for event in slow]
        assert heard == [NoticeRaised(str(n)) for n in range(EVENTS_PER_SUBSCRIBER_MAX)]
        assert slow.has_fallen_behind
        assert not quick.has_fallen_behind


async def test_two_who_were_apart_for_a_thousand_messages_each_cost_no_reader_its_row() -> None:
    # What is written, sent, carried, received and told, each for the message and for its item.
    told = 7 * 1_000
    driver = driver_of(Echo())
    with driver.subscribe() as events:
        for number in range(told):
            driver.publish(NoticeRaised(str(number)))
        for number in range(told):
            assert await anext(events) == NoticeRaised(str(number))
        assert not events.has_fallen_behind


async def test_what_happened_at_once_is_read_at_once_and_others_have_their_turn() -> None:
    driver = driver_of(Echo())
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    with driver.subscribe() as events:
        for number in range(2 * EVENTS_PER_TURN + 1):
            driver.publish(NoticeRaised(str(number)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            await trio.lowlevel.checkpoint()
            before = turns
            for _ in range(EVENTS_PER_TURN):
                await anext(events)
            assert turns == before
            for _ in range(EVENTS_PER_TURN + 1):
                await anext(events)
            assert turns > before
            nursery.cancel_scope.cancel()


class Failing(Echo):
    """A door whose disk is full."""

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Fail as soon as something is asked."""
        if batch:
            raise StorageError("The disk is full.")
        return []


async def test_a_failing_disk_ends_the_driver_and_every_caller_is_told() -> None:
    driver = driver_of(Failing())
    told: list[str] = []

    async def ask() -> None:
        with pytest.raises(UserError) as caught:
            await driver.ask(AskPeers())
        assert caught.value.kind == "stopping"
        told.append(str(caught.value))

    async def run() -> None:
        with pytest.raises(StorageError, match="The disk is full"):
            await driver.run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    await ask()
    assert len(told) == 3
    assert all("The disk is full" in sentence for sentence in told)


async def test_subscribers_end_when_the_driver_ends() -> None:
    driver = driver_of(Echo())
    with driver.subscribe() as events:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            await driver.tell(NetworkChanged())
            nursery.cancel_scope.cancel()
        assert [event async for event in events] == []
        assert not events.has_fallen_behind
