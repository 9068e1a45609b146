"""A running node: one engine with its sockets, its discovery and its stamps.

The parts know only the inbox; the driver knows only the engine; here they are joined. A node
carries mail as soon as it runs; it opens what is ours once it is given the vault.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

import msgspec
import trio

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.files import AskFileBlock, FileBlockAnswer, FilePlaceAnswer
from mesh.commands.invites import CreateInvite
from mesh.commands.status import Situation, StatusAnswer
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.database import Connection
from mesh.effects import (
    Announce,
    Dial,
    Disconnect,
    DropBlobs,
    KeepBlobs,
    MintStamp,
    ReadBlocks,
    SendBytes,
    WriteBlock,
)
from mesh.engine.engine import Engine
from mesh.engine.lasting import LastingEngine
from mesh.engine.settings import EngineSettings
from mesh.errors import DamagedError, UserError
from mesh.events import Event, NoticeRaised
from mesh.ids import Address, Instant
from mesh.inputs import NetworksSeen, SettingsChanged, VaultClosing, VaultOpened
from mesh.limits.invites import INVITE_ADDRESSES_MAX
from mesh.messenger.messenger import NOBODYS, Ours
from mesh.node.blob_store import FILES_FOLDER, BlobStore
from mesh.node.clock import Clock, system_now
from mesh.node.discovery.discovery import Discovery, DiscoverySettings
from mesh.node.driver import Driver, Outward
from mesh.node.handing_over import Upload, hand_over_path
from mesh.node.input_queue import InputQueue
from mesh.node.interfaces import list_interfaces, own_addresses, tellable_hosts
from mesh.node.minting import Minting
from mesh.node.power_and_disk import PowerAndDisk
from mesh.node.subscription import Subscription
from mesh.node.suspend import SuspendWatch
from mesh.node.system_entropy import SystemEntropy
from mesh.node.tcp.network import Network


@dataclass(slots=True)
class OpenStore:
    """The store of a node that runs.

    `reopen` puts another one in the place of one that is damaged; it returns that and what to tell,
    or raises. `notices`: what was told, for as long as the node runs. `ours`: what of it stays
    while the vault is locked, as the program before this one knew it.
    """

    connection: Connection
    reopen: Callable[[DamagedError], tuple[Connection, str]] | None = None
    notices: list[str] = field(default_factory=list)
    ours: Ours = NOBODYS


class Node:
    """Construct it, `run` it in a nursery, and `ask`. Its sockets are bound at construction."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        store: Connection | OpenStore,
        listen_port: int | Sequence[int] | None = None,
        discovery: DiscoverySettings | None = None,
        disk: Path | None = None,
        battery_low_percent: int = 0,
        entropy: Entropy | None = None,
        clock: Clock = system_now,
    ) -> None:
        """Raises UserError if the port that was asked for cannot be had.

        `listen_port`: the numbers of sockets are those of the program that this process was before.
        `discovery`: None if others are not to be looked for, nor told of this node.
        `disk`: the folder that holds the store, and in a folder of it the bytes of large files.
        """
        self.situation: Situation = ""
        """Why no link stands, as whoever has looked says."""
        self._store = store if isinstance(store, OpenStore) else OpenStore(store)
        input_queue = self._input_queue = InputQueue()
        self._network = Network(input_queue, listen_port)
        self._minting = Minting(input_queue)
        self.blobs = BlobStore(input_queue, None if disk is None else disk / FILES_FOLDER)
        self._discovery: Discovery | None = None
        if discovery is not None:
            self._discovery = Discovery(input_queue, self.port, self._lasting_notice, discovery)
        self._power_and_disk = PowerAndDisk(
            input_queue, disk=disk, battery_low_percent=battery_low_percent
        )
        self._suspend_watch = SuspendWatch(
            input_queue, clock, self._discovery, lambda: self._power_and_disk.is_power_low
        )
        try:
            engine = self._engine = LastingEngine(
                self._engine_maker(
                    replace(settings, listen_port=self.port),
                    SystemEntropy() if entropy is None else entropy,
                ),
                now=clock(),
                repair=self._repair,
            )
        except BaseException:
            self._network.close_listeners()
            raise
        self._driver = Driver(engine, input_queue, clock, self._perform, self._suspend_watch.look)
        self._vault: Connection | None = None
        self._vault_turn = trio.Lock()

    def _engine_maker(
        self, settings: EngineSettings, entropy: Entropy
    ) -> Callable[[Instant], Engine]:
        return lambda now: Engine(
            settings=settings,
            store=self._store.connection,
            entropy=entropy,
            kem=PycaKem(),
            verify=is_signature_valid,
            now=now,
            ours=self._store.ours,
        )

    def _repair(self, error: DamagedError) -> str:
        if self._store.reopen is None:
            raise error
        self._store.connection, sentence = self._store.reopen(error)
        self._store.notices.append(sentence)
        return sentence

    @property
    def port(self) -> int:
        """The TCP port on which other nodes reach this one."""
        return self._network.port

    async def run(self) -> None:
        """Run until cancelled. Raises what the engine raises: StorageError, AssertionError."""
        async with trio.open_nursery() as nursery:
            if self._discovery is not None:
                nursery.start_soon(self._discovery.run)
            else:
                interfaces = await trio.to_thread.run_sync(list_interfaces)
                self._input_queue.put(NetworksSeen(own_addresses(interfaces)))
            nursery.start_soon(self._network.run)
            nursery.start_soon(self._minting.run)
            nursery.start_soon(self.blobs.run)
            nursery.start_soon(self._suspend_watch.run)
            nursery.start_soon(self._power_and_disk.run)
            await self._driver.run()

    async def ask(self, command: Command) -> Answer:
        """Ask; returns when what the answer says is durable. Raises UserError."""
        answer = await self._driver.ask(await self._completed(command))
        if isinstance(answer, StatusAnswer):
            # The engine does not know why it sees nobody, nor what befell its files.
            seen = () if self._discovery is None else self._discovery.notices()
            notices = [*self._store.notices, *answer.notices, *seen]
            situation: Situation = "" if answer.links_count else self.situation
            return msgspec.structs.replace(answer, notices=notices, situation=situation)
        if isinstance(answer, FilePlaceAnswer):
            assert isinstance(command, AskFileBlock)
            [data] = await self.blobs.read_blocks(answer.place, command.block, 1)
            return FileBlockAnswer(data=data)
        return answer

    async def _completed(self, command: Command) -> Command:
        """Add to an invite where this machine takes calls now. UserError if that is nowhere."""
        if not (isinstance(command, CreateInvite) and command.with_addresses):
            return command
        named = command.address_hint
        interfaces = await trio.to_thread.run_sync(list_interfaces)
        places = [str(Address(host, self.port)) for host in tellable_hosts(interfaces)]
        told = list(dict.fromkeys([*named.split(), *places]))[:INVITE_ADDRESSES_MAX]
        if not told:
            raise UserError("no-network", "No network is up, so there is no address to tell.")
        return replace(command, address_hint=" ".join(told))

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Ask for several things in their order; each is answered or refused by itself."""
        return await self._driver.ask_all([await self._completed(each) for each in commands])

    async def hand_over_path(self, path: str, name: str, media_type: str) -> Answer:
        """Hand over a file that lies on the disk and stays there. Raises UserError."""
        return await hand_over_path(self, path, name, media_type)

    async def large_blocks(self, file: int, first: int, count: int) -> list[bytes]:
        """Return blocks of a large file that is all here. Raises UserError."""
        answer = await self._driver.ask(AskFileBlock(file, first))
        assert isinstance(answer, FilePlaceAnswer)
        return await self.blobs.read_blocks(answer.place, first, count)

    def begin_upload(self) -> Upload:
        """Begin a large file whose bytes come; whoever begins it ends it."""
        return Upload(self.blobs)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Ask for a piece of a file that goes by hand, locked or not. Raises UserError."""
        return await self._driver.carry_by_hand(command)

    def subscribe(self) -> AbstractContextManager[Subscription]:
        """Listen: `with node.subscribe() as events: async for event in events`."""
        return self._driver.subscribe()

    def hear(self, hearer: Callable[[Event], None]) -> None:
        """Call somebody for each event, at once, for as long as this node runs. It must not wait.

        To subscribe costs a turn of the event loop for each batch, and this none.
        """
        self._driver.hear(hearer)

    def notice(self, sentence: str) -> None:
        """Tell whoever listens what the shell has noticed."""
        self._driver.publish(NoticeRaised(sentence))

    def _lasting_notice(self, sentence: str) -> None:
        """Tell whoever listens what the status tells for as long as it holds."""
        self._driver.publish(NoticeRaised(sentence, lasts=True))

    async def open_vault(self, vault: Connection) -> None:
        """Hand the vault to the engine, which has taken it in on return."""
        async with self._vault_turn:
            if self._vault is not None:
                raise UserError("unlocked", "The vault is open already.")
            self._vault = vault
            await self._driver.tell(VaultOpened(vault))

    async def change(self, changed: SettingsChanged, *, battery_low_percent: int) -> None:
        """Go on with other settings, which hold on return."""
        self._power_and_disk.low_percent = battery_low_percent
        await self._power_and_disk.look()
        await self._driver.tell(changed)

    @property
    def has_vault(self) -> bool:
        """Say whether the engine has been given the vault."""
        return self._vault is not None

    def hand_on(self) -> tuple[list[int], Ours]:
        """Return the sockets for the next program of this process, and what it is not to evict."""
        return self._network.hand_on(), self._engine.ours

    def take_vault(self) -> Connection | None:
        """Return the vault after the end of `run`, for the caller to close."""
        vault, self._vault = self._vault, None
        return vault

    async def close_vault(self) -> Connection | None:
        """Take the vault from the engine and return it, for the caller to close."""
        async with self._vault_turn:
            vault, self._vault = self._vault, None
            if vault is not None:
                await self._driver.tell(VaultClosing())
            return vault

    def _perform(self, effect: Outward) -> None:
        match effect:
            case SendBytes():
                self._network.send(effect)
            case Disconnect():
                self._network.disconnect(effect)
            case Dial():
                self._network.dial(effect)
            case Announce():
                if self._discovery is not None:
                    self._discovery.announce(effect)
            case MintStamp():
                self._minting.want(effect)
            case ReadBlocks() | WriteBlock() | DropBlobs() | KeepBlobs():
                self.blobs.perform(effect)
            case _:
                assert_never(effect)
