"""An engine that outlives its disk: where that is full, or a store is damaged, another goes on.

Implements `docs/protocol/storage.md`, sections "A full disk" and "Damage". What a batch had not
committed is rolled back on the disk, and all machines have taken it in already. So that engine is
given up, as if the process had been killed, and another one begins over what is stored. It is told
again what only memory knew: the networks, who is in sight, the open vault, and what was asked and
not answered. Links end, since their ciphers have gone on. Nothing that the failed batch wanted done
leaves, except the answers to what was committed before it failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from mesh.effects import Dial, Disconnect, Effect, Emit, Reply
from mesh.engine.engine import Engine
from mesh.errors import DamagedError, DiskFullError
from mesh.events import NoticeRaised, VaultUnlocked
from mesh.ids import DialId, Instant, LinkId, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    BytesReceived,
    BytesSent,
    CarryAsked,
    Connected,
    DialFailed,
    Disconnected,
    DiskMeasured,
    Input,
    NetworkChanged,
    NetworksSeen,
    PeerGone,
    PeerSeen,
    PowerChanged,
    SettingsChanged,
    StampMinted,
    VaultClosing,
    VaultOpened,
)
from mesh.limits.peering import CANDIDATES_MAX
from mesh.limits.storage import DISK_RETRY_MS, DISK_RETRY_MS_MAX
from mesh.messenger.messenger import Ours

_DIALS_PER_LIFE: Final = 1 << 40
"""More than one engine makes: so the number of a dial says whose it is."""

Repair = Callable[[DamagedError], str]
"""Puts another store in the place of a damaged one; returns what to tell, or raises the error."""


class Driven(Protocol):
    """Something that is driven as an engine is."""

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]: ...
    def deadline(self) -> Monotonic | None: ...


def cannot_repair(error: DamagedError) -> str:
    """Raise it: nobody can put another store there."""
    raise error


@dataclass(slots=True)
class _Told:
    """The things that an engine was told and no database holds."""

    settings: SettingsChanged | None = None
    networks: NetworksSeen | None = None
    power: PowerChanged | None = None
    disk: DiskMeasured | None = None
    vault: VaultOpened | None = None
    peers: dict[str, PeerSeen] = field(default_factory=dict)
    links: dict[LinkId, None] = field(default_factory=dict)
    asked: dict[RequestId, Asked | CarryAsked] = field(default_factory=dict)

    def hear(self, happened: Input) -> None:
        match happened:
            case Connected(link):
                self.links[link] = None
            case Disconnected(link):
                self.links.pop(link, None)
            case NetworksSeen():
                self.networks = happened
            case PowerChanged():
                self.power = happened
            case DiskMeasured():
                self.disk = happened
            case VaultOpened():
                self.vault = happened
            case VaultClosing():
                self.vault = None
            case Asked(request) | CarryAsked(request):
                self.asked[request] = happened
            case SettingsChanged():
                self.settings = happened
            case _:
                self._hear_of_peers(happened)

    def _hear_of_peers(self, happened: Input) -> None:
        match happened:
            case PeerSeen(instance):
                self.peers.pop(instance, None)
                self.peers[instance] = happened
                if len(self.peers) > CANDIDATES_MAX:
                    del self.peers[next(iter(self.peers))]
            case PeerGone(instance):
                self.peers.pop(instance, None)
            case NetworkChanged():
                # Discovery begins anew, and tells of those who are still there.
                self.peers.clear()
            case _:
                pass

    def again(self) -> list[Input]:
        """Return it for another engine."""
        state = (self.settings, self.disk, self.networks, self.power, self.vault)
        known = [one for one in state if one is not None]
        return [*known, *self.peers.values(), *self.asked.values()]


class LastingEngine:
    """Stands where one engine would: `handle` and `deadline`. One caller at a time."""

    def __init__(
        self,
        make: Callable[[Instant], Engine],
        *,
        now: Instant,
        repair: Repair = cannot_repair,
        driven_by: Callable[[Engine], Driven] = lambda engine: engine,
    ) -> None:
        """`make` starts an engine over what is stored; it is called again for each further one.

        `driven_by` says what stands in front of an engine; in a node nothing does.
        """
        self._make = make
        self._repair = repair
        self._told = _Told()
        # Links of engines before this one, until the driver says that they have ended.
        self._former_links: dict[LinkId, None] = {}
        self._lives_count = 0
        self._retry_ms = DISK_RETRY_MS
        self._failed_at: Monotonic | None = None
        self._notices: list[str] = []
        try:
            self._engine = make(now)
        except DamagedError as error:
            self._notices.append(repair(error))
            self._engine = make(now)
        self._driven_by = driven_by
        self._driven = driven_by(self._engine)

    @property
    def ours(self) -> Ours:
        """Return what the engine recognises as ours since the vault was closed."""
        return self._engine.ours

    def deadline(self) -> Monotonic | None:
        """Return when `handle` wants to be called."""
        return self._driven.deadline()

    def handle(self, batch: Sequence[Input], now: Instant) -> list[Effect]:
        """Handle a batch; what was committed of it and what is told of it are the same.

        Raises StorageError if a disk fails otherwise, or what is damaged is no store.
        """
        refused: list[Effect] = []
        taken: list[Input] = []
        for happened in batch:
            mine = self._of_this_life(happened, refused)
            if mine is not None:
                self._told.hear(happened)
                taken.append(mine)
        try:
            effects = self._driven.handle(taken, now)
        except DiskFullError:
            effects = self._begin_anew(taken, now, reason="the disk is full")
        except DamagedError as error:
            self._notices.append(self._repair(error))
            effects = self._begin_anew(taken, now, reason="the store was damaged", is_full=False)
        return [
            self._of_all_lives(effect) for effect in (*refused, *self._take_notices(), *effects)
        ]

    def _take_notices(self) -> list[Effect]:
        notices, self._notices = self._notices, []
        return [Emit(NoticeRaised(sentence)) for sentence in notices]

    def _begin_anew(
        self, batch: Sequence[Input], now: Instant, *, reason: str, is_full: bool = True
    ) -> list[Effect]:
        told = self._told
        committed = self._engine.take_committed()
        for reply in committed:
            told.asked.pop(reply.request, None)
        ended = [Disconnect(link, reason) for link in told.links]
        self._former_links |= told.links
        told.links.clear()
        self._lives_count += 1
        self._engine = self._make(now)
        self._driven = self._driven_by(self._engine)
        if is_full:
            self._engine.write_failed(self._retry_at(now))
        stamps = [happened for happened in batch if isinstance(happened, StampMinted)]
        effects = self._driven.handle([*told.again(), *stamps], now)
        # The vault was open before, as far as anybody knows.
        effects = [one for one in effects if one != Emit(VaultUnlocked())]
        return [*committed, *ended, *effects]

    def _retry_at(self, now: Instant) -> Monotonic:
        """Return when to write again: later and later, where it fails again and again."""
        former, self._failed_at = self._failed_at, now.monotonic
        is_again = former is not None and now.monotonic - former < 2_000 * self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, DISK_RETRY_MS_MAX) if is_again else DISK_RETRY_MS
        return now.after(self._retry_ms)

    # --- What is of which engine --------------------------------------------------------------

    def _of_this_life(self, happened: Input, refused: list[Effect]) -> Input | None:
        """Return an input as this engine knows it; None if it concerns a former one."""
        match happened:
            case BytesReceived(link) | BytesSent(link):
                return None if link in self._former_links else happened
            case Disconnected(link):
                if link in self._former_links:
                    del self._former_links[link]
                    return None
                return happened
            case Connected(link, dial) if dial is not None:
                life, number = divmod(dial, _DIALS_PER_LIFE)
                if life != self._lives_count:
                    self._former_links[link] = None
                    refused.append(Disconnect(link, "dialled before"))
                    return None
                return replace(happened, dial=DialId(number))
            case DialFailed(dial):
                life, number = divmod(dial, _DIALS_PER_LIFE)
                return replace(happened, dial=DialId(number)) if life == self._lives_count else None
            case _:
                return happened

    def _of_all_lives(self, effect: Effect) -> Effect:
        """Return an effect as the driver knows it, and note what it answers."""
        match effect:
            case Dial(dial):
                number = self._lives_count * _DIALS_PER_LIFE + dial
                return replace(effect, dial=DialId(number)) if self._lives_count else effect
            case Reply(request):
                self._told.asked.pop(request, None)
                return effect
            case _:
                return effect
