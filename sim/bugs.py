"""Bugs that are planted on purpose, to show that the simulator finds them.

`mesh/` has no hook for any of these. A bug replaces a machine of a new engine by one that does
the same, but for one thing that a programmer could have forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesh.engine.door import Engine
from mesh.ids import Instant, LinkId
from mesh.replication.spreading import Spreading
from mesh.wire.frames import Frame, ListAgain, ListPage, ListWanted
from sim.laptop import Plant


class WithoutAntiEntropy(Spreading):
    """Pushes what is new and never compares: what was missed stays missed."""

    def __init__(self, replaced: Spreading) -> None:
        # Deliberately no super().__init__: it takes over everything that the machine has loaded.
        vars(self).update(vars(replaced))

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Drop the frames by which two stores are compared."""
        if not isinstance(frame, ListWanted | ListPage | ListAgain):
            super().received(link, frame, now)


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug with a sentence for people."""

    sentence: str
    plant: Plant


def _drop_anti_entropy(engine: Engine) -> None:
    engine.spreading = WithoutAntiEntropy(engine.spreading)


BUGS: Final[Mapping[str, Bug]] = {
    "no-anti-entropy": Bug("Nodes never compare what they hold.", _drop_anti_entropy),
}
"""By the names that `--bug` takes."""
