"""The tables of the faults of whole nodes, beside crashes and lost disks."""

from typing import Annotated, Literal

import msgspec

from sim.schema.fault_tables import Lasting, Positive, Seconds, Share, Span, Strict, Targeted

Sessions = Literal["poisson", "heavy-tailed", "bimodal"]


class Churn(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="churn"):
    """Computers come and go again and again until `between_s` ends, and are on then.

    Times on and off have the given means: memoryless; with a heavy tail (Pareto, 1.5); or mostly
    short and sometimes long (four of five a quarter of the mean, the fifth four times it).
    """

    sessions: Sessions = "poisson"
    up_s: Span = 120
    down_s: Span = 60
    share: Share = 1

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1]


class FlashCrowd(Strict, frozen=True, kw_only=True, tag_field="kind", tag="flash-crowd"):
    """So many of the nodes are switched on for the first time at once, and not at the beginning."""

    at_s: Seconds
    within_s: Positive = 1
    share: Share = 0.5

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.at_s + self.within_s


class MassFailure(Strict, frozen=True, kw_only=True, tag_field="kind", tag="mass-failure"):
    """So many of the nodes fail at once, without a word; for ever unless `down_s` is there.

    In `one-place`, as when the power fails in a part of a town, a drawn one fails and those who
    are the fewest hops from it, as all stand then.
    """

    at_s: Seconds
    where: Literal["anywhere", "one-place"] = "anywhere"
    share: Annotated[float, msgspec.Meta(gt=0, le=0.95)] = 0.4
    down_s: tuple[Positive, Positive] | None = None

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.at_s + (0 if self.down_s is None else self.down_s[1])


class Pauses(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="pauses"):
    """A process stands still, as when its memory is collected or a debugger stops it.

    Its machine goes on, so bytes still come in and are taken all at once afterwards.
    """


class SlowCpus(Lasting, frozen=True, kw_only=True, tag_field="kind", tag="slow-cpus"):
    """Some nodes think so many times as long as others."""

    times: Annotated[float, msgspec.Meta(ge=1, le=10_000)] = 20


class DutyCycles(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="duty-cycles"):
    """Telephones that sleep most of the time: of each period they are awake for `awake_s`.

    Who sleeps neither hears nor answers, and nobody is told. When `between_s` ends all are awake.
    With `shifts` they take turns: so many groups, each awake while the others sleep.
    """

    awake_s: Span = 20
    period_s: Span = 60
    share: Share = 0.5
    shifts: Annotated[int, msgspec.Meta(ge=2, le=100)] | None = None
    """Without them each falls asleep when it will."""

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1]


class Drifts(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="drifts"):
    """Calendars that go too fast or too slow by so many millionths, from a time on.

    With `period_s` they go too fast for half of each period and too slow for the other half.
    """

    ppm: tuple[Positive, Positive] = (10, 100)
    period_s: Span | None = None

    @property
    def ends_s(self) -> float:
        """Drifting goes on; nothing else begins after this."""
        return self.between_s[1]


Straggling = Literal["slow", "deaf", "mute"]


class Stragglers(Strict, frozen=True, kw_only=True, tag_field="kind", tag="stragglers"):
    """So many of the nodes fall behind at one moment and never catch up while it matters.

    Each in one of the `ways`, drawn: it thinks `times` as long as others, or nothing reaches it, or
    nothing that it says reaches anybody. All that must be so in the end must be so of the others
    all the same (L7), wherever these are joined without them.
    """

    at_s: Seconds
    share: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.25
    ways: Annotated[tuple[Straggling, ...], msgspec.Meta(min_length=1)] = ("slow", "deaf", "mute")
    times: Annotated[float, msgspec.Meta(ge=1, le=10_000)] = 200

    @property
    def ends_s(self) -> float:
        """Straggling goes on; nothing else begins after this."""
        return self.at_s


class Leases(Targeted, frozen=True, kw_only=True, tag_field="kind", tag="leases"):
    """Routers renew leases of DHCP with other addresses: streams of these nodes lead nowhere.

    Nobody else is told. `reused_share` of the addresses were another node's before, if any is
    free. Some systems say only that addresses are others (`renamed_share`), and a node takes that
    for another network; where the system says more it keeps its name and its links' key. With
    `at_once` the router restarts and has forgotten its leases: all at one drawn moment.
    """

    reused_share: Share = 0.5
    renamed_share: Share = 0.5
    at_once: bool = False

    @property
    def ends_s(self) -> float:
        """Return when it is over at the latest."""
        return self.between_s[1]


NodeFault = (
    Churn | FlashCrowd | MassFailure | Pauses | SlowCpus | DutyCycles | Drifts | Stragglers | Leases
)
