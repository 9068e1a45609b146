"""The host of a machine that runs another release: its engine and its databases are elsewhere.

It fits `sim.hosts.driver_protocol.AnyHost`. What looks at databases sees copies, brought to the
schema of this release by its own migrations, as an upgrade would. What looks into an engine, or at
what an engine calls, sees nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlcipher3 import dbapi2

from mesh.crypto.kem import Kem
from mesh.crypto.signing import Verify
from mesh.effects import Effect
from mesh.ids import Instant, Monotonic
from mesh.inputs import Input, VaultOpened
from mesh.link.link import begin_noise
from mesh.storage.migrations import migrate_store, migrate_vault
from sim.hosts.databases import MemoryDatabase, RawConnection
from sim.hosts.driver_protocol import AnyEngine, Injection
from sim.hosts.failing_disk import Which
from sim.hosts.host import Host
from sim.hosts.host_factory import HostFactory
from sim.hosts.kem import KyberPyKem
from sim.invariants.invariants import S14, BrokenInvariant
from sim.invariants.nonce_reuse import observe_outbox
from sim.kernel.entropy import Chance, SeededEntropy
from sim.releases.messages import Machine, Plain, effects_in, inputs_out, machine_out
from sim.releases.release import EscapedError, Release

_MIGRATE: Final[Mapping[Which, Callable[[MemoryDatabase], object]]] = {
    "store": migrate_store,
    "vault": migrate_vault,
}


class _Elsewhere:
    """Fits `AnyEngine`: an engine in the process of its release."""

    def __init__(self, host: "ReleasedHost", deadline: Plain) -> None:
        self._host = host
        self._deadline = deadline

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Let the other release handle a batch."""
        effects, self._deadline = self._host.handle(inputs_out(batch), now)
        return effects_in(effects)

    def deadline(self) -> Monotonic | None:
        """Return when it wants to be called, as it said after its last batch."""
        return Monotonic(self._deadline) if isinstance(self._deadline, int) else None


class ReleasedHost(Host):
    """One machine of another release; its disk neither fails nor is put back."""

    def __init__(
        self,
        release: Release,
        index: int,
        machine: Machine,
        *,
        kem: Kem,
        verify: Verify,
    ) -> None:
        self._release = release
        self._index = index
        self._copies: dict[Which, MemoryDatabase] = {}
        self._elsewhere = MemoryDatabase()
        # Stamps are minted by who drives a node, as in a shell.
        super().__init__(
            settings=machine.settings,
            entropy=SeededEntropy(machine.seed, "stamps", index),
            chance=Chance(machine.seed, "minting", index),
            kem=kem,
            verify=verify,
        )
        self._copies.clear()
        release.ask("host", index, machine_out(machine))

    def boot(self, now: Instant) -> tuple[AnyEngine, list[Input]]:
        """Let the release start an engine over what was committed there."""
        try:
            deadline = self._release.ask("boot", self._index, now.monotonic, now.wall)
        except EscapedError as error:
            raise BrokenInvariant(S14, str(error), self._index) from error
        return _Elsewhere(self, deadline), [self.unlock()]

    def handle(self, inputs: list[Plain], now: Instant) -> tuple[list[list[Plain]], Plain]:
        """Return what its engine wants done, as it crossed, and its next deadline."""
        self._copies.clear()
        answer = self._release.ask("handle", self._index, inputs, now.monotonic, now.wall)
        assert isinstance(answer, list)
        return answer[0], answer[1]

    def unlock(self) -> Input:
        """The user gives the passphrase; the vault itself is elsewhere."""
        return VaultOpened(self._elsewhere)

    def crash(self) -> None:
        """Let go of the engine, and of what it had not committed."""
        self._copies.clear()
        self._release.ask("crash", self._index)

    def arm(self, statements: int) -> None:
        """The power fails before the next statement but so many."""
        self._release.ask("arm", self._index, statements)

    @property
    def is_sound(self) -> bool:
        """Nothing can be looked at but copies."""
        return False

    @property
    def is_readable(self) -> bool:
        """Nor is there an engine to hold against another one."""
        return False

    @property
    def store(self) -> MemoryDatabase:
        """A copy of its store as it is now."""
        return self._copy("store")

    @store.setter
    def store(self, database: MemoryDatabase) -> None:
        self._copies["store"] = database

    @property
    def vault(self) -> MemoryDatabase:
        """A copy of its vault as it is now."""
        return self._copy("vault")

    @vault.setter
    def vault(self, database: MemoryDatabase) -> None:
        self._copies["vault"] = database

    def _copy(self, which: Which) -> MemoryDatabase:
        copied = self._copies.get(which)
        if copied is None:
            path = self._release.copy(self._index, which)
            copied = MemoryDatabase()
            file: RawConnection = dbapi2.connect(str(path))
            file.backup(copied.whole)
            file.close()
            path.unlink()
            _MIGRATE[which](copied)
            if which == "vault":
                observe_outbox(copied)
            self._copies[which] = copied
        return copied


def hosts_of(
    factory: HostFactory,
    count: int,
    inject: Injection | None,
    release: Release | None,
    of_release: Sequence[int],
) -> dict[int, Host]:
    """Return the hosts of a world, by node: some run another release, of the same settings."""
    if release is None:
        return {index: factory.host(index, inject) for index in range(count)}
    machine = Machine(
        seed=factory.seed,
        settings=factory.settings_of_the_world,
        is_crypto_real=isinstance(factory.kem, KyberPyKem),
        has_noise=factory.begin is begin_noise,
    )
    return {
        index: ReleasedHost(release, index, machine, kem=factory.kem, verify=factory.verify)
        if index in of_release
        else factory.host(index, inject)
        for index in range(count)
    }
