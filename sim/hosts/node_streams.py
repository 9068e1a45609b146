"""The streams of one node: their ends, and what was written of each since the engine was told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.ids import LinkId
from mesh.inputs import BytesSent, Disconnected, Input
from sim.invariants.invariants import S14, BrokenInvariant
from sim.kernel.loop import Loop
from sim.network.stream import End

REPORT_BYTES: Final = 128 * 1024
REPORT_US: Final = 60_000_000
"""Written bytes are reported with the node's next batch; so many, or after so long, by
themselves. An engine holds a whole MiB for a link, so it never waits for such a report, and
one for each ping would double what an idle node costs."""


@dataclass(slots=True)
class NodeStreams:
    """All ends at one node; `report` is called when its engine should be told what was written."""

    node: int
    loop: Loop
    report: Callable[[], None]
    _ends: dict[LinkId, End] = field(default_factory=dict)
    _unreported: dict[LinkId, int] = field(default_factory=dict)
    _is_report_planned: bool = False
    _links_count: int = 0

    def next_link(self) -> LinkId:
        """A number for a new stream."""
        self._links_count += 1
        return LinkId(self._links_count)

    def hold(self, end: End) -> None:
        """A stream of ours stands."""
        self._ends[end.link] = end

    def release(self, link: LinkId) -> None:
        """A stream of ours broke before the engine heard of it."""
        self._ends.pop(link, None)

    def sent(self, link: LinkId, count: int) -> None:
        """Bytes of a stream were written."""
        if link not in self._ends:
            return
        self._unreported[link] = self._unreported.get(link, 0) + count
        if self._unreported[link] >= REPORT_BYTES:
            self.report()
        elif not self._is_report_planned:
            self._is_report_planned = True
            self.loop.after(REPORT_US, self._report_late)

    def _report_late(self) -> None:
        self._is_report_planned = False
        if self._unreported:
            self.report()

    def end(self, link: LinkId) -> End:
        """The end of a link; S14 if an engine names one that has ended."""
        end = self._ends.get(link)
        if end is None:
            raise BrokenInvariant(S14, f"an effect names link {link}, which has ended", self.node)
        return end

    def take_reports(self) -> list[Input]:
        """Return what was written of each since the last time."""
        reports: list[Input] = [BytesSent(*item) for item in self._unreported.items()]
        self._unreported.clear()
        return reports

    def told(self, batch: Sequence[Input]) -> None:
        """The engine knows which have ended."""
        for happened in batch:
            if isinstance(happened, Disconnected):
                self._ends.pop(happened.link, None)

    def crash(self, *, is_silent: bool) -> None:
        """The node stops at once, and all streams with it."""
        self._unreported.clear()
        for end in list(self._ends.values()):
            end.crash(is_silent=is_silent)
        self._ends.clear()
