"""The nodes that could be dialled: where each is, how we came to know of it, how dialling it
went.
"""

from dataclasses import dataclass
from enum import Enum, auto

from mesh.ids import Address, DialId, LinkKey, Monotonic


class Source(Enum):
    """The source of a target; what a person typed is dialled first."""

    CONFIGURED = auto()
    ANNOUNCED = auto()
    REMEMBERED = auto()
    EXCHANGED = auto()


@dataclass(slots=True)
class Target:
    """Something that could be dialled. `rank` is drawn once, so that choices are random."""

    name: str
    source: Source
    addresses: list[Address]
    rank: int
    not_before: Monotonic
    failures_count: int = 0
    next_address: int = 0
    dial: DialId | None = None
    remote_key: LinkKey | None = None

    @property
    def is_blind(self) -> bool:
        """Say whether nobody says that it is there now: dials of such may hang for long."""
        return self.source is not Source.ANNOUNCED
