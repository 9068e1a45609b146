"""The keys under which we are met: the one of this hour, and the one of the former."""

from mesh.crypto.entropy import Entropy
from mesh.ids import Instant
from mesh.limits.nearby import NEARBY_KEY_MS
from mesh.nearby.boxes import HourKey


class HourKeys:
    """The keys of hours: the `current` one is shown; a box for the former one still opens."""

    def __init__(self, entropy: Entropy, now: Instant) -> None:
        self._entropy = entropy
        self._keys: list[HourKey] = []
        self.renew_at = now.monotonic
        self.replace(now)

    @property
    def current(self) -> HourKey:
        """The key of this hour."""
        return self._keys[-1]

    def find(self, public: bytes) -> HourKey | None:
        """Return which of ours this is, if it is one."""
        return next((key for key in self._keys if key.public == public), None)

    def renew(self, now: Instant) -> None:
        """The hour is over: the former key is kept for one more."""
        former = self.current
        self.replace(now)
        self._keys.insert(0, former)

    def replace(self, now: Instant) -> None:
        """A new key alone, which nothing ties to the former ones."""
        self._keys = [HourKey.draw(self._entropy)]
        self.renew_at = now.after(NEARBY_KEY_MS)
