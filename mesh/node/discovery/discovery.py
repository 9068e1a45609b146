"""Finding other nodes on every network of this machine, without being found out.

mDNS (`responder.py`) and the beacon (`beacon.py`) run in one thread that is started here, with an
asyncio loop of its own. Orders go in through that loop; what is heard comes out through the trio
token, and is dropped when more of it waits than the engine takes: it will be repeated on the
network.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import structlog
import trio

from mesh.effects import Announce
from mesh.ids import Address
from mesh.inputs import NetworkChanged, NetworksSeen, PeerGone, PeerSeen, Woke
from mesh.limits.discovery import (
    BEACON_INTERVAL_MS,
    DISCOVERY_RETRY_FIRST_MS,
    DISCOVERY_RETRY_MAX_MS,
    FORMER_NAME_MS,
)
from mesh.limits.node import HINTS_PENDING_MAX
from mesh.node.input_queue import InputQueue
from mesh.node.logs import place_of

if TYPE_CHECKING:
    # Heavy, and of no use to a node without discovery: imported in the thread.
    from mesh.node.discovery.beacon import BeaconRadio
    from mesh.node.discovery.candidates import Candidates
    from mesh.node.discovery.responder import Responder
    from mesh.node.interfaces import Interfaces, InterfaceWatch
    from mesh.wire.beacon import Beacon

_log = structlog.get_logger("mesh.discovery")
NO_NETWORK = "No network is up; this node goes on looking for one."
NO_MULTICAST = "Further nodes are not found by mDNS at present; `mesh doctor` says why."


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """By what means other nodes are looked for, and whether on the loopback interface too."""

    with_loopback: bool = False
    with_beacon: bool = True


class Discovery:
    """The trio side. `announce` may come before the thread is ready."""

    def __init__(
        self,
        input_queue: InputQueue,
        port: int,
        notice: Callable[[str], None],
        settings: DiscoverySettings,
    ) -> None:
        self._input_queue = input_queue
        self._notice = notice
        self._loop = _DiscoveryLoop(port, self._hear_from_thread, settings)
        self._token: trio.lowlevel.TrioToken
        # Each side counts what it passed on; only the difference matters.
        self._sent_count = 0
        self._taken_count = 0

    def notices(self) -> list[str]:
        """Return what keeps other nodes from being found at present."""
        return self._loop.notices()

    async def run(self) -> None:
        """Announce and listen until cancelled; goodbyes are said then."""
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_thread)
            try:
                await trio.sleep_forever()
            finally:
                self._loop.order(_Stop())

    def announce(self, wanted: Announce) -> None:
        """Take a new name."""
        self._loop.order(wanted)

    def refresh(self) -> None:
        """Say again who we are and ask who is there: what both sides knew may have expired."""
        self._loop.order(_Refresh())

    async def _run_thread(self) -> None:
        try:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(
                    partial(asyncio.run, self._loop.run()), limiter=trio.CapacityLimiter(1)
                )
        except Exception as error:
            # The last guard of this thread: without discovery, mail still travels over the
            # links that stand and the addresses that were typed.
            _log.error("discovery has ended", reason=place_of(error), exc_info=error)
            self._loop.ended()
            self._notice(NO_MULTICAST)

    def _hear_from_thread(self, heard: "_Heard") -> None:
        is_hint = isinstance(heard, PeerSeen | PeerGone)
        if is_hint and self._sent_count - self._taken_count > HINTS_PENDING_MAX:
            return
        self._sent_count += 1
        try:
            self._token.run_sync_soon(self._hear, heard)
        except trio.RunFinishedError:
            return

    def _hear(self, heard: "_Heard") -> None:
        self._taken_count += 1
        match heard:
            case str(sentence):
                _log.warning(sentence)
                self._notice(sentence)
            case NetworksSeen() | NetworkChanged() | Woke():
                self._input_queue.put(heard)
            case _:
                self._input_queue.put_hint(heard)


@dataclass(frozen=True, slots=True)
class _Stop:
    """The node stops."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Interfaces may have changed, or it is time to try again."""

    lost_carriers: tuple[int, ...] = ()
    tells_of_carriers: bool = False


@dataclass(frozen=True, slots=True)
class _EndName:
    """A former name has been kept for long enough."""

    instance: str
    mesh_hint: str | None


@dataclass(frozen=True, slots=True)
class _Refresh:
    """The machine has slept."""


_Order = Announce | _Stop | _Look | _EndName | _Refresh
_Heard = PeerSeen | PeerGone | NetworksSeen | NetworkChanged | Woke | str


class _DiscoveryLoop:
    """The asyncio side: carries out orders one by one. Only `order` is called from outside."""

    def __init__(
        self,
        port: int,
        tell: Callable[[_Heard], None],
        settings: DiscoverySettings,
    ) -> None:
        self._port = port
        self._tell = tell
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._given: SimpleQueue[_Order] = SimpleQueue()
        self._orders: asyncio.Queue[_Order]
        self._interfaces: Interfaces | None = None
        # Since the last change of network: then the same prefixes may be those of another one.
        self._has_lost_carrier = False
        self._candidates: Candidates
        self._responder: Responder | None = None
        self._radio: BeaconRadio | None = None
        self._current: Announce | None = None
        self._failures_count, self._retry_at = 0, 0.0
        self._notices: dict[str, None] = {}

    def notices(self) -> list[str]:
        """The sentences that were said since discovery last worked; from any thread."""
        return list(self._notices)

    def ended(self) -> None:
        """Nothing is found by this one any more; its thread has ended."""
        self._notices[NO_MULTICAST] = None

    def order(self, order: _Order) -> None:
        """Queue an order, from any thread."""
        self._given.put(order)
        if self._loop is not None:
            # A loop that is closed has ended all names, and needs no orders.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._take_given)

    async def run(self) -> None:
        from mesh.node.discovery.candidates import Candidates
        from mesh.node.interfaces import InterfaceWatch

        self._candidates = Candidates(self._tell)
        self._orders = asyncio.Queue()
        self._orders.put_nowait(_Look())
        self._loop = asyncio.get_running_loop()
        self._take_given()
        watch = InterfaceWatch()
        watching = asyncio.create_task(self._watch(watch))
        lapsing = asyncio.create_task(self._expire())
        try:
            while not isinstance(order := await self._orders.get(), _Stop):
                await self._perform(order)
        finally:
            watching.cancel()
            lapsing.cancel()
            watch.close()
            if self._radio is not None:
                self._radio.close(with_goodbye=True)
            if self._responder is not None:
                await self._responder.close(with_goodbye=True)

    def _take_given(self) -> None:
        with suppress(Empty):
            while True:
                self._orders.put_nowait(self._given.get_nowait())

    async def _watch(self, watch: "InterfaceWatch") -> None:
        while True:
            await watch.wait()
            self._orders.put_nowait(_Look(watch.take_lost_carriers(), watch.tells_of_carriers))

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(BEACON_INTERVAL_MS / 1_000)
            self._candidates.expire(asyncio.get_running_loop().time())

    async def _perform(self, order: Announce | _Look | _EndName | _Refresh) -> None:
        match order:
            case _Look():
                await self._look(order)
            case _Refresh():
                await self._end_all()
                await self._start_all()
            case Announce():
                await self._announce(order)
            case _EndName(instance, mesh_hint):
                if self._radio is not None:
                    self._radio.say_goodbye(instance, mesh_hint)
                if self._responder is not None:
                    await self._responder.say_goodbye(instance)

    async def _look(self, look: _Look) -> None:
        """Compare the interfaces, and start again if they are others, or if we never started."""
        from mesh.node.interfaces import list_interfaces, own_addresses

        interfaces = list_interfaces(with_loopback=self._settings.with_loopback)
        former = self._interfaces
        if interfaces:
            self._notices.pop(NO_NETWORK, None)
        lost_carriers = [each for each in look.lost_carriers if self._has_interface(each)]
        self._has_lost_carrier = self._has_lost_carrier or bool(lost_carriers)
        if interfaces != former:
            is_same_network = look.tells_of_carriers and self._is_on_same_networks(interfaces)
            self._interfaces = interfaces
            await self._end_all()
            self._tell(NetworksSeen(own_addresses(interfaces)))
            if is_same_network:
                # An address was renewed, as happens every day: nobody need know us by a new name.
                self._tell(Woke())
            elif former is not None:
                # A name of the former network is never said on this one; a new one is coming.
                self._current = None
                self._has_lost_carrier = False
                self._tell(NetworkChanged())
            self._failures_count, self._retry_at = 0, 0.0
            if not interfaces:
                self._notify(NO_NETWORK)
        elif lost_carriers:
            # The same addresses, perhaps on another cable: ask who is there.
            await self._end_all()
            self._tell(Woke())
        await self._start_all()

    def _has_interface(self, index: int) -> bool:
        return any(each.index == index for each in self._interfaces or ())

    def _is_on_same_networks(self, interfaces: "Interfaces") -> bool:
        """Say whether only addresses are others, and no cable was pulled or Wi-Fi left
        meanwhile.
        """
        from mesh.node.interfaces import networks

        if self._interfaces is None or self._has_lost_carrier:
            return False
        return networks(interfaces) == networks(self._interfaces) != ()

    async def _start_all(self) -> None:
        """Whatever of mDNS and the beacon is to run and does not."""
        if not self._interfaces:
            return
        if self._settings.with_beacon and self._radio is None:
            await self._start_radio(self._interfaces)
        is_due = asyncio.get_running_loop().time() >= self._retry_at
        if self._responder is None and is_due:
            await self._start_responder(self._interfaces)

    async def _start_radio(self, interfaces: "Interfaces") -> None:
        from mesh.node.discovery.beacon import BeaconRadio

        radio = BeaconRadio(interfaces, self._port, self._hear_beacon)
        try:
            await radio.open()
        except OSError as error:
            # mDNS is there too; `mesh doctor` tells of both.
            _log.debug("the beacon cannot start", reason=str(error))
            radio.close()
            return
        self._radio = radio
        if self._current is not None:
            radio.announce(self._current)

    def _hear_beacon(self, beacon: "Beacon", address: Address) -> None:
        self._candidates.heard(beacon, address, asyncio.get_running_loop().time())

    def _hear_responder(self, heard: PeerSeen | PeerGone) -> None:
        match heard:
            case PeerSeen():
                self._candidates.announced(heard)
            case PeerGone(instance):
                self._candidates.ended(instance)

    async def _start_responder(self, interfaces: "Interfaces") -> None:
        from mesh.node.discovery.responder import Responder

        try:
            self._responder = Responder(
                interfaces, self._hear_responder, with_loopback=self._settings.with_loopback
            )
        except OSError as error:
            _log.debug("mDNS cannot start", reason=str(error))
            self._notify(NO_MULTICAST)
            self._look_again_later()
            return
        self._failures_count = 0
        self._notices.clear()
        if self._current is not None:
            await self._say(self._current)

    async def _announce(self, wanted: Announce) -> None:
        former, self._current = self._current, wanted
        if self._radio is not None:
            self._radio.announce(wanted)
        if self._responder is None:
            return
        if former is not None:
            if wanted.is_new_network:
                self._responder.drop(former.instance)
            else:
                self._later(FORMER_NAME_MS, _EndName(former.instance, former.mesh_hint))
        await self._say(wanted)

    async def _say(self, wanted: Announce) -> None:
        assert self._responder is not None
        await self._responder.announce(wanted.instance, self._port, wanted.mesh_hint)

    async def _end_all(self) -> None:
        """End both in silence, and forget whom they heard."""
        self._end_radio()
        self._candidates.clear()
        if self._responder is not None:
            await self._responder.close(with_goodbye=False)
            self._responder = None

    def _end_radio(self) -> None:
        if self._radio is not None:
            self._radio.close()
            self._radio = None

    def _look_again_later(self) -> None:
        pause_ms = min(DISCOVERY_RETRY_FIRST_MS << self._failures_count, DISCOVERY_RETRY_MAX_MS)
        self._failures_count = min(self._failures_count + 1, 16)
        self._retry_at = asyncio.get_running_loop().time() + pause_ms / 1_000
        self._later(pause_ms, _Look())

    def _later(self, delay_ms: int, order: _Order) -> None:
        asyncio.get_running_loop().call_later(delay_ms / 1_000, self._orders.put_nowait, order)

    def _notify(self, sentence: str) -> None:
        """Say it once, until discovery works again."""
        if sentence not in self._notices:
            self._notices[sentence] = None
            self._tell(sentence)
