"""Listening to events: each subscriber has a queue of its own, and a bound on it."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from mesh.errors import UserError
from mesh.events import Event
from mesh.limits.node import EVENTS_PER_SUBSCRIBER_MAX, EVENTS_PER_TURN, SUBSCRIBERS_MAX


class Subscription:
    """The events since `subscribe`, in order: `async for event in subscription`.

    The iteration ends when the node stops, and when the subscriber fell so far behind that
    events were left out: then `has_fallen_behind` is true, after the last event of the
    unbroken row. It may read the present state and subscribe again.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self._is_over = False
        # Read since others had their turn: what happened at once is read at once.
        self._read_count = 0
        self.has_fallen_behind = False

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Event:
        if self._events and self._read_count >= EVENTS_PER_TURN:
            self._read_count = 0
            await trio.lowlevel.checkpoint()
        while not self._events:
            if self._is_over:
                raise StopAsyncIteration
            self._read_count = 0
            await self._arrived.park()
        self._read_count += 1
        return self._events.popleft()

    def offer(self, event: Event) -> bool:
        """Queue one event; False if this subscriber has fallen behind and gets no more."""
        if len(self._events) >= EVENTS_PER_SUBSCRIBER_MAX:
            self.has_fallen_behind = True
            self.end()
            return False
        self._events.append(event)
        self._arrived.unpark_all()
        return True

    def end(self) -> None:
        """Let the iteration end after what is queued."""
        self._is_over = True
        self._arrived.unpark_all()


class Subscribers:
    """All who listen."""

    def __init__(self) -> None:
        self._subscriptions: dict[int, Subscription] = {}
        self._next = 0
        self._hearers: list[Callable[[Event], None]] = []

    def hear(self, hearer: Callable[[Event], None]) -> None:
        """Call somebody for each event, in the turn in which it is told: nothing wakes for it.

        It must not wait, and for as long as the node runs it is called.
        """
        self._hearers.append(hearer)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Listen for as long as the block runs."""
        if len(self._subscriptions) >= SUBSCRIBERS_MAX:
            raise UserError("too-many", f"More than {SUBSCRIBERS_MAX} programs listen already.")
        number, subscription = self._next, Subscription()
        self._next += 1
        self._subscriptions[number] = subscription
        try:
            yield subscription
        finally:
            self._subscriptions.pop(number, None)
            subscription.end()

    def publish(self, event: Event) -> None:
        """Tell everybody; who has no room is let go."""
        for hearer in self._hearers:
            hearer(event)
        behind = [n for n, each in self._subscriptions.items() if not each.offer(event)]
        for number in behind:
            del self._subscriptions[number]

    def end(self) -> None:
        """The node stops: nothing will follow."""
        for subscription in self._subscriptions.values():
            subscription.end()
        self._subscriptions.clear()
