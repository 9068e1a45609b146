"""The making of a scenario's machines: the rules of the wire, and hosts with their engines."""

from dataclasses import replace
from typing import Final

from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify, is_signature_valid
from mesh.engine.settings import EngineSettings
from mesh.limits.cover import COVER_INTERVALS_MS
from mesh.limits.retention import KNOWN_IDS_MAX, STORED_BYTES_DEFAULT, STUBS_SHARE_PERCENT
from mesh.link.link import BeginHandshake, begin_noise
from mesh.messenger.pauses import Pauses
from mesh.wire.envelope import STUB_BYTES
from mesh.wire.parameters import MeshParameters
from sim.hosts.disk_host import DiskHost
from sim.hosts.driver_protocol import Injection
from sim.hosts.host import Host
from sim.hosts.kem import KyberPyKem
from sim.hosts.memo import RememberedVerify
from sim.hosts.modelled_kem import ModelledKem
from sim.hosts.plain_links import begin_plainly
from sim.kernel.entropy import Chance, SeededEntropy
from sim.network.discovery import AnnouncementRules
from sim.network.wires import StreamRules, bursts_of
from sim.schema.disk_tables import Rots
from sim.schema.scenario import Scenario, Wire

SIMULATED_MESH: Final = MeshParameters(name="simulated", stamp_bits=0, key_quota=1_000_000)
"""No proof of work, which would only burn real time, and a quota that nobody meets; a scenario may
have other ones."""


def stream_rules(wire: Wire) -> StreamRules:
    """Return what the wire does to streams."""
    return StreamRules(
        latency_min_us=round(wire.latency_ms[0] * 1_000),
        latency_max_us=round(wire.latency_ms[1] * 1_000),
        jitter_us=round(wire.jitter_ms * 1_000),
        loss=wire.loss,
        bytes_per_second=round(wire.bandwidth_mbit * 1_000_000 / 8),
        latency=wire.latency,
        jitter=wire.jitter,
        bursts=bursts_of(wire.bursts),
        queue_bytes=None if wire.queue_kb is None else round(wire.queue_kb * 1_000),
        is_uplink_shared=wire.bandwidth_of == "node",
        is_air_shared=wire.bandwidth_of == "network",
        is_backing_off=wire.backs_off,
    )


def announcement_rules(wire: Wire) -> AnnouncementRules:
    """Return what the wire does to announcements."""
    return AnnouncementRules(
        delay_max_us=round(wire.announcement_delay_ms * 1_000),
        loss=wire.announcement_loss,
        copied=wire.announcement_copied,
        late=wire.announcement_late,
        late_us=(
            round(wire.announcement_late_s[0] * 1_000_000),
            round(wire.announcement_late_s[1] * 1_000_000),
        ),
    )


class HostFactory:
    """Makes the hosts of one world, all of them with the same settings and the same crypto."""

    def __init__(self, scenario: Scenario, *, seed: int, is_crypto_real: bool) -> None:
        self._scenario = scenario
        self.seed = seed
        self.kem: Kem = KyberPyKem() if is_crypto_real else ModelledKem()
        self.verify: Verify = is_signature_valid
        if not is_crypto_real:
            self.verify = RememberedVerify(is_signature_valid)
        self.parameters = replace(
            SIMULATED_MESH, key_quota=scenario.key_quota, stamp_bits=scenario.stamp_bits
        )
        may_rot = any(isinstance(one, Rots) for one in scenario.faults)
        self._kind: type[Host] = DiskHost if may_rot else Host
        self.begin: BeginHandshake = begin_noise if scenario.wire.noise else begin_plainly

    def host(self, index: int, inject: Injection | None) -> Host:
        """Return what a node of the world runs on."""
        return self._make(index, inject, self.settings_of_the_world)

    def host_before_the_world(self, inject: Injection | None, index: int, other: int) -> Host:
        """Return what somebody brings to a meeting; nobody waits there to tell what they opened."""
        settings = replace(
            self._settings,
            retire_delay_ms=(0, 0),
            pauses=Pauses((0, 0), (0, 0)),
            relay_delay_ms_max=0,
        )
        return self._make(index, inject, settings, "meeting", other)

    def _make(
        self, index: int, inject: Injection | None, settings: EngineSettings, *about: str | int
    ) -> Host:
        return self._kind(
            settings=settings,
            entropy=SeededEntropy(self.seed, *about, "node", index),
            chance=Chance(self.seed, *about, "minting", index),
            kem=self.kem,
            verify=self.verify,
            begin=self.begin,
            inject=inject,
            observed=(index, Chance(self.seed, *about, "twins", index)),
        )

    @property
    def settings_of_the_world(self) -> EngineSettings:
        """Return the settings of a node of the world."""
        first_s, last_s = self._scenario.retire_delay_s
        retire_delay_ms = round(first_s * 1_000), round(last_s * 1_000)
        return replace(
            self._settings,
            retire_delay_ms=retire_delay_ms,
            pauses=Pauses.as_retirements(retire_delay_ms),
            relay_delay_ms_max=round(self._scenario.relay_delay_s * 1_000),
            cover_interval_ms=COVER_INTERVALS_MS[self._scenario.cover],
        )

    @property
    def _settings(self) -> EngineSettings:
        return EngineSettings(
            parameters=self.parameters,
            stored_bytes_max=self._stored_bytes_max,
            known_ids_max=self._known_ids_max,
        )

    @property
    def _stored_bytes_max(self) -> int:
        stored_mib = self._scenario.stored_mib
        return STORED_BYTES_DEFAULT if stored_mib is None else round(stored_mib * 1024 * 1024)

    @property
    def _known_ids_max(self) -> int:
        """A small store stands for a larger one: stubs have their share of it and no more."""
        if self._scenario.stored_mib is None:
            return KNOWN_IDS_MAX
        return self._stored_bytes_max * STUBS_SHARE_PERCENT // 100 // STUB_BYTES
