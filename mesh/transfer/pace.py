"""The speed of a link, and so how much of a file may lie before mail that comes meanwhile."""

from mesh.ids import Monotonic
from mesh.limits.direct_files import FILE_SENDING_BYTES, FILE_SENDING_MS


class Pace:
    """The bytes that one link has taken lately. A faster one is given more at a time: each turn of
    the engine costs as much as several blocks.
    """

    def __init__(self, written_bytes: int, now: Monotonic) -> None:
        """`written_bytes`: all that the link ever took until now."""
        self.bytes_max = FILE_SENDING_BYTES[0]
        self._written_bytes = written_bytes
        self._since = now

    def look(self, written_bytes: int, now: Monotonic) -> None:
        """So much has it taken until now. After a pause it counts as slow."""
        passed_us = now - self._since
        if passed_us >= FILE_SENDING_MS * 1_000:
            taken_bytes = written_bytes - self._written_bytes
            least, most = FILE_SENDING_BYTES
            self.bytes_max = max(
                least, min(most, taken_bytes * FILE_SENDING_MS * 1_000 // passed_us)
            )
            self._written_bytes, self._since = written_bytes, now
