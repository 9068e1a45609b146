"""The program `mesh` of a node that gives half of the bodies it owes, and tells nobody.

Each time that a body should leave over a link, a throw decides whether it does. To the node itself
and to its neighbours all looks as if it had: what is lost has to be asked for again. No body is
withheld from a neighbour twice, and each root goes to all neighbours: they are minutes apart and go
to one by chance, so that in one run of fifty a loss would be found after ten minutes only.
"""

import hashlib
import random
from collections.abc import Callable
from typing import Final

from mesh.cli.main import main
from mesh.engine.forwarding.body_sender import BodySender
from mesh.ids import Instant, LinkId
from mesh.replication.outgoing import Outgoing
from mesh.replication.roots import Roots
from mesh.wire.frames import Frame, Push, Stem
from sim.patching import Patch, patched

WITHHELD: Final = "bodies_withheld"
"""The counter of such a node, in its own status."""

_chance: Final = random.Random(19)
_frames: Final = BodySender.frames
_roots: Final = Roots.deadline_passed
_withheld: Final = set[tuple[LinkId, bytes]]()


def _half(sender: BodySender, outgoing: Outgoing, link: LinkId, room_bytes: int) -> list[Frame]:
    owed = _frames(sender, outgoing, link, room_bytes)
    given = [frame for frame in owed if not _is_withheld(frame, link)]
    sender._counters.count(WITHHELD, len(owed) - len(given))
    return given


def _is_withheld(frame: Frame, link: LinkId) -> bool:
    if not isinstance(frame, Push | Stem) or _chance.random() < 0.5:
        return False
    body = link, hashlib.sha256(frame.envelope).digest()
    is_first = body not in _withheld
    _withheld.add(body)
    return is_first


def _to_all(
    roots: Roots, is_eager: Callable[[LinkId], bool], now: Instant
) -> list[tuple[LinkId, Frame]]:
    told = _roots(roots, is_eager, now)
    return [(link, root) for _, root in told for link in roots._heard_at]


if __name__ == "__main__":
    with patched(Patch(BodySender, "frames", _half), Patch(Roots, "deadline_passed", _to_all)):
        main()
