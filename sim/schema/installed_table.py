"""The tables of a scenario that name what an installed package adds to its world."""

from typing import Literal

import msgspec

from sim.schema.fault_tables import Seconds, Strict


class Installed(Strict, frozen=True, kw_only=True):
    """A workload or a fault that a package gives under this name (`sim.installed`)."""

    kind: Literal["workload", "fault"]
    name: str
    between_s: tuple[Seconds, Seconds]
    """All that it does it does within this time."""

    values: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)
    """It is told these; only it knows what these mean."""
