"""The room on the disk, and what is taken in though there is little of it.

Implements `docs/protocol/storage.md`, section "A full disk". On a scarce disk nobody's mail is kept
but what was written here: who is told that something was kept would know whose contact wrote it.
"""

from mesh.commands.status import Disk
from mesh.errors import UserError
from mesh.ids import EnvelopeId
from mesh.limits.storage import SPARED_IDS_MAX
from mesh.retention.eviction import DepthOf
from mesh.trust.distance import Depth
from mesh.wire.envelope import Header


class DiskRoom:
    """The room of one batch: it changes between two."""

    def __init__(self, depth_of: DepthOf) -> None:
        self._depth_of = depth_of
        self.disk: Disk = "room"
        self.is_full = False
        """Nothing may be written."""

        # What was not taken for want of room: it is asked for when there is some again.
        self._spared: dict[EnvelopeId, None] = {}

    def become(self, disk: Disk) -> None:
        """There is so much room from now on."""
        self.disk, self.is_full = disk, disk == "full"

    def require(self) -> None:
        """Raise UserError `no-room` where nothing may be written."""
        if self.is_full:
            raise no_room()

    def is_spared(self, header: Header) -> bool:
        """Say whether this is of others, and there is no room for that."""
        is_own = self._depth_of(header.posting_key, header.day) is Depth.OWN
        return self.disk == "scarce" and not is_own

    def spared(self, envelope_id: EnvelopeId) -> None:
        """The body of this one was not taken."""
        self._spared[envelope_id] = None
        if len(self._spared) > SPARED_IDS_MAX:
            del self._spared[next(iter(self._spared))]

    def take_spared(self) -> list[EnvelopeId]:
        """Return what there is room for now."""
        taken, self._spared = list(self._spared), {}
        return taken


def no_room() -> UserError:
    """Return why nothing of a person's is stored now."""
    return UserError(
        "no-room",
        "The disk is full: this was not stored. Free some space on the disk of the profile, and it "
        "can be said again; what is here can be read.",
        reason="disk",
    )
