"""The output of the machine: what it has to send, to tell and to want, until it is taken."""

from mesh.ids import LinkId
from mesh.nearby.wants import Want
from mesh.wire.frames import NearbyAsk, NearbyCard, NearbySealed

NearbyFrame = NearbyAsk | NearbyCard | NearbySealed


class Gathered:
    """Filled while inputs are handled, in order."""

    def __init__(self) -> None:
        self._frames: list[tuple[LinkId, NearbyFrame]] = []
        self._changed: dict[int, None] = {}
        self._wants: list[Want] = []
        self.counters: dict[str, int] = {}

    def send(self, link: LinkId, frame: NearbyFrame) -> None:
        """A frame is to leave."""
        self._frames.append((link, frame))

    def tell(self, person: int) -> None:
        """There is more to tell of a person; it is told once."""
        self._changed[person] = None

    def want(self, want: Want) -> None:
        """Only the vault can answer this."""
        self._wants.append(want)

    def drop(self, reason: str) -> None:
        """Something was passed over."""
        reason = f"nearby: {reason}"
        self.counters[reason] = self.counters.get(reason, 0) + 1

    def be_silent(self) -> None:
        """Nothing is to be told or wanted any more; what was said may leave."""
        self._changed.clear()
        self._wants.clear()

    def take_frames(self) -> list[tuple[LinkId, NearbyFrame]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    @property
    def has_changed(self) -> bool:
        """Say whether there is more to tell of anybody."""
        return bool(self._changed)

    def take_changed(self) -> list[int]:
        """People of whom there is more to tell, each once."""
        taken, self._changed = list(self._changed), {}
        return taken

    @property
    def has_wants(self) -> bool:
        """Say whether the vault is wanted."""
        return bool(self._wants)

    def take_wants(self) -> list[Want]:
        """Return what only the vault can answer."""
        taken, self._wants = self._wants, []
        return taken
