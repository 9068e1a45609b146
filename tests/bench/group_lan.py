"""Ten real daemons on one LAN: how long a text takes to all of a group, beside one to a contact.

A text's time runs from the moment before it is written over the local API to the moment when the
event of its item was read here: of the nine others the last, or of the contact. All daemons share
this machine's cores, and nine open a text of the group at once, where one opens that to a contact.
"""

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from mesh.api.stream import Happened
from mesh.commands.groups import AcceptGroup, AskGroup, GroupAnswer, InviteToGroup, MakeGroup
from mesh.commands.item_commands import WriteItem
from mesh.commands.items import ItemAnswer
from mesh.errors import UserError
from mesh.events import ItemAdded
from tests.bench.daemons import ARRIVES_WITHIN_S, start, text
from tests.bench.relays import Relays, relays, wait_for
from tests.bench.table import Row, percentile
from tests.integration.meshes import closed_config
from tests.integration.nodes import Node, befriend

MEMBERS: Final = 10
GROUP: Final = "Crew"
PAUSE_S: Final = 0.2
"""Between two texts, so that none waits for what the one before left to do."""


class Screens:
    """The texts that nodes show, each with the moment when its event was read here."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._shown: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        for node in nodes:
            is_listening = threading.Event()
            threading.Thread(target=self._listen, args=(node, is_listening), daemon=True).start()
            assert is_listening.wait(ARRIVES_WITHIN_S)

    def wait(self, words: str, count: int) -> float:
        """Wait until so many show a text; return the moment at which the last did."""
        last = 0.0
        while count:
            at, shown = self._shown.get(timeout=ARRIVES_WITHIN_S)
            if shown == words:
                last, count = at, count - 1
        return last

    def _listen(self, node: Node, is_listening: threading.Event) -> None:
        try:
            for told in node.client.events():
                is_listening.set()
                match told:
                    case Happened(event=ItemAdded(item=item)):
                        self._shown.put((time.monotonic(), item.text))
                    case _:
                        pass
        except UserError:
            # The node was stopped at the end.
            pass


def rows(scratch: Path, messages: int) -> Iterable[Row]:
    """Texts to contacts and to the group in turn, so that both meet the same machine."""
    with relays(scratch, MEMBERS, closed_config(scratch)) as made:
        start(made.nodes)
        first, others = made.nodes[0], made.nodes[1:]
        _make_group(made)
        screens = Screens(others)
        for number in range(MEMBERS):
            _sent(first, screens, GROUP, f"first {number}", len(others))
        direct, group = list[float](), list[float]()
        for number in range(messages):
            whom = others[number % len(others)].name
            direct.append(_sent(first, screens, whom, f"direct {text(number)}", 1))
            group.append(_sent(first, screens, GROUP, f"group {text(number)}", len(others)))
    who = f"{MEMBERS} daemons on one LAN"
    for share in (0.5, 0.95):
        one, all_ = (percentile(taken, share) * 1_000 for taken in (direct, group))
        name = f"p{share * 100:.0f}"
        yield Row(who, f"a text to a contact, {name}", one, "ms")
        yield Row(who, f"a text on all screens of a group, {name}", all_, "ms", "the last of nine")
        yield Row(who, f"group beside contact, {name}", all_ / one, "times")


def _make_group(made: Relays) -> None:
    first, others = made.nodes[0], made.nodes[1:]
    for guest in others:
        befriend(first, guest, inviter_label="Ada")
    wait_for(
        lambda: all(guest.name in first.run("contacts") for guest in others), "contacts of all"
    )
    first.client.ask(MakeGroup(GROUP), GroupAnswer)
    for guest in others:
        first.client.ask(InviteToGroup(GROUP, (guest.name,)), GroupAnswer)
        _wait_until(guest, "invited")
        guest.client.ask(AcceptGroup(GROUP), GroupAnswer)
    for node in made.nodes:
        _wait_until(node, "in", MEMBERS)


def _wait_until(node: Node, state: str, count: int | None = None) -> None:
    def is_so() -> bool:
        try:
            told = node.client.ask(AskGroup(GROUP), GroupAnswer)
        except UserError:
            return False
        return told.state == state and count in (None, told.members_count)

    wait_for(is_so, f"{node.name}: {state}")


def _sent(node: Node, screens: Screens, chat: str, words: str, count: int) -> float:
    """Write a text, and return the seconds until so many showed it."""
    time.sleep(PAUSE_S)
    began = time.monotonic()
    node.client.ask(WriteItem(chat, kind="text", text=words), ItemAnswer)
    return screens.wait(words, count) - began
