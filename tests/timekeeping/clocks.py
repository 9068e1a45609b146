"""A node's clocks, for tests of mesh time."""

from mesh.ids import Instant, LinkId, Monotonic, UnixSeconds
from mesh.timekeeping.expiry_clock import ExpiryClock
from mesh.timekeeping.mesh_time import MeshClock, ToldTime

TRUE = 1_800_000_000

RELEASED = UnixSeconds(1_790_000_000)

HOUR = 3_600

DAY = 86_400


class Laptop:
    """A node's clocks, of which one is wrong by some seconds, and its mesh time."""

    def __init__(self, error_s: int = 0) -> None:
        self.error_s = error_s
        self.passed_s = 0
        self._started_s = 0
        self._kept: bytes | None = None
        self.written_count = 0
        self.clock = MeshClock(RELEASED)
        self.clock.at(self.now)

    def restart(self, *, off_s: int, error_s: int | None = None) -> None:
        """Switch it off and on again a while later, perhaps with another clock."""
        self.passed_s += off_s
        self._started_s = self.passed_s
        self.error_s = self.error_s if error_s is None else error_s
        self.clock = MeshClock(RELEASED, expiry=ExpiryClock(self._kept, RELEASED))
        self.clock.at(self.now)

    def tend(self) -> None:
        """Look at the clocks, and write down what has to last."""
        kept = self.clock.expiry.take_kept(self.clock.at(self.now))
        if kept is not None:
            self._kept = kept
            self.written_count += 1

    @property
    def now(self) -> Instant:
        """Return what both clocks say."""
        wall = TRUE + self.passed_s + self.error_s
        on_s = self.passed_s - self._started_s
        return Instant(Monotonic(on_s * 1_000_000), wall * 1_000_000)

    @property
    def expiry_error_s(self) -> int:
        """Return how wrong the time is by which things lapse."""
        return self.clock.at(self.now).expiry - TRUE - self.passed_s

    @property
    def mesh_error_s(self) -> int:
        """Return how wrong its mesh time is."""
        return self.clock.at(self.now).mesh - TRUE - self.passed_s

    @property
    def told(self) -> ToldTime:
        """Return what it says on its links, rounded down to 10 s."""
        mesh = self.clock.at(self.now).mesh
        return ToldTime(UnixSeconds(mesh // 10 * 10), self.clock.is_vouched(self.now))

    def hear(self, link: int, error_s: int = 0, *, is_vouched: bool = True) -> None:
        """A peer whose mesh time is wrong by so much says Hello; it rounds down to 10 s."""
        said = (TRUE + self.passed_s + error_s) // 10 * 10
        self.observe(link, said, is_vouched=is_vouched)

    def observe(self, link: int, said: int, *, is_vouched: bool = True) -> None:
        """A peer says Hello, and so do we."""
        heard = ToldTime(UnixSeconds(said), is_vouched)
        self.clock.observe(LinkId(link), heard, said=self.told, now=self.now)

    def hear_again(self, link: int, error_s: int = 0, *, is_vouched: bool = True) -> None:
        """A peer's mesh time has moved."""
        said = UnixSeconds((TRUE + self.passed_s + error_s) // 10 * 10)
        self.clock.observe_again(LinkId(link), ToldTime(said, is_vouched), self.now)

    def say(self) -> list[int]:
        """The links on which it says its time again."""
        return [link for link, _ in self.clock.take_told(self.now)]

    def hear_all(self, *errors_s: int) -> None:
        """Peers on links 0, 1, 2 and so on."""
        for link, error_s in enumerate(errors_s):
            self.hear(link, error_s)

    def pass_time(self, seconds: int) -> None:
        """Time goes by; the node looks at its clock each quarter of an hour, as it does."""
        for _ in range(seconds // 900):
            self.passed_s += 900
            self.clock.at(self.now)
        self.passed_s += seconds % 900

    def is_steady(self) -> bool:
        """Say whether bodies may expire."""
        self.clock.at(self.now)
        return self.clock.expiry.is_steady(self.now)
