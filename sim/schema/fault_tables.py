"""The tables of a scenario that say which faults its nodes have; `kind` names the table.

Who has one, when exactly and how hard is drawn from the seed, for each node by itself.
"""

from typing import Annotated, Final, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
"""Thirty years: longer than any world, and finite."""

Span = Annotated[float, msgspec.Meta(ge=0.1, le=1e9)]
"""A time after which something comes again: never at once, or it would never end."""

NodesCount = Annotated[int, msgspec.Meta(ge=2, le=10_000)]


StatementCount = Annotated[int, msgspec.Meta(ge=1, le=1_000)]

STATEMENTS_BEFORE_CRASH_MAX: Final = 12
"""A batch runs about so many statements on its databases; a crash within falls before one."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root of all tables of a scenario: a word that it does not know is an error."""


class Halves(Strict, frozen=True, kw_only=True, tag_field="kind", tag="halves"):
    """The mesh falls in two halves and heals. Streams across are reset or stall.

    `by` "network" keeps each network whole where there is more than one; "node" draws the side
    of every node.
    """

    at_s: Seconds
    for_s: Positive
    by: Literal["network", "node"] = "network"
    reset_share: Share = 0.5

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.at_s + self.for_s


class Targeted(Strict, frozen=True, kw_only=True):
    """The root of what strikes some nodes, each at a drawn time."""

    between_s: tuple[Seconds, Seconds]
    share: Share = 0.2


class Lasting(Targeted, frozen=True, kw_only=True):
    """The root of what begins at a drawn time and ends after another."""

    for_s: tuple[Positive, Positive]

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1] + self.for_s[1]


class Stopping(Targeted, frozen=True, kw_only=True):
    """The root of what stops a node and starts it again a while later."""

    down_s: tuple[Positive, Positive] = (2, 30)

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1] + self.down_s[1]


class Crashes(Stopping, frozen=True, kw_only=True, tag_field="kind", tag="crashes"):
    """Some nodes crash, each at a drawn time, and start again over what they had committed.

    A silent crash tells no neighbour; one within a batch falls between two statements of a
    database.
    """

    silent_share: Share = 0.5
    within_batch_share: Share = 0.5
    statements: tuple[StatementCount, StatementCount] = (1, STATEMENTS_BEFORE_CRASH_MAX)
    """Before which statement the power fails, of those that the node runs next."""


class Absences(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="absences"):
    """Some computers are turned off for long, while mail is written to them, and on again.

    With `at_home_s` they come and go again and again until `between_s` ends.
    """

    at_home_s: tuple[Positive, Positive] | None = None


class Rollbacks(Stopping, frozen=True, kw_only=True, tag_field="kind", tag="rollbacks"):
    """Some nodes crash and start again from an older snapshot, as after a restored backup.

    The snapshot is taken `back_s` before the crash and puts back the database that `which`
    names; "any" draws that.
    """

    back_s: tuple[Positive, Positive] = (5, 60)
    which: Literal["store", "vault", "both", "any"] = "any"


class Wipes(Stopping, frozen=True, kw_only=True, tag_field="kind", tag="wipes"):
    """Some nodes lose both databases.

    The same user makes a new identity on the empty node, and befriends again whom they knew.
    """


class Clones(Strict, frozen=True, kw_only=True, tag_field="kind", tag="clones"):
    """A second machine runs from a copy of a node's databases for a while, and is then gone.

    It opens mail and writes, under the same identity and from the same keys.
    """

    between_s: tuple[Seconds, Seconds]
    for_s: tuple[Positive, Positive] = (20, 60)
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    messages_count: Annotated[int, msgspec.Meta(ge=0)] = 3

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1] + self.for_s[1]


class Clocks(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="clocks"):
    """Some calendars jump by so much, either way, or stand still.

    They are set right after `for_s`, or without it never. Before the first boot this is a clock
    that was wrong from the beginning.
    """

    wrong_h: tuple[Positive, Positive] = (1, 48)
    frozen_share: Share = 0
    for_s: tuple[Positive, Positive] | None = None
    at_most: Share = 1
    """However many are drawn, no more of all nodes than these: nobody can know the time where
    hardly two clocks are right."""

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1] + (0 if self.for_s is None else self.for_s[1])


class Locks(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="locks"):
    """Some users lock their vault for a while; the node goes on carrying mail without it."""


class Blocks(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="blocks"):
    """Some users block one of their contacts for a while."""


class Revocations(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="revocations"):
    """Some users give an invite to somebody whom they do not know, and take it back.

    `for_s` is the time after which it is used, and the time after which it is taken back: each is
    drawn by itself, so that either may come first.
    """


class Removals(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="removals"):
    """Some users remove one of their contacts for good, with all that was written."""

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1]


class LeftOut(Strict, frozen=True, kw_only=True, tag_field="kind", tag="left-out"):
    """Nothing: a shrunk scenario has it in the place of a table of which nothing is left.

    Chance goes by the number of a table, and so those after it keep theirs.
    """

    @property
    def ends_s(self) -> float:
        """It never began."""
        return 0


Fault = (
    Halves
    | Crashes
    | Absences
    | Rollbacks
    | Wipes
    | Clones
    | Clocks
    | Locks
    | Blocks
    | Revocations
    | Removals
    | LeftOut
)
