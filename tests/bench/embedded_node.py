"""A node inside a program: a child process of the bench, told what to do in lines of JSON.

It answers each line with one. What it measures is a node without the local API: the program asks
the node in its own process and hears its events there, as other libraries are used.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

import trio

from mesh.commands.contacts import AddContact, AskContacts, ContactsAnswer
from mesh.commands.identity import CreateIdentity
from mesh.commands.invites import CreateInvite, InviteAnswer
from mesh.commands.messages import SendMessage
from mesh.commands.peers import AddPeer
from mesh.database import Connection
from mesh.engine.settings import EngineSettings
from mesh.events import MessageReceived
from mesh.node.node import Node
from mesh.storage.connection import connect
from mesh.storage.migrations import migrate_store, migrate_vault
from mesh.wire.parameters import MeshParameters
from tests.bench.without import without

BENCH_MESH: Final = MeshParameters(
    name="bench", stamp_bits=0, key_quota=1_000_000, psk=bytes(range(32))
)
TEXT: Final = "x" * 200


class Program:
    """The orders to the child."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.arrivals: list[float] = []
        self.arrived = trio.Event()

    async def listen(self) -> None:
        """Note when each message is told."""
        with self.node.subscribe() as events:
            async for event in events:
                if isinstance(event, MessageReceived):
                    self.arrivals.append(time.monotonic())
                    self.arrived.set()
                    self.arrived = trio.Event()

    async def answer(self, order: str, *arguments: str) -> object:
        """Carry out one line."""
        match order, arguments:
            case "invite", ():
                invite = await self.node.ask(CreateInvite())
                assert isinstance(invite, InviteAnswer)
                return invite.link
            case "add", (link,):
                await self.node.ask(AddContact(link))
            case "peer", (address,):
                await self.node.ask(AddPeer(address))
            case "is answered", ():
                contacts = await self.node.ask(AskContacts())
                assert isinstance(contacts, ContactsAnswer)
                return [one.state for one in contacts.contacts] == ["answered"]
            case "send", (count, writers):
                return await self.send(int(count), int(writers))
            case "arrived", (count,):
                while len(self.arrivals) < int(count):
                    await self.arrived.wait()
                arrivals, self.arrivals = self.arrivals, []
                return arrivals
            case "cpu", ():
                return time.process_time()
            case _:
                raise ValueError(order)
        return None

    async def send(self, count: int, writers: int) -> list[float]:
        """Send messages from a few tasks at once; return when each was begun."""
        begun: list[float] = []
        contacts = await self.node.ask(AskContacts())
        assert isinstance(contacts, ContactsAnswer)
        label = contacts.contacts[0].label

        async def write(share: int) -> None:
            for _ in range(share):
                begun.append(time.monotonic())
                await self.node.ask(SendMessage(label, TEXT))

        async with trio.open_nursery() as nursery:
            for writer in range(writers):
                nursery.start_soon(write, len(range(writer, count, writers)))
        return begun


async def run(folder: Path) -> None:
    """Run a node until the end of the input."""
    node = Node(
        settings=EngineSettings(parameters=BENCH_MESH),
        store=database(folder / "store.db"),
        listen_port=0,
    )
    program = Program(node)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.run)
        await node.open_vault(database(folder / "vault.db"))
        await node.ask(CreateIdentity(folder.name))
        nursery.start_soon(program.listen)
        say(node.port)
        async for line in trio.wrap_file(sys.stdin):
            say(await program.answer(*json.loads(line)))
        nursery.cancel_scope.cancel()


def database(path: Path) -> Connection:
    """An encrypted database on the disk, as a profile has it."""
    connection = connect(path, os.urandom(32))
    (migrate_store if path.stem == "store" else migrate_vault)(connection)
    return connection


def say(answer: object) -> None:
    """Answer one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with without():
        trio.run(run, Path(sys.argv[1]))
