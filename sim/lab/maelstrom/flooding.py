"""The plain broadcast of Maelstrom's documentation: each new value goes on to every neighbour.

Its figures stand in Maelstrom's guide for four topologies. Where ours are the same, our workload
counts and times what Maelstrom's does, and the figures of our own node may stand beside others'.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sim.lab.maelstrom.node import Body, Message, Value

TREE_BRANCHES: Final = 4


class FloodingNode:
    """A node that gives each new value to all of its neighbours but the one that it has it from."""

    def __init__(self, neighbours: Sequence[int]) -> None:
        self._neighbours = neighbours
        self._name = ""
        self._names: list[str] = []
        self._values: dict[Value, None] = {}
        self._out: list[Message] = []

    @property
    def values(self) -> list[Value]:
        """All values that are known here, in the order in which they came."""
        return list(self._values)

    def received(self, message: Message, now: int) -> None:
        """A client or another node said something."""
        body = message.body
        if body.type == "init" and body.node_id is not None and body.node_ids is not None:
            self._name, self._names = body.node_id, body.node_ids
        value = body.message
        if body.type == "broadcast" and value is not None and value not in self._values:
            self._values[value] = None
            others = (self._names[neighbour] for neighbour in self._neighbours)
            said = Body(type="broadcast", message=value)
            self._out += [
                Message(self._name, other, said) for other in others if other != message.src
            ]
        if body.msg_id is not None:
            answer = Body(type=f"{body.type}_ok", in_reply_to=body.msg_id)
            self._out.append(Message(self._name, message.src, answer))

    def deadline(self) -> int | None:
        """It waits for nothing."""
        return None

    def deadline_passed(self, now: int) -> None:
        """Never."""

    def take(self, now: int) -> list[Message]:
        """All lines that go out now."""
        out, self._out = self._out, []
        return out


def _grid(own: int, count: int) -> list[int]:
    columns = next(side for side in range(1, count + 1) if side * side >= count)
    beside = [own - 1] if own % columns else []
    beside += [own + 1] if (own + 1) % columns else []
    return [one for one in (*beside, own - columns, own + columns) if 0 <= one < count]


def _line(own: int, count: int) -> list[int]:
    return [one for one in (own - 1, own + 1) if 0 <= one < count]


def _tree(own: int, count: int) -> list[int]:
    above = [(own - 1) // TREE_BRANCHES] if own else []
    first = own * TREE_BRANCHES + 1
    return above + list(range(first, min(first + TREE_BRANCHES, count)))


def _total(own: int, count: int) -> list[int]:
    return [one for one in range(count) if one != own]


TOPOLOGIES: Final[dict[str, Callable[[int, int], list[int]]]] = {
    "grid": _grid,
    "line": _line,
    "tree4": _tree,
    "total": _total,
}
"""Maelstrom's, by its names: the neighbours of a node among so many."""
