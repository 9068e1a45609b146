"""All that can happen to a node. Names say what happened."""

from dataclasses import dataclass, field

from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.database import Connection
from mesh.ids import Address, DialId, LinkId, PostingKey, RequestId
from mesh.limits.retention import (
    CONTACTS_SHARE_PERCENT,
    FRIENDS_SHARE_PERCENT,
    OWN_SHARE_PERCENT,
    STRANGERS_SHARE_PERCENT,
)


@dataclass(frozen=True, slots=True)
class Connected:
    """A stream to another node stands; `dial` is None if the other side dialled."""

    link: LinkId
    dial: DialId | None
    address: Address
    local_host: str = ""
    """Our own end, where the driver knows it."""


@dataclass(frozen=True, slots=True)
class DialFailed:
    """A dial ended without a stream."""

    dial: DialId
    reason: str


@dataclass(frozen=True, slots=True)
class BytesReceived:
    """Bytes came over a stream, in order."""

    link: LinkId
    data: bytes


@dataclass(frozen=True, slots=True)
class BytesSent:
    """The driver has written so many bytes of a stream to its socket."""

    link: LinkId
    count: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A stream ended, whoever ended it; its link id never comes back."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """Discovery heard an announcement. `mesh_hint` is the TXT value `n`, if it had one."""

    instance: str
    addresses: tuple[Address, ...]
    mesh_hint: str | None = None


@dataclass(frozen=True, slots=True)
class PeerGone:
    """Discovery heard a goodbye, or an announcement expired."""

    instance: str


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of this machine, on an interface that is up, and the prefix of its network."""

    interface: str
    index: int
    host: str
    prefix_bits: int


@dataclass(frozen=True, slots=True)
class NetworksSeen:
    """On which networks this machine is: at first, and whenever its addresses are others."""

    addresses: tuple[OwnAddress, ...]


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """Interfaces or their addresses changed; what was learned of the old network is stale."""


@dataclass(frozen=True, slots=True)
class Woke:
    """The machine slept, or lost its carrier for a moment: what stands may be dead."""


@dataclass(frozen=True, slots=True)
class PowerChanged:
    """The battery is low and not being charged, or it no longer is."""

    is_low: bool


@dataclass(frozen=True, slots=True)
class DiskMeasured:
    """So much is free on the disk of the store."""

    free_bytes: int


@dataclass(frozen=True, slots=True)
class StampMinted:
    """The stamp asked for by `MintStamp` is made (12 bytes: nonce 8, c 4)."""

    posting_key: PostingKey
    day: int
    bits: int
    stamp: bytes


@dataclass(frozen=True, slots=True)
class BlocksRead:
    """The blocks that the `ReadBlocks` of this number asked for; fewer, or none, where the file is
    not there any more, is another one than it was, or does not open.
    """

    number: int
    blocks: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlocksWritten:
    """These blocks of a sealed file are safe on the disk."""

    name: bytes
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlobFailed:
    """Blocks could not be kept: the disk has no room for the file, or refuses it."""

    name: bytes
    is_full: bool


@dataclass(frozen=True, slots=True)
class VaultOpened:
    """The person unlocked the vault; its connection is handed in."""

    connection: Connection = field(repr=False)


@dataclass(frozen=True, slots=True)
class VaultClosing:
    """The person locks: the engine lets go of the vault before the driver closes it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A person or a program asks for something; it is answered by one `Reply`."""

    request: RequestId
    command: Command


@dataclass(frozen=True, slots=True)
class CarryAsked:
    """A file is read or written beside the links; it is answered by one `Reply`."""

    request: RequestId
    command: CarryCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Percentages of the store: for own mail, and what groups lose to nobody further away."""

    own: int = OWN_SHARE_PERCENT
    contacts: int = CONTACTS_SHARE_PERCENT
    friends: int = FRIENDS_SHARE_PERCENT
    strangers: int = STRANGERS_SHARE_PERCENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged:
    """A person has other settings; the fields are those of `EngineSettings`."""

    stored_bytes_max: int
    carried_days: int
    shares: Shares
    metered_interfaces: tuple[str, ...]
    retire_delay_ms: tuple[int, int]
    relay_delay_ms_max: int
    cover_interval_ms: int


LinkInput = BytesReceived | BytesSent | Connected | Disconnected | DialFailed
MachineInput = (
    PeerSeen
    | PeerGone
    | NetworksSeen
    | NetworkChanged
    | Woke
    | PowerChanged
    | DiskMeasured
    | SettingsChanged
)
PersonInput = StampMinted | VaultOpened | VaultClosing | Asked | CarryAsked
Input = LinkInput | MachineInput | PersonInput | BlocksRead | BlocksWritten | BlobFailed
