"""All that a node wants done. A driver carries them out in order and never decides."""

from dataclasses import dataclass, field

from mesh.commands.answer import Answer
from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.errors import UserError
from mesh.events import Event
from mesh.ids import Address, DialId, LinkId, PostingKey, RequestId


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a stream; answered by `Connected` with this dial, or by `DialFailed`."""

    dial: DialId
    address: Address


@dataclass(frozen=True, slots=True)
class SendBytes:
    """Write bytes to a stream, in order; answered by `BytesSent` as they are written."""

    link: LinkId
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Write what is queued, then close the stream; answered by `Disconnected`.

    `is_abrupt`: nothing was said that is worth waiting for, so it holds its place no longer.
    """

    link: LinkId
    reason: str
    is_abrupt: bool = False


@dataclass(frozen=True, slots=True)
class Announce:
    """Announce this node under a new random instance name; the former one ends.

    After a change of network (`is_new_network`) the former name is never sent again, not even
    as a goodbye.
    """

    instance: str
    mesh_hint: str | None
    is_new_network: bool


@dataclass(frozen=True, slots=True)
class MintStamp:
    """Make the proof of work of a posting key and day; answered by `StampMinted`."""

    posting_key: PostingKey
    day: int
    bits: int


@dataclass(frozen=True, slots=True)
class ReadBlocks:
    """Read blocks of a large file; answered by `BlocksRead`."""

    place: BlobPlace | DiskPlace
    first: int
    count: int
    number: int = 0
    """Counted up by the asker: the same blocks may be asked for twice."""


@dataclass(frozen=True, slots=True)
class WriteBlock:
    """Keep a block that was verified; answered by `BlocksWritten` once it is safe on the disk, or
    by `BlobFailed`.
    """

    blob: BlobPlace
    index: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DropBlobs:
    """Delete sealed files by their names: their keys are gone."""

    names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KeepBlobs:
    """Delete all sealed files but these: what a crash left of others has no key any more."""

    names: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell whoever listens."""

    event: Event


@dataclass(frozen=True, slots=True)
class Reply:
    """The one answer to `Asked`, after what it says is durable."""

    request: RequestId
    answer: Answer | UserError


BlobEffect = ReadBlocks | WriteBlock | DropBlobs | KeepBlobs

Effect = Dial | SendBytes | Disconnect | Announce | MintStamp | BlobEffect | Emit | Reply
