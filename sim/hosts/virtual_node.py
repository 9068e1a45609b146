"""One node in virtual time: the driver of one engine, as the shell is in real time.

Inputs of one tick make one batch. The batch is handled, and its effects are carried out, at one
instant, and the node then *thinks* for a fixed time, in which inputs gather for its next batch, as
they do while a real engine commits. On a slow disk (`sim.hosts.failing_disk`) the effects leave
when the commits are done. A crash falls between batches, or within one (see `sim.hosts.host`);
what was committed stays, a new engine starts over it, and everything that was on its way to the
former one is lost. Whom its disk fails stops, as the shell does.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

import msgspec

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.effects import (
    Announce,
    Dial,
    Disconnect,
    DropBlobs,
    Effect,
    Emit,
    KeepBlobs,
    MintStamp,
    ReadBlocks,
    Reply,
    SendBytes,
    WriteBlock,
)
from mesh.errors import StorageError, UserError
from mesh.events import Event
from mesh.ids import Instant, Monotonic, RequestId
from mesh.inputs import (
    Asked,
    BytesReceived,
    BytesSent,
    Connected,
    Disconnected,
    Input,
    VaultClosing,
)
from sim.hosts.driver_protocol import AnyEngine, AnyHost
from sim.hosts.fragile import PowerCut
from sim.hosts.node_streams import NodeStreams
from sim.hosts.processor import Processor
from sim.invariants.invariants import S14, BrokenInvariant
from sim.kernel.calendar import Calendar
from sim.kernel.loop import Loop
from sim.kernel.trace import NOBODY, Trace
from sim.network.discovery import Discovery
from sim.network.virtual_network import VirtualNetwork

BLOB_DELAY_US: Final = 1_000
"""A disk answers after a millisecond, whatever it is asked for."""

BATCHES_PER_TICK_MAX: Final = 1_000
"""An engine that wants to be called again at once so often will never rest."""

ARMED_US: Final = 2_000_000
"""A node that should crash within a batch and uses no database for so long crashes anyhow."""

Answered = Callable[[Answer | UserError], None]


def _nobody_looks(node: int) -> None:
    """Nobody wants to know."""


def _no_disk_fails(node: int, error: StorageError) -> None:
    raise BrokenInvariant(S14, f"a disk failed that nothing befell: {error}", node)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The things that all nodes of a world share."""

    loop: Loop
    network: VirtualNetwork
    discovery: Discovery
    trace: Trace
    thinking_us: int
    emitted: Callable[[int, Event], None]
    sending: Callable[[int, bytes], None]
    """Told of all bytes that a node hands to a stream."""

    stopped: Callable[[int, StorageError], None] = _no_disk_fails
    """Told of a node that has stopped since its disk failed."""

    switched: Callable[[int], None] = _nobody_looks
    """Told of a node that started, stopped, or whose vault was locked or unlocked."""


@dataclass(frozen=True, slots=True)
class _Doom:
    """A crash that waits for the next use of a database."""

    is_silent: bool
    crashed: Callable[[], None]


class VirtualNode:
    """A node that boots, runs, crashes and boots again."""

    def __init__(
        self, index: int, host: AnyHost, around: Surroundings, *, wall_offset_us: int = 0
    ) -> None:
        self.index = index
        self.calendar = Calendar(wall_offset_us)
        self.incarnation = 0
        self.is_up = False
        self.is_locked = False
        self.is_gone = False
        """Whether it failed for ever."""

        self.is_committing = False
        """Whether a slow disk holds up what the last batch wants done."""

        self.unsaid_count = 0
        """Crashes that came between the commits of a batch and what it wanted done."""

        self.silent_crashes_count = 0
        self.host = host
        self.processor = Processor(around.loop, around.thinking_us)
        self.streams = NodeStreams(index, around.loop, self._plan_batch)
        self.batches_count = 0
        self._around = around
        self._engine: AnyEngine | None = None
        self._started_at = 0
        self._opened_at = 0
        self._inbox: list[Input] = []
        self._is_batch_planned = False
        # When the engine wants to be called, as it said after its last batch.
        self._deadline: Monotonic | None = None
        self._waking_at: int | None = None
        self._tick_batches = (0, 0)
        self._requests_count = 0
        self._asked: dict[RequestId, Answered] = {}
        self._doom: _Doom | None = None
        around.network.add(self)

    @property
    def lived_us(self) -> int:
        """For how long the running engine has lived."""
        return self._around.loop.now - self._started_at if self.is_up else 0

    @property
    def open_us(self) -> int:
        """For how long its vault has been open."""
        return 0 if self.is_locked or not self.is_up else self._around.loop.now - self._opened_at

    def boot(self) -> None:
        """Start an engine over what was committed."""
        assert not self.is_up
        if self.is_gone:
            return
        self.is_up = True
        self.is_locked = False
        self.incarnation += 1
        self._started_at = self._opened_at = self._around.loop.now
        self._around.trace.record(self._started_at, "boot", self.index)
        try:
            self._engine, first = self.host.boot(self._now())
        except StorageError as error:
            self._stop(error)
            return
        self._inbox.extend(first)
        self._plan_batch()
        self._around.switched(self.index)

    def crash(self, *, is_silent: bool) -> None:
        """The node stops at once; silent, as without power, or closed by its kernel."""
        assert self.is_up
        self._around.trace.record(self._around.loop.now, "crash", self.index, int(is_silent))
        self.is_up = False
        self.silent_crashes_count += is_silent
        self.unsaid_count += self.is_committing
        self.is_committing = False
        self._engine = None
        self._inbox.clear()
        self._is_batch_planned = False
        self._asked.clear()
        self._waking_at = None
        self.processor.restart()
        self.streams.crash(is_silent=is_silent)
        self._around.discovery.forget(self)
        self.host.crash()
        self._around.switched(self.index)
        doom, self._doom = self._doom, None
        if doom is not None:
            doom.crashed()

    def _stop(self, error: StorageError) -> None:
        """The disk failed: the process ends as the shell does; its kernel closes its streams."""
        self.crash(is_silent=False)
        self._around.stopped(self.index, error)

    def crash_within(
        self, statements: int, crashed: Callable[[], None], *, is_silent: bool
    ) -> None:
        """Crash within the next batch that runs so many statements; `crashed` is called then."""
        assert self.is_up
        self._doom = _Doom(is_silent, crashed)
        self.host.arm(statements)
        self._around.loop.after(ARMED_US, partial(self._crash_anyhow, self._doom))

    def _crash_anyhow(self, doom: _Doom) -> None:
        if self._doom is doom:
            self.crash(is_silent=doom.is_silent)

    def lock(self) -> None:
        """The user locks the vault; the node goes on without it."""
        if self.is_up and not self.is_locked:
            self.is_locked = True
            self.put(VaultClosing())
            self._around.switched(self.index)

    def turn_clock(self, by_us: int) -> None:
        """Somebody, or a program, sets the clock."""
        self.calendar.jump(by_us)
        self._around.switched(self.index)

    def set_clock_right(self) -> None:
        """The user looks at the date and sets it right."""
        self.calendar.set_right()
        self._around.switched(self.index)

    def unlock(self) -> None:
        """The user unlocks it again; a node that started anew is open already."""
        if self.is_up and self.is_locked:
            self.is_locked = False
            self._opened_at = self._around.loop.now
            self.put(self.host.unlock())
            self._around.switched(self.index)

    def ask(self, command: Command, answered: Answered) -> None:
        """A user asks; who crashes before the answer never gets one."""
        self._requests_count += 1
        request = RequestId(self._requests_count)
        self._asked[request] = answered
        self.put(Asked(request, command))

    def put(self, happened: Input) -> None:
        """Something happens to this node; it is handled within this tick."""
        if self.is_up:
            self._inbox.append(happened)
            self._plan_batch()

    def _now(self) -> Instant:
        # A node's monotonic clock starts with it.
        now = self._around.loop.now
        return Instant(Monotonic(now - self._started_at), self.calendar.wall(now))

    def _plan_batch(self) -> None:
        if not self._is_batch_planned:
            self._is_batch_planned = True
            run = partial(self._run_batch, self.incarnation)
            self._around.loop.at(self.processor.busy_until, run)

    def _run_batch(self, incarnation: int) -> None:
        # A process that stood still may have been killed meanwhile: the next one does not wait.
        if self._engine is None or self.incarnation != incarnation:
            return
        self._is_batch_planned = False
        if self.processor.is_busy or self.is_committing:
            self._plan_batch()
            return
        batch = self._take_batch()
        try:
            effects = self._engine.handle(batch, self._now())
        except PowerCut:
            assert self._doom is not None
            self.crash(is_silent=self._doom.is_silent)
            return
        except StorageError as error:
            self._stop(error)
            return
        except BrokenInvariant:
            raise
        except Exception as error:
            # The last guard of a virtual node: whatever escapes an engine is our fault.
            raise BrokenInvariant(S14, _escaped(error), self.index) from error
        self.batches_count += 1
        waited_us = self.host.take_waited_us()
        self.processor.think(waited_us)
        if waited_us:
            self.is_committing = True
            leave = partial(self._leave_later, self.incarnation, effects, batch)
            self._around.loop.after(waited_us, leave)
        else:
            self._leave(effects, batch)

    def _leave_later(
        self, incarnation: int, effects: Sequence[Effect], batch: Sequence[Input]
    ) -> None:
        """A slow disk has what was written: now it may be told."""
        if self._engine is None or self.incarnation != incarnation:
            return
        if self.processor.is_paused:
            later = partial(self._leave_later, incarnation, effects, batch)
            self._around.loop.at(self.processor.paused_until, later)
            return
        self.is_committing = False
        self._leave(effects, batch)

    def _leave(self, effects: Sequence[Effect], batch: Sequence[Input]) -> None:
        """Carry out what a batch wants done, and ask when the engine wants to be called again."""
        assert self._engine is not None
        for effect in effects:
            self._carry_out(effect)
        self.streams.told(batch)
        self._deadline = self._engine.deadline()
        self._plan_waking()

    def _take_batch(self) -> list[Input]:
        now = self._around.loop.now
        tick, count = self._tick_batches
        self._tick_batches = (now, count + 1 if tick == now else 1)
        if count >= BATCHES_PER_TICK_MAX and tick == now:
            raise BrokenInvariant(S14, "an engine wants to be called again without end", self.index)
        batch = [*self.streams.take_reports(), *self._inbox]
        self._inbox = []
        record = self._around.trace.record
        for happened in batch:
            match happened:
                case BytesReceived(link, data):
                    record(now, "BytesReceived", self.index, link, data)
                case BytesSent(link, count):
                    record(now, "BytesSent", self.index, count)
                case _:
                    record(now, type(happened).__name__, self.index, _link_of(happened))
        if not batch:
            record(now, "deadline", self.index)
        return batch

    def _plan_waking(self) -> None:
        """Plan a call at the deadline, unless an earlier one is planned and will look again."""
        if self._deadline is None:
            return
        when = max(self._deadline + self._started_at, self._around.loop.now)
        if self._waking_at is None or when < self._waking_at:
            self._waking_at = when
            self._around.loop.at(when, partial(self._wake, self.incarnation, when))

    def _wake(self, incarnation: int, when: int) -> None:
        if self._engine is None or self.incarnation != incarnation or self._waking_at != when:
            return
        self._waking_at = None
        deadline = self._deadline
        if deadline is not None and deadline + self._started_at <= self._around.loop.now:
            self._plan_batch()
        else:
            self._plan_waking()

    def _carry_out(self, effect: Effect) -> None:
        around = self._around
        match effect:
            case SendBytes(link, data):
                around.sending(self.index, data)
                end = self.streams.end(link)
                if around.trace.is_recording:
                    peer = end.peer
                    around.trace.sent(self.index, link, peer.host.index, peer.link, len(data))
                end.send(data)
            case Disconnect(link):
                self.streams.end(link).close()
            case Dial():
                around.network.dial(self, effect)
            case Announce():
                around.discovery.announce(self, effect)
            case ReadBlocks() | WriteBlock() | DropBlobs() | KeepBlobs():
                done = self.host.blobs.perform(effect)
                if done is not None:
                    around.loop.after(BLOB_DELAY_US, partial(self._put_in, self.incarnation, done))
            case MintStamp():
                delay, minted = self.host.mint(effect)
                around.loop.after(delay, partial(self._put_in, self.incarnation, minted))
            case Emit(event):
                encoded = msgspec.json.encode(event)
                around.trace.record(around.loop.now, "emit", self.index, NOBODY, encoded)
                around.emitted(self.index, event)
            case Reply(request, answer):
                around.trace.record(around.loop.now, type(answer).__name__, self.index, request)
                answered = self._asked.pop(request, None)
                if answered is None:
                    raise BrokenInvariant(S14, f"request {request} is answered twice", self.index)
                answered(answer)
            case _:
                assert_never(effect)

    def _put_in(self, incarnation: int, happened: Input) -> None:
        if self.incarnation == incarnation:
            self.put(happened)


def _link_of(happened: Input) -> int:
    return happened.link if isinstance(happened, Connected | Disconnected) else NOBODY


def _escaped(error: Exception) -> str:
    """The exception and the innermost places it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(
        f"{frame.name} ({_short(frame.filename)}:{frame.lineno})" for frame in reversed(frames)
    )
    return f"{type(error).__name__} escaped the engine: {error} in {places}"


def _short(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").rsplit("/", 2)[1:])
