"""Runs one engine: inputs in, one batch at a time, effects out in order.

A batch runs in a worker thread. Meanwhile sockets are read and further inputs gather; they make up
the next batch. So a node that is busy commits rarely and much. To wake a thread, and be woken by
it, costs more than the whole of a short batch where mail comes now and then. So a batch of a few
reads, or of one message, runs here, on the event loop, as long as the last ones were quick, disk
and all; one that was not sends those after it to the thread. Nothing here sleeps, except until the
engine's own deadline.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

import trio

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.item_commands import WriteItem
from mesh.commands.messages import SendMessage
from mesh.effects import (
    Announce,
    BlobEffect,
    Dial,
    Disconnect,
    Effect,
    Emit,
    MintStamp,
    Reply,
    SendBytes,
)
from mesh.errors import StorageError, UserError
from mesh.events import Event
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    BlobFailed,
    BlocksRead,
    BlocksWritten,
    BytesReceived,
    BytesSent,
    CarryAsked,
    Input,
)
from mesh.limits.node import (
    ASKS_PENDING_MAX,
    INPUTS_HERE_MAX,
    QUICK_BATCH_MS_MAX,
    QUICK_BATCHES_MIN,
)
from mesh.node.clock import Clock
from mesh.node.input_queue import InputQueue
from mesh.node.subscription import Subscribers, Subscription

Outward = Dial | SendBytes | Disconnect | Announce | MintStamp | BlobEffect
"""The effects that others carry out; the rest are answers and events."""

_SHORT = (BytesReceived, BytesSent, BlocksRead, BlocksWritten, BlobFailed)
"""What may be handled on the event loop."""


class EngineDriven(Protocol):
    """A thing that is driven: the engine, or in a test anything else with its methods."""

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]: ...
    def deadline(self) -> Monotonic | None: ...


@dataclass(slots=True)
class _Ask:
    """A caller that waits for its answer."""

    answered: trio.Event = field(default_factory=trio.Event)
    answer: Answer | UserError | None = None


class Driver:
    """Drives one engine until it is cancelled or the engine fails."""

    def __init__(
        self,
        engine: EngineDriven,
        input_queue: InputQueue,
        clock: Clock,
        perform: Callable[[Outward], None],
        looked: Callable[[Instant], None] = lambda now: None,
    ) -> None:
        """`looked` is told at each batch what the clocks say."""
        self._engine = engine
        self._input_queue = input_queue
        self._clock = clock
        self._perform = perform
        self._looked = looked
        self._subscribers = Subscribers()
        self._requests = count(1)
        self._asks: dict[RequestId, _Ask] = {}
        self._asks_room = trio.Semaphore(ASKS_PENDING_MAX)
        self._lists_turn = trio.Lock()
        # The worker thread is not one of trio's shared forty, so nothing else can take its place.
        self._thread = trio.CapacityLimiter(1)
        # How many batches in a row were quick.
        self._quick_count = 0
        self._taken_count = 0
        self._batch_done = trio.Event()
        self._is_stopped = False
        self._failure = ""

    async def run(self) -> None:
        """Drive; raises what the engine raises (StorageError, AssertionError)."""
        try:
            await trio.lowlevel.checkpoint()
            while True:
                await self._run_batch()
                pause_s = self._seconds_to_deadline()
                # What is due at once goes on before any other task: mail is on its way.
                has_rested = pause_s > 0 and await self._input_queue.wait(pause_s)
                if not has_rested:
                    # Others have their turn even between batches that no thread runs.
                    await trio.lowlevel.checkpoint()
        except StorageError as error:
            self._failure = str(error)
            raise
        finally:
            self._stop()

    async def ask(self, command: Command) -> Answer:
        """Ask the engine; raises UserError. A caller may be cancelled: the command still runs."""
        return await self._answer_of(partial(Asked, command=command))

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Ask for several things in their order; each is answered or refused by itself.

        One caller at a time, so that what waits stays bounded however many have long lists.
        """
        async with self._lists_turn:
            return await self._answered(*(partial(Asked, command=each) for each in commands))

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Ask for a piece of a file that goes by hand; raises UserError."""
        return await self._answer_of(partial(CarryAsked, command=command))

    async def _answer_of(self, input_of: Callable[[RequestId], Asked | CarryAsked]) -> Answer:
        try:
            # As a rule there is room, and then nothing to wait for.
            self._asks_room.acquire_nowait()
        except trio.WouldBlock:
            await self._asks_room.acquire()
        try:
            [answer] = await self._answered(input_of)
        finally:
            self._asks_room.release()
        if isinstance(answer, UserError):
            raise answer
        return answer

    async def _answered(
        self, *inputs: Callable[[RequestId], Asked | CarryAsked]
    ) -> list[Answer | UserError]:
        if self._is_stopped:
            raise self._stopping()
        asks = {RequestId(next(self._requests)): _Ask() for _ in inputs}
        self._asks |= asks
        for request, input_of in zip(asks, inputs, strict=True):
            self._input_queue.put(input_of(request))
        try:
            for ask in asks.values():
                await ask.answered.wait()
        finally:
            for request in asks:
                self._asks.pop(request, None)
        # A command without an answer may have been done or not: the node stopped over it.
        return [self._stopping() if ask.answer is None else ask.answer for ask in asks.values()]

    async def tell(self, happened: Input) -> None:
        """Put one input and wait until the engine has handled it."""
        self._input_queue.put(happened)
        ordinal = self._input_queue.put_count
        while self._taken_count < ordinal and not self._is_stopped:
            await self._batch_done.wait()

    def subscribe(self) -> AbstractContextManager[Subscription]:
        """Listen to events: `with driver.subscribe() as events: async for event in events`."""
        return self._subscribers.subscribe()

    def hear(self, hearer: Callable[[Event], None]) -> None:
        """Call somebody for each event, at once, for as long as the node runs."""
        self._subscribers.hear(hearer)

    def publish(self, event: Event) -> None:
        """Tell the subscribers something that the shell itself has noticed."""
        self._subscribers.publish(event)

    async def _run_batch(self) -> None:
        batch = self._input_queue.take()
        for effect in await self._handled(batch):
            match effect:
                case Emit(event):
                    self._subscribers.publish(event)
                case Reply(request, answer):
                    self._reply(request, answer)
                case _:
                    self._perform(effect)
        self._taken_count += len(batch)
        self._batch_done.set()
        self._batch_done = trio.Event()

    async def _handled(self, batch: Sequence[Input]) -> list[Effect]:
        now = self._clock()
        self._looked(now)
        if self._is_short(batch):
            effects = self._engine.handle(batch, now)
        else:
            effects = await trio.to_thread.run_sync(
                self._engine.handle, batch, now, limiter=self._thread
            )
        took_us = self._clock().monotonic - now.monotonic
        self._quick_count = self._quick_count + 1 if took_us <= QUICK_BATCH_MS_MAX * 1000 else 0
        return effects

    def _is_short(self, batch: Sequence[Input]) -> bool:
        """Say whether a batch may run on the event loop: nobody knows what a command takes, but for
        one message. Of several the thread commits while the loop reads the next requests.
        """
        if self._quick_count < QUICK_BATCHES_MIN or len(batch) > INPUTS_HERE_MAX:
            return False
        asked = [happened for happened in batch if not isinstance(happened, _SHORT)]
        return not asked or (len(asked) == 1 and _is_message(asked[0]))

    def _reply(self, request: RequestId, answer: Answer | UserError) -> None:
        ask = self._asks.pop(request, None)
        if ask is not None:
            ask.answer = answer
            ask.answered.set()

    def _seconds_to_deadline(self) -> float:
        deadline = self._engine.deadline()
        if deadline is None:
            return math.inf
        return max(0, deadline - self._clock().monotonic) / 1_000_000

    def _stop(self) -> None:
        self._is_stopped = True
        for ask in self._asks.values():
            ask.answered.set()
        self._batch_done.set()
        self._subscribers.end()

    def _stopping(self) -> UserError:
        """Tell callers why they get no answer any more."""
        sentence = self._failure or "The node is stopping; start it again with `mesh up`."
        return UserError("stopping", sentence)


def _is_message(happened: Input) -> bool:
    return isinstance(happened, Asked) and isinstance(happened.command, SendMessage | WriteItem)
