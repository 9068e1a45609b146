"""A running node: one engine with its sockets, its discovery and its stamps.

The parts know only the inbox; the driver knows only the engine; here they are joined. A node
carries mail as soon as it runs; it opens what is ours once it is given the vault.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import assert_never

import msgspec
import trio

from mesh.commands.answer import Answer
from mesh.commands.carry import CarryCommand
from mesh.commands.command import Command
from mesh.commands.status import StatusAnswer
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import PycaKem
from mesh.crypto.signing import is_signature_valid
from mesh.effects import Announce, Dial, Disconnect, MintStamp, SendBytes
from mesh.engine.engine import Engine
from mesh.engine.settings import EngineSettings
from mesh.errors import UserError
from mesh.events import NoticeRaised
from mesh.inputs import Connection, NetworksSeen, VaultClosing, VaultOpened
from mesh.node.clock import Clock, system_now
from mesh.node.discovery.discovery import Discovery, DiscoverySettings
from mesh.node.driver import Driver, Outward
from mesh.node.input_queue import InputQueue
from mesh.node.interfaces import list_interfaces, own_addresses
from mesh.node.minting import Minting
from mesh.node.power_and_disk import PowerAndDisk
from mesh.node.subscription import Subscription
from mesh.node.suspend import SuspendWatch
from mesh.node.system_entropy import SystemEntropy
from mesh.node.tcp.network import Network


class Node:
    """Construct it, `run` it in a nursery, and `ask`. Its sockets are bound at construction."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        store: Connection,
        listen_port: int | None = None,
        discovery: DiscoverySettings | None = None,
        disk: Path | None = None,
        battery_low_percent: int = 0,
        entropy: Entropy | None = None,
        clock: Clock = system_now,
    ) -> None:
        """Raises UserError if the port that was asked for cannot be had.

        `discovery`: None if others are not to be looked for, nor told of this node.
        `disk`: a folder on the disk that holds the store.
        """
        input_queue = self._input_queue = InputQueue()
        self._network = Network(input_queue, listen_port)
        self._minting = Minting(input_queue)
        self._discovery: Discovery | None = None
        if discovery is not None:
            self._discovery = Discovery(input_queue, self.port, self.notice, discovery)
        self._suspend_watch = SuspendWatch(input_queue, clock, self._discovery)
        self._power_and_disk = PowerAndDisk(
            input_queue, disk=disk, battery_low_percent=battery_low_percent
        )
        try:
            engine = Engine(
                settings=replace(settings, listen_port=self.port),
                store=store,
                entropy=SystemEntropy() if entropy is None else entropy,
                kem=PycaKem(),
                verify=is_signature_valid,
                now=clock(),
            )
        except BaseException:
            self._network.close_listeners()
            raise
        self._driver = Driver(engine, input_queue, clock, self._perform)
        self._vault: Connection | None = None
        self._vault_turn = trio.Lock()

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
            nursery.start_soon(self._suspend_watch.run)
            nursery.start_soon(self._power_and_disk.run)
            await self._driver.run()

    async def ask(self, command: Command) -> Answer:
        """Ask; returns when what the answer says is durable. Raises UserError."""
        answer = await self._driver.ask(command)
        if isinstance(answer, StatusAnswer) and self._discovery is not None:
            # The engine does not know why it sees nobody.
            notices = [*answer.notices, *self._discovery.notices()]
            return msgspec.structs.replace(answer, notices=notices)
        return answer

    async def ask_all(self, commands: Sequence[Command]) -> list[Answer | UserError]:
        """Ask for several things in their order; each is answered or refused by itself."""
        return await self._driver.ask_all(commands)

    async def carry_by_hand(self, command: CarryCommand) -> Answer:
        """Ask for a piece of a file that goes by hand, locked or not. Raises UserError."""
        return await self._driver.carry_by_hand(command)

    def subscribe(self) -> AbstractContextManager[Subscription]:
        """Listen: `with node.subscribe() as events: async for event in events`."""
        return self._driver.subscribe()

    def notice(self, sentence: str) -> None:
        """Tell whoever listens what the shell has noticed."""
        self._driver.publish(NoticeRaised(sentence))

    async def open_vault(self, vault: Connection) -> None:
        """Hand the vault to the engine, which has taken it in on return."""
        async with self._vault_turn:
            if self._vault is not None:
                raise UserError("unlocked", "The vault is open already.")
            self._vault = vault
            await self._driver.tell(VaultOpened(vault))

    @property
    def has_vault(self) -> bool:
        """Say whether the engine has been given the vault."""
        return self._vault is not None

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
            case _:
                assert_never(effect)
