"""The processor of one node: how long it takes for a batch, and whether it stands still."""

from dataclasses import dataclass

from sim.kernel.loop import Loop


@dataclass(slots=True)
class Processor:
    """A processor that takes `batch_us` microseconds for a batch while nobody slows it down."""

    loop: Loop
    batch_us: int
    paused_until: int = 0
    busy_until: int = 0
    times: float = 1.0

    def pause(self, until: int) -> None:
        """Stand still; what happens meanwhile waits for it."""
        self.paused_until = max(self.paused_until, until)
        self.busy_until = max(self.busy_until, until)

    @property
    def is_paused(self) -> bool:
        """Say whether it cannot even be asked now."""
        return self.loop.now < self.paused_until

    @property
    def is_busy(self) -> bool:
        """Say whether it can begin nothing now."""
        return self.loop.now < self.busy_until

    @property
    def thinking_us(self) -> int:
        """Return how long a batch takes it now."""
        return round(self.batch_us * self.times)

    def think(self, waited_us: int) -> None:
        """Work on a batch, after so long a wait for the disk."""
        self.busy_until = self.loop.now + waited_us + self.thinking_us

    def think_slower(self, times: float) -> None:
        """From now on each batch takes so many times as long as it did."""
        self.times *= times

    def restart(self) -> None:
        """Be free at once, as slow as before."""
        self.busy_until = self.paused_until = self.loop.now
