"""The exclusion of people whom users shut out or removed (S19).

An invite that was taken back before anybody came by it lets nobody in, and a contact who was
removed is none any more. Both hold from the moment that the node has confirmed it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.invariants.invariants import S19, BrokenInvariant


@dataclass(slots=True)
class Exclusion:
    """The people whom each node keeps out, by the key of their identity."""

    _out: dict[tuple[int, str], None] = field(default_factory=dict)

    def add(self, node: int, key: str) -> None:
        """A node has confirmed to its user that these stay out."""
        self._out[node, key] = None

    def forget(self, node: int) -> None:
        """A node lost what its vault had learned: it may know whom it had removed."""
        self._out = {pair: None for pair in self._out if pair[0] != node}

    def let_in(self, node: int, keys: Iterable[str]) -> None:
        """A user lets these in again, by hand."""
        for key in keys:
            self._out.pop((node, key), None)

    def is_out(self, node: int, key: str) -> bool:
        """Say whether a node keeps somebody out."""
        return (node, key) in self._out

    def require_out(self, node: int, key: str) -> None:
        """Somebody has become a contact."""
        if (node, key) in self._out:
            detail = f"whoever has the key {key[:8]} was shut out, and has become a contact"
            raise BrokenInvariant(S19, detail, node)
