"""A queue of ids by the time at which something is to be done; times may change."""

from heapq import heapify, heappop, heappush

from mesh.ids import EnvelopeId, Monotonic


class DueIds:
    """At most `count_max` ids, and when each falls due.

    A time that was changed or cancelled stays in the heap, and is passed over when its turn comes.
    """

    def __init__(self, *, count_max: int) -> None:
        self._heap_max = 2 * count_max
        self._times: dict[EnvelopeId, Monotonic] = {}
        self._heap: list[tuple[Monotonic, int, EnvelopeId]] = []
        self._scheduled_count = 0

    def find(self, id_: EnvelopeId) -> Monotonic | None:
        """Return when an id falls due; None if it does not."""
        return self._times.get(id_)

    def schedule(self, id_: EnvelopeId, due: Monotonic) -> None:
        """An id falls due then, and not when it did before."""
        self._times[id_] = due
        heappush(self._heap, (due, self._scheduled_count, id_))
        self._scheduled_count += 1
        if len(self._heap) > self._heap_max:
            # Ids that a link announces and takes back again, without end.
            self._heap = [one for one in self._heap if self._times.get(one[2]) == one[0]]
            heapify(self._heap)

    def cancel(self, id_: EnvelopeId) -> None:
        """Nothing is to be done about an id any more."""
        self._times.pop(id_, None)

    def find_first(self) -> Monotonic | None:
        """Return when the next id falls due."""
        while self._heap and self._times.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: Monotonic) -> tuple[EnvelopeId, Monotonic] | None:
        """An id that is due, and since when; None if there is none left."""
        while self._heap and self._heap[0][0] <= now:
            _, _, id_ = heappop(self._heap)
            due = self._times.get(id_)
            if due is not None and due <= now:
                del self._times[id_]
                return id_, due
        return None
