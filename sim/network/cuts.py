"""Cuts: what keeps a packet of one node from another, without either of them knowing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Cut(Protocol):
    """Something that lies between nodes while it is there."""

    def blocks(self, sender: int, receiver: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Sides:
    """Nodes on different sides do not reach each other.

    One that is not symmetric lets through what goes to a higher side. `between` reach everybody,
    as a machine does that stands on both networks. Who has no side stands apart from all others.
    """

    sides: Mapping[int, int]
    is_symmetric: bool = True
    between: Mapping[int, None] = field(default_factory=dict)

    def blocks(self, sender: int, receiver: int) -> bool:
        """Say whether nothing of the one reaches the other."""
        mine, theirs = self.sides.get(sender, -1), self.sides.get(receiver, -1)
        if mine == theirs or sender in self.between or receiver in self.between:
            return False
        return self.is_symmetric or mine > theirs


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Everybody reaches only who stands near them in a ring, so that no two see the same."""

    positions: Mapping[int, int]
    reach: int
    is_symmetric: bool = True

    def blocks(self, sender: int, receiver: int) -> bool:
        """Say whether the two stand too far apart; not symmetric: one way round only."""
        if sender not in self.positions or receiver not in self.positions:
            return False
        count = len(self.positions)
        ahead = (self.positions[receiver] - self.positions[sender]) % count
        if self.is_symmetric:
            return min(ahead, count - ahead) > self.reach
        return ahead > self.reach


@dataclass(frozen=True, slots=True)
class Silence:
    """A node hears nothing, or is not heard, or both."""

    node: int
    is_deaf: bool = True
    is_mute: bool = True

    def blocks(self, sender: int, receiver: int) -> bool:
        """Say whether it is about this node."""
        return (self.is_mute and sender == self.node) or (self.is_deaf and receiver == self.node)
