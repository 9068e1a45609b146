"""The tables of a scenario that say how disks fail under a node that runs."""

from typing import Annotated, Final, Literal

import msgspec

from sim.schema.delay_laws import DelayLaw, LogNormal
from sim.schema.fault_tables import Lasting, Positive, Share, Stopping

Commits = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Trying(Lasting, frozen=True, kw_only=True):
    """The root of what stops a node that notices it; somebody starts it again, and again."""

    tries_s: tuple[Positive, Positive] = (1, 10)
    """How long after each stop."""

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest, and the node runs again."""
        return self.between_s[1] + self.for_s[1] + self.tries_s[1]


SEEN_WITHIN_S: Final = 5
"""A node looks at its disk so often."""

TRIED_WITHIN_S: Final = 10
"""After a write that failed it tries none for so long."""


class FullDisks(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="full-disks"):
    """Some disks are full for a while: everything can be read, and nothing written.

    Their nodes go on. They see it when they look, or by a write that fails.
    """

    @property
    def ends_s(self) -> float:
        """Return when the last of them writes again at the latest."""
        return self.between_s[1] + self.for_s[1] + SEEN_WITHIN_S + TRIED_WITHIN_S


class FailingDisks(Trying, frozen=True, kw_only=True, tag_field="kind", tag="failing-disks"):
    """Some disks fail at this share of the statements, reading or writing (EIO).

    Whether a commit that failed is there after the next start is drawn.
    """

    statements: Share = 0.02


class SlowDisks(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="slow-disks"):
    """Some disks take long over each commit, and now and then a *spike* longer.

    What a batch wants done leaves when it is committed, so a crash may come in between.
    """

    commit: DelayLaw = LogNormal(median_ms=30, sigma=1)
    spikes: Share = 0.02
    spike_ms: tuple[Positive, Positive] = (200, 3_000)


class LostFsyncs(Stopping, frozen=True, kw_only=True, tag_field="kind", tag="lost-fsyncs"):
    """Some disks lie about what they keep, and then the power fails.

    Of each database the last commits are gone, a number up to the one that is drawn.
    """

    commits: tuple[Commits, Commits] = (1, 20)


class Rots(Stopping, frozen=True, kw_only=True, tag_field="kind", tag="rots"):
    """Some nodes stop, and what stands on their disks rots: it is files then, under a key.

    A damaged store is replaced by one that the neighbours fill. A damaged vault stops the node;
    `mends_s` later its person saves what can be read. Where that is not even who they are, they put
    back a backup that was made `backup_s` before, or without it begin anew as somebody else.
    """

    which: Literal["store", "vault", "both", "any"] = "any"
    damage: Literal["decayed", "torn", "misdirected", "emptied", "cut-short", "any"] = "any"
    """Bits that flipped, a write that was torn, one that went over another page, a page of zeros,
    or a file without its end."""
    mends_s: tuple[Positive, Positive] = (1, 10)
    backup_s: tuple[Positive, Positive] | None = None

    @property
    def ends_s(self) -> float:
        """Return when the last of them runs again at the latest."""
        return self.between_s[1] + self.down_s[1] + self.mends_s[1]


DiskFault = FullDisks | FailingDisks | SlowDisks
"""What a disk does while its node runs; lost fsyncs and rot are seen when it starts again."""
