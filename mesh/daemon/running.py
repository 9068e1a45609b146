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
from collections.abc import Callable, Iterator
from functools import partial
from typing import TextIO

import msgspec
import trio
from msgspec import structs

from mesh.api.access import Access
from mesh.api.app import Application
from mesh.api.doors import is_over_tcp
from mesh.api.endpoint import Endpoint
from mesh.api.event_log import EventLog
from mesh.api.loopback import LoopbackListener
from mesh.api.page_desk import PageDesk
from mesh.api.server import serve_loopback, serve_unix
from mesh.api.sharing import Sharing
from mesh.api.unix_socket import UnixListener
from mesh.commands.identity import CreateIdentity
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.config import Config
from mesh.daemon.lookout import Lookout
from mesh.daemon.notifying import Notifier
from mesh.daemon.relay import become_relay, require_relay
from mesh.daemon.running_settings import RunningSettings, engine_settings
from mesh.daemon.service_manager import notify
from mesh.daemon.start_order import StartOrder
from mesh.daemon.succession import CAN_SUCCEED, Succession, succeed
from mesh.daemon.vault_keeper import VaultKeeper
from mesh.engine.settings import EngineSettings
from mesh.errors import DiskFullError, MeshError, StorageError, UserError
from mesh.events import ConversationEmptied, Event, VaultLocked
from mesh.node.config_file import load_config, write_default_config
from mesh.node.discovery.discovery import DiscoverySettings
from mesh.node.doctor.finding import Finding, Said
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.freed_memory import keep_freed_memory
from mesh.node.login_start import LoginStart
from mesh.node.logs import place_of, start_logging
from mesh.node.membership import keep_mesh, mesh_of_start
from mesh.node.node import Node, OpenStore
from mesh.node.private_files import replace_private_bytes, storage_error
from mesh.node.private_memory import keep_memory_private
from mesh.node.profile import Profile, close_vault
from mesh.node.store_keeper import StoreKeeper
from mesh.release import release
from mesh.wire.parameters import MeshParameters

_log = logging.getLogger("mesh.daemon")
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def run_daemon(
    order: StartOrder,
    *,
    console: TextIO | None,
    on_ready: Callable[[], None],
    inherited: Succession | None = None,
) -> None:
    """Run until a signal or the API says stop; `on_ready` is called when the API answers.

    One that is locked goes on in a new program of this process, and `inherited` is what that gets;
    it does not come back here.

    Raises UserError if it cannot start, StorageError if the disk fails, MeshError if we are at
    fault; the last guard of the process is here.
    """
    # Whatever is written here is ours alone, also where nobody thought of it.
    os.umask(0o077)
    keep_memory_private()
    keep_freed_memory()
    folders = profile_folders(order.profile)
    config = load_config(folders.config_file)

    def start_log(level: str) -> None:
        start_logging(level=level, folder=folders.state / "logs", console=console)

    try:
        start_log(config.log_level)
    except OSError as error:
        raise storage_error(error, folders.state / "logs") from error
    try:
        daemon = _Daemon(order, folders, config, on_ready, start_log, inherited)
        # Its passphrase is not to stay in memory for as long as the node runs.
        del order
        trio.run(daemon.run)
        if daemon.succession is not None:
            succeed(structs.replace(daemon.succession, has_console=console is not None))
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
        start_log: Callable[[str], None],
        inherited: Succession | None,
    ) -> None:
        self._start_log = start_log
        self._order = order
        self._folders = folders
        self._config = config
        self._on_ready = on_ready
        self._inherited = inherited
        # Set when this run ends. Another one follows in this process where a backup was put back,
        # and one in a new program where the node was locked.
        self._stopping = trio.Event()
        self._is_stop_wanted = False
        self._is_told = False
        self._is_wiped = False
        self._unix: UnixListener | None = None
        self._loopback: LoopbackListener | None = None
        self.succession: Succession | None = None
        """What a locked node goes on with when this has ended; None: nothing goes on."""

    async def run(self) -> None:
        """Run from the lock to its release; anew, with all that it reads, after a backup was put
        back.
        """
        async with trio.open_nursery() as watch:
            await watch.start(self._watch_signals)
            lock = None if self._inherited is None else self._inherited.lock
            with Profile.held(self._folders, inherited_lock=lock) as profile:
                await self._run_once(profile)
                while not self._is_stop_wanted and self.succession is None:
                    self._stopping = trio.Event()
                    self._inherited = None
                    self._config = load_config(self._folders.config_file)
                    self._start_log(self._config.log_level)
                    await self._run_once(profile)
                if self._is_wiped:
                    self.succession = None
                    await trio.to_thread.run_sync(profile.wipe)
                elif self.succession is not None:
                    self.succession = structs.replace(
                        self.succession,
                        lock=profile.hand_on(),
                        is_stop_wanted=self._is_stop_wanted,
                    )
            watch.cancel_scope.cancel()

    async def _run_once(self, profile: Profile) -> None:
        self._require_startable(profile)
        mesh = await trio.to_thread.run_sync(mesh_of_start, self._folders, self._config)
        if not self._folders.store_file.exists():
            # Before anything else is made: what is left of a start that was killed here does not
            # begin in another mesh.
            keep_mesh(self._folders, mesh)
        await self._create_if_new(profile)
        with contextlib.closing(StoreKeeper(profile, self._folders, mesh)) as stores:
            store = await trio.to_thread.run_sync(stores.open)
            await self._run_node(profile, self._make_node(store, mesh))

    def _begin_restored(self, passphrase: str) -> None:
        """A backup was put back: the next run opens the vault with this passphrase."""
        self._order = StartOrder(profile=self._folders.name, passphrase=passphrase)
        self._stopping.set()

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
        else:
            profile.require_vault()

    async def _create_if_new(self, profile: Profile) -> None:
        if self._config.relay:
            become_relay(self._folders)
        elif self._is_first_start(profile):
            assert self._order.passphrase is not None
            await trio.to_thread.run_sync(profile.create, self._order.passphrase)
            write_default_config(self._folders.config_file)

    def _make_node(self, store: OpenStore, mesh: MeshParameters) -> Node:
        config = self._config
        settings = EngineSettings(
            parameters=mesh,
            is_told_near=config.discovery,
            is_public=config.public,
            is_relay=config.relay,
        ).changed(engine_settings(config))
        discovery = DiscoverySettings(
            with_loopback=config.discovery_on_loopback, with_beacon=config.beacon
        )
        listen_port: int | list[int] | None = config.listen_port
        if self._inherited is not None:
            listen_port, store.ours = self._inherited.link_sockets, self._inherited.ours
        return Node(
            settings=settings,
            store=store,
            listen_port=listen_port,
            discovery=discovery if config.discovery else None,
            disk=self._folders.data,
            battery_low_percent=config.battery_low_percent,
        )

    async def _run_node(self, profile: Profile, node: Node) -> None:
        log = EventLog(os.urandom(8).hex())
        access = Access(self._folders.door_file)
        sharing = Sharing()
        keeper = VaultKeeper(
            profile,
            node,
            config=self._config,
            begin_restored=self._begin_restored,
            begin_anew=partial(self._begin_anew, node, access, log, sharing),
            is_relay=self._config.relay,
        )
        desk = PageDesk(partial(self._examine, keeper), LoginStart(self._folders.name), sharing)
        keeper.set_auto_lock(self._config.auto_lock_minutes)
        keeper.backups.set_weekly(is_on=self._config.weekly_copy)
        notifier = Notifier(keeper, is_page_open=lambda: access.has_page_open)
        notifier.is_on = self._config.desktop_notifications
        settings = RunningSettings(
            self._folders.config_file,
            self._config,
            partial(self._take_over, node, keeper, notifier),
        )
        application = Application(
            keeper, log, keeper, access, desk, settings=settings, stop=self._stop, files=node
        )
        node.hear(partial(_feed, log, notifier))
        try:
            async with trio.open_nursery() as nodes:
                nodes.start_soon(notifier.run)
                nodes.start_soon(sharing.run)
                nodes.start_soon(node.run)
                nodes.start_soon(keeper.backups.run)
                nodes.start_soon(keeper.lock_when_idle)
                nodes.start_soon(Lookout(node, partial(self._look_around, node)).run)
                async with trio.open_nursery() as doors:
                    if not is_over_tcp():
                        await self._open_unix(doors, application)
                    port = await self._open_loopback(doors, application)
                    with self._endpoint(port):
                        await self._open_own_vault(keeper)
                        _log.info("the node runs on port %d", node.port)
                        notify("READY=1")
                        if not self._is_told:
                            self._is_told = True
                            self._on_ready()
                        if self._inherited is not None and self._inherited.is_stop_wanted:
                            self._stop()
                        await self._stopping.wait()
                        keeper.backups.stop()
                        if self.succession is None:
                            notify("STOPPING=1")
                nodes.cancel_scope.cancel()
        finally:
            # Nothing runs any more, so the engine has let go of the vault.
            keeper.backups.let_go()
            if (vault := node.take_vault()) is not None:
                close_vault(vault)
            self._is_wiped = keeper.is_wiped

    def _stop(self) -> None:
        """Stop in order, at once or as soon as the next program runs."""
        self._is_stop_wanted = True
        self._stopping.set()

    def _begin_anew(self, node: Node, access: Access, log: EventLog, sharing: Sharing) -> bool:
        """The vault is closed: end this program, and let the next one go on; False if it cannot."""
        # It does not outlive the lock in the same program either.
        sharing.shut()
        if not CAN_SUCCEED or self._stopping.is_set() or not os.access(sys.executable, os.X_OK):
            return False
        try:
            load_config(self._folders.config_file)
        except UserError as error:
            # Nobody is to be without a node for a typing error.
            _log.warning("the memory of the locked node is not made anew: %s", error)
            return False
        link_sockets, ours = node.hand_on()
        self.succession = Succession.of(
            ours,
            profile=self._folders.name,
            link_sockets=link_sockets,
            unix_socket=None if self._unix is None else self._unix.hand_on(),
            loopback_sockets=[] if self._loopback is None else self._loopback.hand_on(),
            owner_token=access.hand_on(),
        )
        log.is_back_soon = True
        self._stopping.set()
        return True

    async def _open_unix(self, doors: trio.Nursery, application: Application) -> None:
        """Open the door that is a file."""
        path, inherited = self._folders.socket_file, self._inherited
        if inherited is None or inherited.unix_socket is None:
            self._unix = UnixListener.bind(path)
        else:
            self._unix = UnixListener.inherited(path, inherited.unix_socket)
        await doors.start(partial(serve_unix, application, self._unix, stopping=self._stopping))

    async def _open_loopback(self, doors: trio.Nursery, application: Application) -> int:
        """Open the door on loopback, and return its port; 0 where the machine has no loopback."""
        access, inherited = application.access, self._inherited
        try:
            if inherited is not None and inherited.loopback_sockets:
                listener = LoopbackListener.inherited(inherited.loopback_sockets)
            else:
                listener = LoopbackListener.bind(access.record.port)
        except UserError as error:
            if self._unix is None:
                raise
            _log.warning("there is no door for browsers: %s", error)
            return 0
        self._loopback = listener
        await access.listens_at(listener.port)
        # On a full disk programs reach the node over its unix socket alone.
        with contextlib.suppress(DiskFullError):
            token = "" if inherited is None else inherited.owner_token
            await access.admit_owner(self._folders.token_file, token)
        await doors.start(partial(serve_loopback, application, listener, stopping=self._stopping))
        return listener.port

    async def _examine(self, keeper: VaultKeeper, said: Said) -> list[Finding]:
        """Look at everything that the node needs, as `mesh doctor` does."""
        # It loads what only the doctor needs.
        from mesh.node.doctor.doctor import NodeView, examine

        status, peers = await keeper.ask(AskStatus()), await keeper.ask(AskPeers())
        assert isinstance(status, StatusAnswer)
        assert isinstance(peers, PeersAnswer)
        view = NodeView(status, peers)
        return await trio.to_thread.run_sync(
            partial(examine, self._folders, view, said=said), abandon_on_cancel=True
        )

    async def _look_around(self, node: Node) -> Finding | None:
        """Return the doctor's verdict on the network; None if there is none."""
        # It loads what only the doctor needs.
        from mesh.node.doctor.doctor import NodeView, neighbourhood_of
        from mesh.node.doctor.network import find_verdict

        status, peers = await node.ask(AskStatus()), await node.ask(AskPeers())
        assert isinstance(status, StatusAnswer)
        assert isinstance(peers, PeersAnswer)

        def look() -> Finding | None:
            around = neighbourhood_of(self._folders, NodeView(status, peers))
            return find_verdict(self._config, around)

        return await trio.to_thread.run_sync(look, abandon_on_cancel=True)

    async def _take_over(
        self, node: Node, keeper: VaultKeeper, notifier: Notifier, config: Config
    ) -> None:
        """Go by other settings, those of `mesh.settings.AT_ONCE`."""
        if config.log_level != self._config.log_level:
            self._start_log(config.log_level)
        self._config = config
        keeper.set_auto_lock(config.auto_lock_minutes)
        keeper.backups.set_weekly(is_on=config.weekly_copy)
        notifier.is_on = config.desktop_notifications
        await node.change(engine_settings(config), battery_low_percent=config.battery_low_percent)

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
    def _endpoint(self, port: int) -> Iterator[None]:
        """Clients find us by this file while we run."""
        endpoint = Endpoint(
            pid=os.getpid(),
            started=int(time.time()),
            version=release(),
            unix="" if self._unix is None else str(self._unix.path),
            port=port,
        )
        path = self._folders.endpoint_file
        # Without it programs that look for it start later; the socket is where it always is.
        with contextlib.suppress(DiskFullError):
            replace_private_bytes(path, msgspec.json.encode(endpoint))
        try:
            yield
        finally:
            if self.succession is None:
                path.unlink(missing_ok=True)

    async def _watch_signals(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The first signal stops in order; a second one ends the process as it would without us."""
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            task_status.started()
            async for _ in signals:
                if self._is_stop_wanted:
                    break
                _log.info("stopping")
                self._stop()
        os._exit(1)


def _feed(log: EventLog, notifier: Notifier, event: Event) -> None:
    """Bring an event of the node to the API's log."""
    if isinstance(event, VaultLocked | ConversationEmptied):
        # What was told before holds names and messages that are not to be read here.
        log.forget()
    log.append(event)
    notifier.hear(event)


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
    _log.critical("the node has a fault and stops: %s", place_of(faults[0]), exc_info=error)
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
