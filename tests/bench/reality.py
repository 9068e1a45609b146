"""Twelve real daemons beside the simulator: the same letters, the same cut, the same kills.

The simulator draws a schedule (`tests.bench.rehearsal`), and daemons in namespaces follow it to the
moment, on one network. Where the schedule cuts it, cables are put on another bridge: nobody sees
a cable pulled, as in the simulator's cut. A kill is SIGKILL. Then latencies by phase and what the
nodes counted stand beside each other. Letters from and to who is killed have no latency here,
since a real program takes a second to start.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Final

from mesh.api.stream import Happened
from mesh.commands.contacts import AskContacts, ContactsAnswer
from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.errors import UserError
from mesh.events import MessageReceived
from mesh.limits.peering import LINKS_ACTIVE_MIN
from tests.bench import counting
from tests.bench.counting import Pace, pace_of
from tests.bench.daemons import ARRIVES_WITHIN_S, SETTLES_S, start
from tests.bench.rehearsal import (
    BEGINS_S,
    COUNTED,
    CUT_S,
    ENDS_S,
    HEALED_S,
    NODES,
    Kill,
    Letter,
    Outcome,
    Schedule,
    rehearse,
)
from tests.bench.relays import wait_for
from tests.bench.table import Row, percentile
from tests.integration.meshes import closed_config, node_of
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend

RUNS: Final = 3
"""Of the simulator with nodes of the daemons' pace, each with other paths of stems."""

DEFAULT: Final = Pace(4)
"""The simulator's default: what is wanted done leaves before the time of a batch is over."""

CONFIG: Final = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
"""As in the simulator: what was opened is told at once, so that it falls into the same seconds."""

AHEAD_S: Final = 1.0
"""A program is started so long before the simulator's is there."""

WRITERS: Final = 8
SHARES: Final = (0.25, 0.5, 0.75, 0.95)


class Follower:
    """Real daemons that follow a schedule."""

    def __init__(self, desk: Desk, scratch: Path, schedule: Schedule) -> None:
        self._desk = desk
        self._schedule = schedule
        self._whole = desk.bridge("b0")
        self._apart = desk.bridge("b1")
        config = closed_config(scratch) + CONFIG
        self._nodes = [
            node_of(desk.laptop(self._whole), scratch, f"Person {number}", config=config)
            for number in range(NODES)
        ]
        for node in self._nodes:
            node.daemon_module = counting.__name__
        self._numbers = {letter.text: letter.number for letter in schedule.letters}
        self.asked_s: dict[int, float] = {}
        self.outcome = Outcome()
        self._began = 0.0

    def end(self) -> None:
        """Leave nothing behind."""
        for node in self._nodes:
            node.end()

    def follow(self) -> None:
        """Become contacts, rest, and do all of it."""
        start(self._nodes)
        wait_for(
            lambda: all(node.links_count() >= LINKS_ACTIVE_MIN for node in self._nodes), "linked"
        )
        for one, other in self._schedule.pairs:
            befriend(self._nodes[one], self._nodes[other], inviter_label=self._nodes[one].name)
        wait_for(self._are_contacts, "contacts")
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(self._let_talk, self._schedule.pairs))
        # Nothing is waited for: so long links say what they say at their beginning.
        threading.Event().wait(SETTLES_S)
        for node in self._nodes:
            self._listen(node)
        self._began = time.monotonic()
        for node in self._nodes:
            self.outcome.add(node.status(), -1)
        self._act()
        for node in self._nodes:
            self.outcome.add(node.status(), 1)

    def missing(self) -> list[int]:
        """Return the letters that stand in no recipient's history."""
        had = {text for node in self._nodes for text in node.received_texts()}
        return [letter.number for letter in self._schedule.letters if letter.text not in had]

    def _are_contacts(self) -> bool:
        wanted = 2 * len(self._schedule.pairs)
        return wanted == sum(
            sum(not one.is_request for one in told.contacts)
            for told in (node.client.ask(AskContacts(), ContactsAnswer) for node in self._nodes)
        )

    def _let_talk(self, pair: tuple[int, int]) -> None:
        """Let two write to each other: a session's first letters are longer, and in the simulator
        the users have had theirs.
        """
        one, other = (self._nodes[number] for number in pair)
        for number, (writer, reader) in enumerate(((one, other), (other, one), (one, other))):
            text = f"{one.name} {other.name} {number}"
            writer.client.ask(SendMessage(contact=reader.name, text=text), MessageAnswer)
            wait_for(partial(_has, reader, text), text)

    def _act(self) -> None:
        actions: list[tuple[float, int, Callable[[], object]]] = []

        def at(when_s: float, act: Callable[[], object]) -> None:
            heapq.heappush(actions, (when_s, len(actions), act))

        with ThreadPoolExecutor(WRITERS) as pool:
            for letter in self._schedule.letters:
                at(letter.at_s, partial(pool.submit, self._write, letter))
            for kill in self._schedule.kills:
                at(kill.at_s, partial(self._kill, kill))
                at(kill.back_s - AHEAD_S, self._nodes[kill.node].start)
                at(kill.back_s, partial(pool.submit, self._back, kill))
            at(CUT_S - BEGINS_S, lambda: self._rewire(self._whole, self._apart))
            at(HEALED_S - BEGINS_S, lambda: self._rewire(self._apart, self._whole))
            at(ENDS_S - BEGINS_S, lambda: None)
            while actions:
                when_s, _, act = heapq.heappop(actions)
                time.sleep(max(0.0, self._began + when_s - time.monotonic()))
                act()

    def _rewire(self, old: str, new: str) -> None:
        for node, side in self._schedule.sides.items():
            if side:
                self._desk.rewire(self._nodes[node].namespace, old, new)

    def _kill(self, kill: Kill) -> None:
        node = self._nodes[kill.node]
        self.outcome.add(node.status(), 1)
        self.outcome.links = 0
        node.kill()

    def _back(self, kill: Kill) -> None:
        node = self._nodes[kill.node]
        node.wait_until_up()
        self._listen(node)

    def _write(self, letter: Letter) -> None:
        """Ask until the node takes it: its program may be about to start."""
        sender, recipient = self._nodes[letter.sender], self._nodes[letter.recipient]
        self.asked_s[letter.number] = time.monotonic() - self._began
        command = SendMessage(contact=recipient.name, text=letter.text)

        def is_taken() -> bool:
            try:
                sender.client.ask(command, MessageAnswer)
            except UserError:
                return False
            return True

        wait_for(is_taken, f"letter {letter.number}")

    def _listen(self, node: Node) -> None:
        is_listening = threading.Event()

        def listen() -> None:
            try:
                for told in node.client.events():
                    is_listening.set()
                    match told:
                        case Happened(event=MessageReceived(message=message)):
                            number = self._numbers.get(message.text)
                            if number is not None:
                                at_s = time.monotonic() - self._began
                                self.outcome.shown_s.setdefault(number, at_s)
                        case _:
                            pass
            except UserError:
                # The node was killed, or its bench is over.
                pass

        threading.Thread(target=listen, daemon=True).start()
        assert is_listening.wait(ARRIVES_WITHIN_S)


def _has(reader: Node, text: str) -> bool:
    return text in reader.received_texts()


def rows(scratch: Path) -> Iterator[Row]:
    """The daemons first, then the simulator: with nodes of their pace, and with its default."""
    schedule, outcome = rehearse(DEFAULT)
    with ExitStack() as ends:
        desk = ends.enter_context(Desk())
        follower = Follower(desk, scratch, schedule)
        ends.callback(follower.end)
        follower.follow()
        missing = follower.missing()
    real, asked_s = follower.outcome, follower.asked_s
    pace = pace_of(real.counts)
    yield Row("daemons", "letters that never came", len(missing), "")
    yield Row("daemons", "between two batches at least", pace.thinking_ms, "ms")
    for share in SHARES:
        value = pace.commit_ms[round(share * (len(pace.commit_ms) - 1))]
        yield Row("daemons", f"a commit, p{share * 100:.0f}", value, "ms")
    beside = _Beside(schedule, real, asked_s)
    yield from beside.rows("daemons", [(schedule, real)], asked_s)
    due_s = {letter.number: letter.at_s for letter in schedule.letters}
    # Each is told as soon as it is done: an invariant that breaks ends the bench.
    runs = [rehearse(pace, paths=number) for number in range(RUNS)]
    yield from beside.rows(f"simulator, of the same pace, {RUNS} runs", runs, due_s)
    yield from beside.rows("simulator, default", [(schedule, outcome)], due_s)
    backing_off = rehearse(pace, backs_off=True)
    yield from beside.rows("of the same pace, TCP backs off", [backing_off], due_s)


class _Beside:
    """Outcomes beside that of the daemons."""

    def __init__(self, schedule: Schedule, real: Outcome, asked_s: dict[int, float]) -> None:
        self._schedule = schedule
        self._real = real
        self._asked_s = asked_s

    def rows(
        self, who: str, runs: Sequence[tuple[Schedule, Outcome]], asked_s: dict[int, float]
    ) -> Iterator[Row]:
        """Quantiles of all letters of these runs, and means of what was counted."""
        assert all(other.is_as(self._schedule) for other, _ in runs), f"another schedule: {who}"
        outcomes = [outcome for _, outcome in runs]
        for phase in sorted({letter.phase for letter in self._schedule.letters}):
            here = [taken for one in outcomes for taken in self._taken(phase, one, asked_s)]
            there = self._taken(phase, self._real, self._asked_s)
            for share in SHARES:
                value = percentile(here, share) * 1_000
                name = f"{phase}, p{share * 100:.0f} of {len(here)} letters"
                note = _beside(value, percentile(there, share) * 1_000)
                yield Row(who, name, value, "ms", note)
        for name in COUNTED:
            value = fmean(one.counts.get(name, 0) for one in outcomes)
            note = _beside(value, self._real.counts.get(name, 0))
            yield Row(who, name.replace("_", " "), value, "", note)
        links = fmean(one.links for one in outcomes)
        yield Row(who, "links of a node at the end", links, "", "")

    def _taken(self, phase: str, outcome: Outcome, asked_s: dict[int, float]) -> Sequence[float]:
        killed = {kill.node for kill in self._schedule.kills} if phase == "healed" else set()
        return [
            outcome.shown_s[letter.number] - asked_s[letter.number]
            for letter in self._schedule.letters
            if letter.phase == phase
            and letter.number in outcome.shown_s
            and not {letter.sender, letter.recipient} & killed
        ]


def _beside(value: float, real: float) -> str:
    return f"{value / real:.2f} times the daemons'" if real and value != real else ""
