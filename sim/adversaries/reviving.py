"""A behaviour that plays again what is over: mail that was opened, and the tokens that say so.

An honest node forgets the body of a retired envelope. This one keeps it until its retirement has
gone round, and then gives it to everybody as if it were new, in all ways in which mail comes.
"""

from collections import deque
from typing import Final

from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId
from mesh.wire.envelope import SIZE_BYTES, envelope_id_of
from mesh.wire.frames import Frame, IHave, IWant, Push, Retired, Stem, join_entries, split_entries
from mesh.wire.retirement import (
    RETIREMENT_SIZE_CLASS,
    Retirement,
    join_retirements,
    split_retirements,
)
from sim.adversaries.withholding import BlackHole
from sim.kernel.entropy import Chance, SeededEntropy

REMEMBERED_MAX: Final = 256
"""Bodies that are kept, and retirements of some of them."""


class Reviving(BlackHole):
    """Gives to everybody, as if it were new, what was opened long ago."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._bodies: dict[EnvelopeId, bytes] = {}
        self._over: deque[Retirement] = deque(maxlen=REMEMBERED_MAX)
        self.revived: dict[EnvelopeId, None] = {}
        """Those of which it gave somebody the body, and knew that they were retired."""

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Keep bodies, and ask for the retirements that are announced."""
        super().came(link, frame, now)
        match frame:
            case Push(envelope=envelope) | Stem(envelope=envelope):
                self._bodies[envelope_id_of(envelope)] = envelope
                while len(self._bodies) > REMEMBERED_MAX:
                    del self._bodies[next(iter(self._bodies))]
            case IHave(entries=entries):
                ids = b"".join(id_ for id_, size in _listed(entries) if _is_over(size))
                if ids:
                    self.say(link, IWant(ids))
            case Retired(entries=entries):
                self._over.extend(split_retirements(entries))
            case _:
                pass

    def act(self, now: Instant) -> None:
        """One of them, to one neighbour: announced, given, begun anew, or retired once more."""
        link = self.a_link()
        known = [one for one in self._over if one.envelope in self._bodies]
        if link is None or not known:
            return
        over = self.chance.pick(known)
        body = self._bodies[over.envelope]
        announced = join_entries([(over.envelope, SIZE_BYTES.index(len(body)))])
        again: list[Frame] = [
            IHave(announced, 0),
            Push(body),
            Stem(body),
            Retired(join_retirements([over])),
        ]
        frame = self.chance.pick(again)
        if isinstance(frame, Push | Stem):
            self.revived[over.envelope] = None
        self.say(link, frame)


def _is_over(size: int) -> bool:
    return size == RETIREMENT_SIZE_CLASS


def _listed(entries: bytes) -> list[tuple[EnvelopeId, int]]:
    try:
        return list(split_entries(entries))
    except PeerError:
        return []
