"""The settings and primitives that an engine is given at the start."""

from dataclasses import dataclass, field, replace

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify
from mesh.inputs import SettingsChanged, Shares
from mesh.limits.retention import CARRIED_DAYS_MAX, KNOWN_IDS_MAX, STORED_BYTES_DEFAULT
from mesh.limits.retirements import RELAY_DELAY_MS_MAX, RETIRE_DELAY_MS
from mesh.link.link import BeginHandshake, begin_noise
from mesh.messenger.pauses import Pauses
from mesh.wire.frames import FEATURE_TOLD_FAR, FEATURE_TOLD_NEAR
from mesh.wire.parameters import MeshParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The settings that a driver decides: the mesh once, and how much to carry for everybody, how
    long.

    What was opened here is told after a delay drawn from `retire_delay_ms`, what is written by
    itself leaves after `pauses`; what others told is passed on after one of at most
    `relay_delay_ms_max`. Dummies are posted every `cover_interval_ms` in the mean; 0: there are
    none. A relay has no person and never will.
    What goes over one of `metered_interfaces` costs money.
    `listen_port` is where others can dial this node; 0 if they cannot.
    """

    parameters: MeshParameters
    stored_bytes_max: int = STORED_BYTES_DEFAULT
    carried_days: int = CARRIED_DAYS_MAX
    shares: Shares = field(default_factory=Shares)
    known_ids_max: int = KNOWN_IDS_MAX
    metered_interfaces: tuple[str, ...] = ()
    retire_delay_ms: tuple[int, int] = RETIRE_DELAY_MS
    pauses: Pauses = field(default_factory=Pauses)
    relay_delay_ms_max: int = RELAY_DELAY_MS_MAX
    cover_interval_ms: int = 0
    is_relay: bool = False
    is_told_near: bool = True
    is_public: bool = False
    listen_port: int = 0

    def changed(self, by: SettingsChanged) -> "EngineSettings":
        """Return the settings after a change."""
        return replace(
            self,
            stored_bytes_max=by.stored_bytes_max,
            carried_days=by.carried_days,
            shares=by.shares,
            metered_interfaces=by.metered_interfaces,
            retire_delay_ms=by.retire_delay_ms,
            pauses=Pauses.as_retirements(by.retire_delay_ms),
            relay_delay_ms_max=by.relay_delay_ms_max,
            cover_interval_ms=by.cover_interval_ms,
        )

    @property
    def features(self) -> tuple[int, ...]:
        """Return what our Hello says of who may be told where we are: near, and on the internet."""
        near = (FEATURE_TOLD_NEAR,) if self.is_told_near else ()
        return (*near, FEATURE_TOLD_FAR) if self.is_public else near

    @property
    def told_port(self) -> int:
        """The port in our Hello: nobody learns it who may tell nobody."""
        return self.listen_port if self.features else 0


@dataclass(frozen=True, slots=True)
class Primitives:
    """Chance and the cryptography that a driver may replace: all of a node shares one of each."""

    entropy: Entropy
    kem: Kem
    verify: Verify
    begin: BeginHandshake = begin_noise
