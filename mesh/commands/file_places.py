"""The places of the bytes of a large file: the engine names one, and the shell opens it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """A sealed file of the profile. `size`: that of what is in it."""

    name: bytes
    key: bytes = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True)
class DiskPlace:
    """A file of the person's, as it was when it was handed over.

    `path` is what the system takes; times are in nanoseconds.
    """

    path: bytes
    size: int
    mtime_ns: int
