"""The values that the parts of the messenger are made with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.ids import EnvelopeId, PostingKey, Tag
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.messenger.identity import Identity
from mesh.messenger.pauses import Pauses
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.vault import Vault
from mesh.trust.distance import Distances
from mesh.wire.envelope import Envelope
from mesh.wire.parameters import MeshParameters


@dataclass(frozen=True, slots=True)
class Environment:
    """The node's gifts to the messenger of whatever vault is open; it outlives that.

    `is_tag_stored` says whether the store has, or once had, an envelope with a tag, `has_body`
    whether it has a body with it, `authors_under` who signed those that it knows, `sealed_under`
    which are there with their bodies, and `is_stored` whether it has an envelope. An opened
    envelope is retired after a time drawn between the two of `retire_delay_ms`, and what is written
    by itself waits as `pauses` say. Dummies are posted every `cover_interval_ms` in the mean; 0:
    there are none. If `is_disk_full` as the vault is opened, nothing is written by that.
    """

    parameters: MeshParameters
    entropy: Entropy
    kem: Kem
    is_tag_stored: Callable[[Tag], bool]
    has_body: Callable[[Tag], bool]
    authors_under: Callable[[Tag], Iterable[PostingKey]] = lambda _: ()
    sealed_under: Callable[[Tag], Sequence[Envelope]] = lambda _: ()
    distances: Distances = field(default_factory=Distances)
    retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS
    pauses: Pauses = field(default_factory=Pauses)
    cover_interval_ms: int = 0
    is_stored: Callable[[EnvelopeId], bool] = lambda _: False
    is_disk_full: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One identity, with the rows that are its own and the primitives by which it acts.

    It knows none of the parts that are made with it.
    """

    vault: Vault
    identity: Identity
    parameters: MeshParameters
    entropy: Entropy
    kem: Kem
    pending_events: PendingEvents
