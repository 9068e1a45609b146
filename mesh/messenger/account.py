"""The values that the parts of the messenger are made with."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.ids import Tag
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.messenger.identity import Identity
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.vault import Vault
from mesh.trust.distance import Distances
from mesh.wire.parameters import MeshParameters


@dataclass(frozen=True, slots=True)
class Environment:
    """The node's gifts to the messenger of whatever vault is open; it outlives that.

    `is_tag_stored` says whether the store has, or once had, an envelope with a tag, and `has_body`
    whether it has a body with it. An opened envelope is retired after a time drawn between the two
    of `retire_delay_ms`.
    """

    parameters: MeshParameters
    entropy: Entropy
    kem: Kem
    is_tag_stored: Callable[[Tag], bool]
    has_body: Callable[[Tag], bool]
    distances: Distances = field(default_factory=Distances)
    retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS


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
