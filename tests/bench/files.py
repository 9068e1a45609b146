"""A carried file over relays in a row: how long it takes, and what it costs on each wire."""

import hashlib
import time
from pathlib import Path

from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.conversations import AskConversation, ConversationAnswer
from mesh.commands.files import FileAnswer
from mesh.commands.item_commands import AskItems, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from tests.bench import daemons
from tests.bench.table import Row
from tests.integration.networks import received_bytes
from tests.integration.nodes import Node, befriend, eventually

SIZE = 900_000
"""Fourteen blocks."""

WITHIN_S = 120.0


def rows(scratch: Path) -> list[Row]:
    """Behind one relay, and behind three."""
    return [row for relays in (1, 3) for row in behind(scratch / f"{relays}", relays)]


def behind(scratch: Path, relays: int) -> list[Row]:
    """Send one file between the ends of a row that have written to each other."""
    scratch.mkdir()
    with daemons.line(scratch, relays) as nodes:
        daemons.start(nodes)
        first, last = nodes[0], nodes[-1]
        befriend(last, first, inviter_label="last")
        arrivals = daemons.Arrivals(last)
        daemons.exchange(first, arrivals, 0)
        [contact] = last.client.ask(AskContacts(), ContactsAnswer).contacts
        last.client.ask(SendMessage(contact.key, "hello"), MessageAnswer)
        eventually(
            lambda: first.client.ask(AskConversation("last"), ConversationAnswer).reads,
            lambda reads: reads == 2,
            within_s=WITHIN_S,
            what="their answer",
        )
        before = [received_bytes(node.namespace) for node in nodes[1:]]
        began = time.monotonic()
        data = hashlib.shake_128(b"a map").digest(SIZE)
        handed = first.client.add_file("map", "application/octet-stream", data)
        first.client.ask(WriteItem("last", files=(handed.number,)), ItemAnswer)
        eventually(
            lambda: files(last, contact.key),
            lambda came: bool(came) and came[0].state == "here",
            within_s=WITHIN_S,
            what="the file",
        )
        taken = time.monotonic() - began
        passed = [
            received_bytes(node.namespace) - was
            for node, was in zip(nodes[1:], before, strict=True)
        ]
    what = f"900 kB over {relays} relays" if relays > 1 else "900 kB over a relay"
    return [
        Row("Mesh", f"{what}, until it is whole", taken, "s"),
        Row("Mesh", f"{what}, the dearest wire", max(passed) / SIZE, "of its bytes"),
    ]


def files(node: Node, chat: str) -> list[FileAnswer]:
    """The files in a conversation."""
    items = node.client.ask(AskItems(chat), ItemsAnswer).items
    return [file for item in items for file in item.files]
