"""Store, carry and forward over recorded contacts, with the routing rule as a plug-in.

What others publish about routing in disruption-tolerant networks (The ONE: Keranen, Ott and
Karkkainen, "The ONE simulator for DTN protocol evaluation", SIMUTools 2009) is computed here by
events alone: a contact begins, a transfer ends, a message is written. It shows that our contacts
and our clock mean what theirs mean, and gives the bounds between which the real engine must lie:
nobody delivers more or sooner than Epidemic, which gives every message to everybody.

Buffers are without bound. A node sends or receives one message at a time, as in The ONE, those for
the other end first, then in the order in which the sender got them; a transfer that the end of the
contact cuts is lost.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar, runtime_checkable

from mesh.errors import UserError
from sim.installed import Found, find_installed, packages_giving, words_of
from sim.kernel.loop import Loop
from sim.topology.contacts import Contact

SPRAY_COPIES: Final = 6
BYTES_PER_SECOND: Final = 250_000
US: Final = 1_000_000

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Post:
    """A message of a workload: written at a time, by one for another."""

    at_us: int
    name: str
    sender: int
    recipient: int
    size: int


@runtime_checkable
class Router(Protocol):
    """A rule of forwarding. `copies` are those that a node may still give away."""

    copies_at_first: int

    def given(self, copies: int) -> int:
        """Return how many copies go to somebody who is not the recipient; none: it is not given."""
        ...

    def kept(self, copies: int) -> int:
        """Return how many of them stay then."""
        ...


class Epidemic:
    """Everybody gives everything to everybody (Vahdat and Becker, Duke CS-2000-06)."""

    copies_at_first = 1

    def given(self, copies: int) -> int:
        """One more for everybody."""
        return 1

    def kept(self, copies: int) -> int:
        """Nothing is used up."""
        return copies


class DirectDelivery:
    """Only the author gives a message, and only to the recipient."""

    copies_at_first = 1

    def given(self, copies: int) -> int:
        """None."""
        return 0

    def kept(self, copies: int) -> int:
        """Nothing is used up."""
        return copies


class SprayAndWait:
    """Binary Spray and Wait (Spyropoulos, Psounis, Raghavendra, WDTN 2005).

    Half of the copies go with each meeting, the larger half as The ONE does it; who has one
    copy left waits for the recipient.
    """

    def __init__(self, copies: int = SPRAY_COPIES) -> None:
        self.copies_at_first = copies

    def given(self, copies: int) -> int:
        """Half of them, unless there is one only."""
        return (copies + 1) // 2 if copies > 1 else 0

    def kept(self, copies: int) -> int:
        """The other half."""
        return copies // 2


ROUTERS: Final[dict[str, type[Epidemic | DirectDelivery | SprayAndWait]]] = {
    "epidemic": Epidemic,
    "direct": DirectDelivery,
    "spray": SprayAndWait,
}
"""By the names that a command takes."""


def router_of(name: str) -> Router:
    """Make a router of these, or one that an installed package gives; UserError if there is none.

    A package gives what makes one when it is called with nothing.
    """
    if name in ROUTERS:
        if others := packages_giving("router", name):
            given = " and by ".join(["the simulator", *others])
            raise UserError(
                "given-twice",
                f"The router {name!r} is given {1 + len(others)} times: by {given}. Keep one.",
            )
        return ROUTERS[name]()
    try:
        found = find_installed("router", name)
    except UserError as error:
        if error.kind != "not-installed":
            raise
        ours = ", ".join(ROUTERS)
        raise UserError(error.kind, f"{error} Those that come along are {ours}.") from None
    return _InstalledRouter(found)


class _InstalledRouter:
    """A router that a package gives; UserError names the package where it fails."""

    def __init__(self, found: Found) -> None:
        self._found = found
        router = self._asked(self._made)
        if router is None:
            raise UserError(
                "bad-router", f"The {found} lacks one of copies_at_first, given and kept."
            )
        self._router = router
        self.copies_at_first = self._asked(lambda: router.copies_at_first)

    def given(self, copies: int) -> int:
        """Ask it."""
        return self._asked(lambda: self._router.given(copies))

    def kept(self, copies: int) -> int:
        """Ask it."""
        return self._asked(lambda: self._router.kept(copies))

    def _made(self) -> Router | None:
        made = self._found.call()
        return made if isinstance(made, Router) else None

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except Exception as error:
            said = f"The {self._found} failed: {words_of(error)}."
            raise UserError("failed", said) from error


@dataclass(slots=True)
class Outcome:
    """The result of a workload."""

    created: int = 0
    relayed: int = 0
    aborted: int = 0
    latencies_us: dict[str, int] = field(default_factory=dict)

    @property
    def delivered(self) -> int:
        """Messages that reached their recipient."""
        return len(self.latencies_us)

    @property
    def mean_s(self) -> float:
        """The mean of the latencies; zero where there is none."""
        return statistics.fmean(self.latencies_us.values()) / US if self.latencies_us else 0

    @property
    def median_s(self) -> float:
        """The upper median, as The ONE takes it."""
        return statistics.median_high(self.latencies_us.values()) / US if self.latencies_us else 0


@dataclass(slots=True)
class _Meeting:
    """A contact that stands."""

    one: int
    other: int
    number: int


class Routing:
    """One workload over one series of contacts under one router. Run it once."""

    def __init__(
        self,
        router: Router,
        contacts: Iterable[Contact],
        posts: Iterable[Post],
        *,
        bytes_per_second: int = BYTES_PER_SECOND,
    ) -> None:
        self._router = router
        self._bytes_per_second = bytes_per_second
        self._loop = Loop(tick_us=1)
        self._carried: dict[int, dict[str, int]] = {}
        self._delivered: dict[str, None] = {}
        self._meetings: dict[int, dict[int, _Meeting]] = {}
        self._busy: dict[int, int] = {}
        self._posts: dict[str, Post] = {}
        self.outcome = Outcome()
        for number, contact in enumerate(contacts):
            meeting = _Meeting(contact.one, contact.other, number)
            # What ends is over before what begins at the same instant.
            self._loop.at(contact.end, partial(self._part, meeting))
            self._loop.at(contact.start, partial(self._meet, meeting))
        for post in posts:
            self._loop.at(post.at_us, partial(self._write, post))

    def run(self) -> Outcome:
        """Run to the end of the contacts."""
        while (next_at := self._loop.next_at) is not None:
            self._loop.run_until(next_at)
        return self.outcome

    def _write(self, post: Post) -> None:
        self.outcome.created += 1
        self._posts[post.name] = post
        self._take(post.sender, post.name, self._router.copies_at_first)

    def _take(self, node: int, name: str, copies: int) -> None:
        self._carried.setdefault(node, {})[name] = copies
        self._look_around(node)

    def _look_around(self, node: int) -> None:
        """Begin a transfer over one of the contacts of a node."""
        for meeting in list(self._meetings.get(node, {}).values()):
            if node in self._busy:
                return
            self._exchange(meeting)

    def _meet(self, meeting: _Meeting) -> None:
        self._meetings.setdefault(meeting.one, {})[meeting.number] = meeting
        self._meetings.setdefault(meeting.other, {})[meeting.number] = meeting
        self._exchange(meeting)

    def _part(self, meeting: _Meeting) -> None:
        for node in (meeting.one, meeting.other):
            self._meetings.get(node, {}).pop(meeting.number, None)
        if self._busy.get(meeting.one) == meeting.number:
            self.outcome.aborted += 1
            self._free(meeting)

    def _free(self, meeting: _Meeting) -> None:
        del self._busy[meeting.one], self._busy[meeting.other]
        self._look_around(meeting.one)
        self._look_around(meeting.other)

    def _exchange(self, meeting: _Meeting) -> None:
        """Begin the next transfer of a contact, if there is one to make."""
        if meeting.one in self._busy or meeting.other in self._busy:
            return
        for is_direct in (True, False):
            for sender, receiver in (
                (meeting.one, meeting.other),
                (meeting.other, meeting.one),
            ):
                name = self._find(sender, receiver, is_direct=is_direct)
                if name is not None:
                    self._busy[meeting.one] = self._busy[meeting.other] = meeting.number
                    duration_us = self._posts[name].size * US // self._bytes_per_second
                    done = partial(self._done, meeting, sender, receiver, name)
                    self._loop.after(duration_us, done)
                    return

    def _find(self, sender: int, receiver: int, *, is_direct: bool) -> str | None:
        """The next message that a node would give to another."""
        known = self._carried.get(receiver, {})
        for name, copies in self._carried.get(sender, {}).items():
            if name in known:
                continue
            if self._posts[name].recipient == receiver:
                if is_direct and name not in self._delivered:
                    return name
            elif not is_direct and self._router.given(copies):
                return name
        return None

    def _done(self, meeting: _Meeting, sender: int, receiver: int, name: str) -> None:
        if meeting.number not in self._meetings.get(sender, {}):
            return
        post, copies = self._posts[name], self._carried[sender][name]
        # Another may have been faster.
        is_taken = name in self._carried.get(receiver, {}) or (
            post.recipient == receiver and name in self._delivered
        )
        if not is_taken and post.recipient == receiver:
            self.outcome.relayed += 1
            self._delivered[name] = None
            # The ONE counts what the recipient got as given away too.
            self._carried[sender][name] = self._router.kept(copies)
            self.outcome.latencies_us[name] = self._loop.now - post.at_us
        elif not is_taken and (given := self._router.given(copies)):
            self.outcome.relayed += 1
            self._carried[sender][name] = self._router.kept(copies)
            self._carried.setdefault(receiver, {})[name] = given
        self._free(meeting)


def parse_posts(text: str) -> list[Post]:
    """Read The ONE's `time C name sender recipient bytes`; UserError names the line."""
    posts: list[Post] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            at, kind, name, sender, recipient, size = line.split()
            if kind != "C":
                raise ValueError(kind)
            posts.append(Post(round(float(at) * US), name, int(sender), int(recipient), int(size)))
        except ValueError:
            raise UserError(
                "bad-trace", f"Line {number} is no message: time C id from to bytes."
            ) from None
    return posts


def renamed(posts: Sequence[Post], names: Sequence[str]) -> list[Post]:
    """The messages with the nodes as a contact trace numbers them; UserError if one is missing."""
    numbers = {name: number for number, name in enumerate(names)}
    found: list[Post] = []
    for post in posts:
        sender, recipient = numbers.get(str(post.sender)), numbers.get(str(post.recipient))
        if sender is None or recipient is None:
            raise UserError("bad-trace", f"The message {post.name} is of nobody in the contacts.")
        found.append(Post(post.at_us, post.name, sender, recipient, post.size))
    return found
