"""mDNS on the asyncio side: announces our names and hears others'.

zeroconf needs an asyncio loop, which lives in a thread of its own (`discovery.py` starts it);
everything here runs in that thread.

A responder is bound to the interfaces that are up when it starts. When they change it is thrown
away and another one starts: so it forgets whom it heard on the former network, and nothing of
ours from there is said again on the new one, not even a goodbye. The engine is told, and answers
with a new name.

Names are 64 random bits: nobody else has ours, so they are announced without probing first, which
would cost three quarters of a second.
"""

import asyncio
import logging
from collections.abc import Callable

from zeroconf import Error as ZeroconfError
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from mesh.inputs import PeerGone, PeerSeen
from mesh.limits.discovery import DISCOVERY_CLOSE_MS, RESOLVE_TIMEOUT_MS, RESOLVES_CONCURRENT_MAX
from mesh.limits.peering import CANDIDATES_MAX
from mesh.node.discovery.per_interface import PerInterface
from mesh.node.discovery.service_records import (
    SERVICE_TYPE,
    addresses_of,
    announced_ips,
    announcement,
    instance_of,
    is_our_version,
    mesh_hint_of,
)
from mesh.node.interfaces import Interfaces

_log = logging.getLogger("mesh.discovery")

Hear = Callable[[PeerSeen | PeerGone], None]


class Responder:
    """Announces and listens on one set of interfaces; raises OSError if it cannot."""

    def __init__(self, interfaces: Interfaces, hear: Hear, *, with_loopback: bool) -> None:
        self._interfaces = interfaces
        self._hear = hear
        self._with_loopback = with_loopback
        self._announced: dict[str, AsyncServiceInfo] = {}
        self._former: dict[str, None] = {}
        self._heard: dict[str, PeerSeen] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._resolve_room = asyncio.Semaphore(RESOLVES_CONCURRENT_MAX)
        self._broadcasts: dict[asyncio.Future[object], None] = {}
        try:
            self._speaking = PerInterface(interfaces)
        except (RuntimeError, ZeroconfError) as error:
            # An interface went away between the listing and the binding.
            raise OSError(str(error)) from error
        self._zeroconf = AsyncZeroconf(zc=self._speaking)
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._on_change]
        )

    async def announce(self, instance: str, port: int, mesh_hint: str | None) -> None:
        """Answer for a name from now on, and say so at once."""
        info = announcement(instance, port, mesh_hint, self._interfaces)
        self._announced[instance] = info
        self._speaking.own_servers[f"{instance}.local."] = None
        self._follow(await self._zeroconf.async_register_service(info, cooperating_responders=True))

    async def say_goodbye(self, instance: str) -> None:
        """End a name in public."""
        info = self._announced.pop(instance, None)
        if info is not None:
            self._former[instance] = None
            self._follow(await self._zeroconf.async_unregister_service(info))

    def drop(self, instance: str) -> None:
        """End a name in silence."""
        info = self._announced.pop(instance, None)
        if info is not None:
            self._former[instance] = None
            self._zeroconf.zeroconf.registry.async_remove(info)

    async def close(self, *, with_goodbye: bool) -> None:
        """Stop, within a bounded time."""
        for task in self._resolving.values():
            task.cancel()
        if not with_goodbye:
            for instance in list(self._announced):
                self.drop(instance)
        for broadcast in list(self._broadcasts):
            broadcast.cancel()
        try:
            async with asyncio.timeout(DISCOVERY_CLOSE_MS / 1_000):
                await self._browser.async_cancel()
                await self._zeroconf.async_close()
        except (TimeoutError, OSError, ZeroconfError) as error:
            _log.debug("mDNS did not close in order: %s", error)

    def _follow(self, broadcast: object) -> None:
        """Announcements are repeated by a task of zeroconf; keep it, and hear of its failure."""
        if isinstance(broadcast, asyncio.Future):
            self._broadcasts[broadcast] = None
            broadcast.add_done_callback(self._broadcast_done)

    def _broadcast_done(self, broadcast: asyncio.Future[object]) -> None:
        self._broadcasts.pop(broadcast, None)
        if not broadcast.cancelled() and (error := broadcast.exception()) is not None:
            _log.debug("an announcement was not sent: %s", error)

    def _on_change(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        instance = instance_of(name)
        if instance is None or instance in self._announced or instance in self._former:
            return
        if state_change is ServiceStateChange.Removed:
            if (resolving := self._resolving.pop(instance, None)) is not None:
                resolving.cancel()
            self._heard.pop(instance, None)
            self._hear(PeerGone(instance))
        elif instance not in self._resolving and len(self._resolving) < CANDIDATES_MAX:
            self._resolving[instance] = asyncio.create_task(self._resolve(instance, name))

    async def _resolve(self, instance: str, name: str) -> None:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        try:
            async with self._resolve_room:
                is_known = await info.async_request(self._zeroconf.zeroconf, RESOLVE_TIMEOUT_MS)
        except (OSError, ZeroconfError) as error:
            _log.debug("an announced node told no address: %s", error)
            return
        finally:
            if self._resolving.get(instance) is asyncio.current_task():
                del self._resolving[instance]
        if not is_known or not is_our_version(info):
            return
        addresses = addresses_of(
            announced_ips(info),
            info.port or 0,
            self._interfaces,
            with_loopback=self._with_loopback,
        )
        seen = PeerSeen(instance, addresses, mesh_hint_of(info))
        if addresses and self._heard.get(instance) != seen:
            self._remember(seen)
            self._hear(seen)

    def _remember(self, seen: PeerSeen) -> None:
        """An announcement is three packets and more records; what is no news is not told."""
        self._heard[seen.instance] = seen
        if len(self._heard) > CANDIDATES_MAX:
            del self._heard[next(iter(self._heard))]
