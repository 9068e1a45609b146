"""Virtual time: a bucket queue of what happens when.

Times are integer microseconds, rounded up to the tick. What happens in one tick stands in one
list, and a heap orders the ticks: most events share a tick with others, so an event costs a list
append and not a heap operation. What is planned for the running tick joins its end.

Things of one tick run in the order in which they were planned or, with `order`, in a drawn one.
Whoever needs an order among its own (a stream's bytes) keeps a queue of its own and plans only
"look at the queue".
"""

from collections.abc import Callable
from heapq import heappop, heappush

from sim.kernel.entropy import Chance

Action = Callable[[], None]


class Loop:
    """The clock and the plan of one simulated world. `now` never goes back."""

    def __init__(self, *, tick_us: int = 1, order: Chance | None = None) -> None:
        assert tick_us > 0
        self.now = 0
        self.events_count = 0
        self.tick_us = tick_us
        self._order = order
        self._buckets: dict[int, list[Action]] = {}
        self._ticks: list[int] = []

    def at(self, when: int, action: Action) -> None:
        """Plan an action for the first tick that is not before `when`, nor before now."""
        tick_us = self.tick_us
        tick = max(-(-when // tick_us) * tick_us, self.now)
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = [action]
            heappush(self._ticks, tick)
        else:
            bucket.append(action)

    def after(self, delay_us: int, action: Action) -> None:
        """Plan an action so long from now."""
        self.at(self.now + delay_us, action)

    @property
    def next_at(self) -> int | None:
        """Return when the next thing happens."""
        return self._ticks[0] if self._ticks else None

    def run_until(self, end: int) -> None:
        """Run everything that is due up to `end`, and let it be `end`.

        An exception of an action ends the run; `now` then says when it was.
        """
        ticks = self._ticks
        while ticks and ticks[0] <= end:
            tick = heappop(ticks)
            self.now = tick
            bucket = self._buckets[tick]
            if self._order is not None:
                self._order.shuffle(bucket)
            # The list may grow while it runs: actions plan others for the same tick.
            for action in bucket:
                self.events_count += 1
                action()
            del self._buckets[tick]
        self.now = max(self.now, end)
