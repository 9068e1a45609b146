"""The streams that stand: each has two ends, and is found by the nodes that it joins."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.network.stream import End


@dataclass(frozen=True, slots=True)
class JoinedEnds:
    """A stream of which an end is held; `near` is the dialler's end."""

    near: End
    far: End
    network: int
    hosts: tuple[str, str]
    """At which addresses the near and the far end began."""

    @property
    def ends(self) -> tuple[End, End]:
        """Both of them."""
        return self.near, self.far


@dataclass(slots=True)
class StreamTable:
    """All streams of which an end is held, by number and by the nodes that they join."""

    next_number: int = 0
    live: dict[int, JoinedEnds] = field(default_factory=dict)
    by_node: dict[int, dict[int, None]] = field(default_factory=dict)

    def add(self, number: int, stream: JoinedEnds) -> None:
        """One more."""
        self.live[number] = stream
        for end in stream.ends:
            self.by_node.setdefault(end.host.index, {})[number] = None

    def end(self, number: int) -> None:
        """One less; it may have been ended before."""
        stream = self.live.pop(number, None)
        if stream is not None:
            for end in stream.ends:
                self.by_node[end.host.index].pop(number, None)

    def of(self, nodes: Iterable[int] | None) -> list[tuple[int, JoinedEnds]]:
        """Those that join any of these nodes; None: all."""
        if nodes is None:
            return list(self.live.items())
        numbers = {number: None for node in nodes for number in self.by_node.get(node, ())}
        return [(number, self.live[number]) for number in numbers]

    def links(self) -> list[tuple[int, int]]:
        """The pairs of nodes between which a stream stands that both hold and nothing stalls."""
        return [
            (stream.near.host.index, stream.far.host.index)
            for stream in self.live.values()
            if all(end.is_held and not end.is_stalled for end in stream.ends)
        ]

    def latencies_us(self) -> dict[tuple[int, int], int]:
        """(from, to) -> how long a wire takes, of each direction of these links."""
        return {
            (end.host.index, end.peer.host.index): end.latency_us
            for stream in self.live.values()
            for end in stream.ends
            if all(each.is_held and not each.is_stalled for each in stream.ends)
        }
