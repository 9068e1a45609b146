"""The pauses of what this node writes by itself, before it leaves.

Implements `docs/protocol/session.md`, section "When it leaves". An answer at once tells whoever
brought the question that this node could open it. So what nobody waits for leaves as retirements
do, after minutes; what people stand there waiting for after a few seconds; and what a person does,
at once.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.limits.messages import SOON_MS
from mesh.limits.retirements import RETIRE_DELAY_MS


class Pause(Enum):
    """The reason for a pause, or for none."""

    AT_ONCE = "our person did it"
    SOON = "people wait for it"
    LATER = "nobody waits for it"


@dataclass(frozen=True, slots=True)
class Pauses:
    """The shortest and the longest pause, in milliseconds; each is drawn evenly between them."""

    soon_ms: tuple[int, int] = SOON_MS
    later_ms: tuple[int, int] = RETIRE_DELAY_MS

    @classmethod
    def as_retirements(cls, retire_delay_ms: tuple[int, int]) -> Self:
        """Return the pauses of a node that tells retirements after such delays: none is longer."""
        longest_ms = retire_delay_ms[1]
        shortest, longest = SOON_MS
        return cls((min(shortest, longest_ms), min(longest, longest_ms)), retire_delay_ms)

    def drawn_ms(self, pause: Pause, entropy: Entropy) -> int:
        """Draw how long something waits."""
        if pause is Pause.AT_ONCE:
            return 0
        shortest_ms, longest_ms = self.soon_ms if pause is Pause.SOON else self.later_ms
        if not longest_ms:
            return 0
        return shortest_ms + uniform_below(entropy, longest_ms - shortest_ms + 1)
