"""A month of real daemons that run for a minute now and then: what could come came, once.

Five laptops lie shut nearly always. Their owners write alone, and two meet once in 3 to 20 days.
Some clocks are wrong, and a quarter of all times ends by a kill. Time moves between two starts.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from sim.invariants.paths import Given
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text
from tests.integration.test_doctor import faketime
from tests.searching import only_in_search

pytestmark = [pytest.mark.netns, only_in_search, pytest.mark.timeout(7_200)]

NAMES = ("Anna", "Ben", "Cleo", "Dora", "Emil")
DAY_S = 86_400
LASTS_DAYS = 30
MEETS_EVERY_DAYS = (3.0, 20.0)
ALONE_TIMES = 3
"""So often in the month each owner writes without anybody near."""

KILLED_SHARE = 0.25
MEETING_S = 40.0
"""So long a meeting lasts once the two are linked."""

HOP_S = 20.0
"""So much of it lets two give a message on."""

LIVES_DAYS = 6.0
"""An envelope lives for seven; clocks may be wrong by hours."""

ERRORS_S = {"Ben": 3 * 3_600, "Cleo": -480, "Dora": -400 * DAY_S}
REPAIRED_AT_DAYS = 10.0
"""Dora is told that her clock is wrong, and sets it."""


@dataclass
class Written:
    """One message, at which moment of the month, and when it was handed over anew at the latest."""

    text: str
    sender: str
    recipient: str
    at_s: float
    sealed_s: float


@dataclass
class Month:
    """The laptops, what they wrote, and when which of them were together. Seconds of the month."""

    nodes: dict[str, Node]
    written: list[Written] = field(default_factory=list)
    together: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)
    opened: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    began: float = field(default_factory=time.time)

    def at(self, name: str, when_s: float) -> None:
        """Put a laptop at a moment of the month, with the error that its clock has then."""
        error = 0 if name == "Dora" and is_repaired(when_s) else ERRORS_S.get(name, 0)
        offset = when_s + self.began - time.time() + error
        self.nodes[name].more_environment = faketime(f"{offset:+.0f}s")

    def write(self, name: str, when_s: float, chance: random.Random) -> None:
        """Let an owner write to somebody."""
        recipient = chance.choice([other for other in NAMES if other != name])
        text = f"{len(self.written)} from {name} to {recipient}"
        self.nodes[name].run("send", self.nodes[recipient].name, text)
        self.written.append(Written(text, name, recipient, when_s, when_s))

    def end(self, name: str, chance: random.Random) -> None:
        """Shut a laptop, or let its battery fall out."""
        if chance.random() < KILLED_SHARE:
            self.nodes[name].kill()
        else:
            self.nodes[name].stop()


def is_repaired(when_s: float) -> bool:
    return when_s >= REPAIRED_AT_DAYS * DAY_S


def meetings(chance: random.Random) -> Iterator[tuple[float, str, str]]:
    """The moments at which the neighbours of a ring meet."""
    for place, one in enumerate(NAMES):
        other = NAMES[(place + 1) % len(NAMES)]
        at = chance.uniform(1, MEETS_EVERY_DAYS[0])
        while at < LASTS_DAYS:
            yield at * DAY_S, one, other
            at += chance.uniform(*MEETS_EVERY_DAYS)


def acquaint(month: Month) -> None:
    """All add each other on the first day, while their clocks are right."""
    nodes = list(month.nodes.values())
    start_all(*nodes)
    for node in nodes:
        wait_for_links(node, len(nodes) - 1)
    for place, one in enumerate(NAMES):
        for other in NAMES[place + 1 :]:
            inviter, guest = month.nodes[one], month.nodes[other]
            befriend(inviter, guest, inviter_label=inviter.name)
            guest.run("send", inviter.name, f"hello from {other}")
            wait_for_text(inviter, f"hello from {other}", within_s=60)
            inviter.run("send", guest.name, f"hello from {one}")
            wait_for_text(guest, f"hello from {one}", within_s=60)
    for node in nodes:
        node.stop()


def live(month: Month, chance: random.Random) -> None:
    """Let the month pass."""
    alone = [
        (chance.uniform(0.5, LASTS_DAYS - 1) * DAY_S, name, "")
        for name in NAMES
        for _ in range(ALONE_TIMES)
    ]
    for when, one, other in sorted([*meetings(chance), *alone]):
        present = [name for name in (one, other) if name]
        for name in present:
            month.at(name, when)
        start_all(*(month.nodes[name] for name in present))
        opened = time.monotonic()
        for name in present:
            month.write(name, when, chance)
        if other and ("Dora" not in present or is_repaired(when)):
            meet(month, when, one, other)
        lasted = time.monotonic() - opened
        for name in present:
            place = NAMES.index(name)
            month.opened.setdefault(place, []).append(span(when, lasted))
            month.end(name, chance)


def meet(month: Month, when: float, one: str, other: str) -> None:
    """Two find each other and stay together for a while."""
    wait_for_linked(month.nodes[one])
    for mine in month.written:
        # What was sealed under a time that the mesh refutes is sealed again among others.
        if mine.sender == "Dora" and "Dora" in (one, other) and not is_repaired(mine.sealed_s):
            mine.sealed_s = when
    time.sleep(MEETING_S)
    low, high = sorted((NAMES.index(one), NAMES.index(other)))
    month.together.setdefault((low, high), []).append(span(when, MEETING_S))


def wait_for_linked(node: Node) -> None:
    eventually(node.links_count, lambda links: links > 0, within_s=60, what=f"links of {node.name}")


def span(when_s: float, lasted_s: float) -> tuple[int, int]:
    return round(when_s * 1e6), round((when_s + lasted_s) * 1e6)


def could_come(month: Month, message: Written) -> bool:
    """Say whether there was a path while the first envelope lived, or the two met later."""
    given = Given(month.together, month.opened, {})
    sender, recipient = NAMES.index(message.sender), NAMES.index(message.recipient)
    during = span(message.sealed_s, LIVES_DAYS * DAY_S)
    at = given.arrival(sender, recipient, during, hop_us=round(HOP_S * 1e6))
    if at is not None:
        return True
    low, high = sorted((sender, recipient))
    return any(since >= during[0] for since, _ in month.together.get((low, high), []))


def read_at_end(month: Month) -> dict[str, Sequence[str]]:
    """Return what each has received, asked while each is alone."""
    found: dict[str, Sequence[str]] = {}
    for name, node in month.nodes.items():
        month.at(name, LASTS_DAYS * DAY_S)
        start_all(node)
        found[name] = node.received_texts()
        node.stop()
    return found


def test_what_could_come_within_a_month_came_and_came_once(
    desk: Desk, make_node: NodeMaker
) -> None:
    chance = random.Random(1)
    road = desk.bridge("road")
    month = Month({name: make_node(desk.laptop(road), name) for name in NAMES})
    acquaint(month)
    live(month, chance)
    received = read_at_end(month)
    counts = {name: Counter(texts) for name, texts in received.items()}
    doubled = [text for texts in counts.values() for text, count in texts.items() if count > 1]
    deliverable = [one for one in month.written if could_come(month, one)]
    lost = [one for one in deliverable if not counts[one.recipient][one.text]]
    assert len(deliverable) > len(month.written) / 3
    assert not doubled
    assert not lost, lost
