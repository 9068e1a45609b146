"""One process: takes the profile, carries mail with its store, serves the API, opens the vault.

The order matters. The lock comes first, so that two daemons never share a database. The node runs
before the vault is opened, so that mail is carried meanwhile. At the stop the API ends first, so
that nothing is promised any more; then the node, after the batch in which it is; then the
databases close, and the lock is let go last.
"""

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib import metadata
from typing import TextIO

import msgspec
import trio

from mesh.api.app import Application
from mesh.api.endpoint import Endpoint
from mesh.api.event_log import EventLog
from mesh.api.server import serve_unix
from mesh.commands.identity import CreateIdentity
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.config import Config
from mesh.daemon.relay import become_relay, require_relay
from mesh.daemon.service_manager import notify
from mesh.daemon.start_order import StartOrder
from mesh.daemon.vault_keeper import VaultKeeper
from mesh.engine.settings import EngineSettings
from mesh.errors import MeshError, StorageError, UserError
from mesh.events import VaultLocked
from mesh.inputs import Connection
from mesh.node.config_file import load_config, write_default_config
from mesh.node.discovery.discovery import DiscoverySettings
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.logs import start_logging
from mesh.node.membership import keep_mesh, mesh_of_start, settle_store
from mesh.node.node import Node
from mesh.node.private_files import replace_private_bytes, storage_error
from mesh.node.profile import Profile, close_vault
from mesh.wire.parameters import MeshParameters

_log = logging.getLogger("mesh.daemon")
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def run_daemon(order: StartOrder, *, console: TextIO | None, on_ready: Callable[[], None]) -> None:
    """Run until a signal or the API says stop; `on_ready` is called when the API answers.

    Raises UserError if it cannot start, StorageError if the disk fails, MeshError if we are at
    fault; the last guard of the process is here.
    """
    # Whatever is written here is ours alone, also where nobody thought of it.
    os.umask(0o077)
    _forbid_core_dumps()
    folders = profile_folders(order.profile)
    config = load_config(folders.config_file)
    try:
        start_logging(level=config.log_level, folder=folders.state / "logs", console=console)
    except OSError as error:
        raise storage_error(error, folders.state / "logs") from error
    try:
        daemon = _Daemon(order, folders, config, on_ready)
        # Its passphrase is not to stay in memory for as long as the node runs.
        del order
        trio.run(daemon.run)
    except BaseException as error:
        raise _told(error) from None


class _Daemon:
    """The things that the parts of one run share."""

    def __init__(
        self,
        order: StartOrder,
        folders: ProfileFolders,
        config: Config,
        on_ready: Callable[[], None],
    ) -> None:
        self._order = order
        self._folders = folders
        self._config = config
        self._on_ready = on_ready
        self._stopping = trio.Event()

    async def run(self) -> None:
        """Run from the lock to its release."""
        async with trio.open_nursery() as watch:
            await watch.start(self._watch_signals)
            with Profile.held(self._folders) as profile:
                self._require_startable(profile)
                mesh = await trio.to_thread.run_sync(mesh_of_start, self._folders, self._config)
                if not self._folders.store_file.exists():
                    # Before anything else is made: what is left of a start that was killed here
                    # does not begin in another mesh.
                    keep_mesh(self._folders, mesh)
                await self._create_if_new(profile)
                async with self._open_store(profile) as store:
                    await trio.to_thread.run_sync(settle_store, self._folders, store, mesh)
                    await self._run_node(profile, self._make_node(store, mesh))
            watch.cancel_scope.cancel()

    def _is_first_start(self, profile: Profile) -> bool:
        """Say whether the keys of a person are to be made."""
        is_person = not self._config.relay and self._order.passphrase is not None
        return is_person and not profile.is_created

    def _require_startable(self, profile: Profile) -> None:
        """Refuse what cannot be started, before anything is made."""
        if self._config.relay:
            require_relay(self._folders, self._order)
        elif self._is_first_start(profile) and not self._order.name:
            raise UserError("no-name", "A new profile needs a name: the one your contacts see.")

    async def _create_if_new(self, profile: Profile) -> None:
        if self._config.relay:
            become_relay(self._folders)
        elif self._is_first_start(profile):
            assert self._order.passphrase is not None
            await trio.to_thread.run_sync(profile.create, self._order.passphrase)
            write_default_config(self._folders.config_file)

    @contextlib.asynccontextmanager
    async def _open_store(self, profile: Profile) -> AsyncIterator[Connection]:
        store = await trio.to_thread.run_sync(profile.open_store)
        try:
            yield store
        finally:
            store.close()

    def _make_node(self, store: Connection, mesh: MeshParameters) -> Node:
        config = self._config
        opened_delay_ms = config.opened_delay_seconds * 1000
        settings = EngineSettings(
            parameters=mesh,
            stored_bytes_max=config.stored_bytes_max,
            carried_days=config.carried_days,
            metered_interfaces=config.metered_names,
            retire_delay_ms=(opened_delay_ms // 10, opened_delay_ms),
            relay_delay_ms_max=config.relay_delay_seconds * 1000,
            is_told_near=config.discovery,
            is_public=config.public,
            is_relay=config.relay,
        )
        discovery = DiscoverySettings(
            with_loopback=config.discovery_on_loopback, with_beacon=config.beacon
        )
        return Node(
            settings=settings,
            store=store,
            listen_port=config.listen_port,
            discovery=discovery if config.discovery else None,
            disk=self._folders.data,
            battery_low_percent=config.battery_low_percent,
        )

    async def _run_node(self, profile: Profile, node: Node) -> None:
        log = EventLog(os.urandom(8).hex())
        keeper = VaultKeeper(profile, node, is_relay=self._config.relay)
        application = Application(asker=keeper, log=log, keeper=keeper, stop=self._stopping.set)
        try:
            async with trio.open_nursery() as nodes:
                await nodes.start(_feed, node, log)
                nodes.start_soon(node.run)
                if self._config.auto_lock_minutes:
                    nodes.start_soon(keeper.lock_when_idle, self._config.auto_lock_minutes)
                async with trio.open_nursery() as doors:
                    socket = self._folders.socket_file
                    await doors.start(
                        partial(serve_unix, application, socket, stopping=self._stopping)
                    )
                    with self._endpoint():
                        await self._open_own_vault(keeper)
                        _log.info("the node runs on port %d", node.port)
                        notify("READY=1")
                        self._on_ready()
                        await self._stopping.wait()
                        notify("STOPPING=1")
                nodes.cancel_scope.cancel()
        finally:
            # Nothing runs any more, so the engine has let go of the vault.
            if (vault := node.take_vault()) is not None:
                close_vault(vault)

    async def _open_own_vault(self, keeper: VaultKeeper) -> None:
        """Open the vault with the passphrase of the start; make the identity where none is."""
        if self._order.passphrase is None:
            return
        await keeper.unlock(self._order.passphrase.encode())
        name = self._order.name
        # Nothing of it is needed any more, and the passphrase is not to outlive a lock.
        self._order = StartOrder(profile=self._order.profile)
        status = await keeper.ask(AskStatus())
        assert isinstance(status, StatusAnswer)
        if status.vault == "empty" and name:
            await keeper.ask(CreateIdentity(name))

    @contextlib.contextmanager
    def _endpoint(self) -> Iterator[None]:
        """Clients find us by this file while we run."""
        endpoint = Endpoint(
            pid=os.getpid(),
            started=int(time.time()),
            version=_version(),
            unix=str(self._folders.socket_file),
        )
        path = self._folders.endpoint_file
        replace_private_bytes(path, msgspec.json.encode(endpoint))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    async def _watch_signals(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The first signal stops in order; a second one ends the process as it would without us."""
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            task_status.started()
            async for _ in signals:
                if self._stopping.is_set():
                    break
                _log.info("stopping")
                self._stopping.set()
        os._exit(1)


def _forbid_core_dumps() -> None:
    """A process that crashes is not to leave its memory, with keys, in a file."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def _feed(
    node: Node,
    log: EventLog,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Bring the node's events to the API's log."""
    while True:
        with node.subscribe() as events:
            task_status.started()
            async for event in events:
                if isinstance(event, VaultLocked):
                    # What was told before holds names and messages.
                    log.forget()
                log.append(event)
        if not events.has_fallen_behind:
            return
        task_status = trio.TASK_STATUS_IGNORED
        log.skip()


def _told(error: BaseException) -> BaseException:
    """Return what is to be raised: the error that ended the run, out of its groups.

    One that fails takes others down with it: who asked is told that the node stops. So the
    worst one counts.
    """
    errors = list(_leaves(error))
    for found in errors:
        if isinstance(found, StorageError):
            _log.error("the node stops: %s", found)
            return found
    faults = [each for each in errors if not isinstance(each, UserError)]
    if not faults:
        _log.error("the node stops: %s", errors[0])
        return errors[0]
    if isinstance(faults[0], KeyboardInterrupt | SystemExit):
        return faults[0]
    _log.critical("the node has a fault and stops: %r", faults[0], exc_info=error)
    return MeshError(
        f"Mesh has a fault and stopped ({type(faults[0]).__name__}). Its log says more "
        "with MESH_LOG_LEVEL=debug."
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _version() -> str:
    try:
        return metadata.version("mesh-messenger")
    except metadata.PackageNotFoundError:
        return "unknown"
