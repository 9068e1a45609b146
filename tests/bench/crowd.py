"""Many neighbours of one daemon in one program: real links, and sets compared as a node compares.

A whole node for each would want its own million of ids; these share one set, which none of them
changes. Each answers what its neighbour compares, tells what it was brought, prunes who brings
what it had, and asks for what it lacks. A slow one reads so many bytes a second and no more.
"""

import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import trio

from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import IDS_PER_FRAME_MAX
from mesh.link.first_messages import FirstMessages
from mesh.link.link import HandshakeSetup, Link, own_hello
from mesh.replication.anti_entropy import AntiEntropy
from mesh.replication.seen_sets import SeenSets
from mesh.wire.envelope import Envelope, decode_envelope
from mesh.wire.frames import (
    SHORT_ID_BYTES,
    Audit,
    AuditResult,
    Frame,
    Held,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    Prune,
    Push,
    Root,
    split_entries,
)
from mesh.wire.parameters import MeshParameters
from tests.integration.networks import socket_in
from tests.integration.strangers import SystemChance, now

FIRST_PORT: Final = 31_000
READ_BYTES: Final = 65_536
_LINK: Final = LinkId(1)
"""Each of them has one link."""


class Neighbour:
    """One of them: the end of a link that the daemon dialled."""

    def __init__(self, crowd: "Crowd", stream: trio.SocketStream) -> None:
        began = now()
        self._crowd = crowd
        self._stream = stream
        self._link = Link(
            HandshakeSetup(crowd.parameters, FirstMessages(), SystemChance(), PycaKem()),
            link_private=os.urandom(32),
            is_initiator=False,
            hello=own_hello(os.urandom(16), began.unix_seconds),
            now=began,
            is_meant=lambda payload, _: bool(payload) == crowd.parameters.is_closed,
        )
        self._comparing = AntiEntropy(crowd.sets, SystemChance())
        self._turn = trio.Lock()
        self._is_linked = False
        self._has_pruned = False
        self.bytes_a_second: int | None = None
        self.sessions_count = 0
        """Comparisons that the daemon has brought to their end."""
        self.passed_bytes = 0
        self.bodies_count = 0
        self.lacked: dict[EnvelopeId, None] = {}
        """What it was told of or brought that it did not begin with."""

    async def run(self) -> None:
        """Read and answer until the link ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ping)
            try:
                await self._read()
            except (PeerError, trio.BrokenResourceError) as error:
                self._crowd.ended.append(str(error))
            nursery.cancel_scope.cancel()

    async def send(self, *frames: Frame) -> None:
        """Send frames; waits as long as the daemon reads no further."""
        for frame in frames:
            self._link.send(frame)
        async with self._turn:
            data = self._link.take_bytes(now())
            self.passed_bytes += len(data)
            await self._stream.send_all(data)

    async def _ping(self) -> None:
        while True:
            await trio.sleep(1)
            deadline = self._link.deadline()
            if deadline is not None and deadline <= now().monotonic:
                self._link.deadline_passed(now())
                await self.send()

    async def _read(self) -> None:
        while True:
            most = READ_BYTES
            if self.bytes_a_second is not None:
                most = self.bytes_a_second
                await trio.sleep(1)
            data = await self._stream.receive_some(most)
            if not data:
                self._crowd.ended.append("the daemon hung up")
                return
            self.passed_bytes += len(data)
            frames = self._link.receive(data, now())
            if self._link.is_ready and not self._is_linked:
                self._is_linked = True
                self._comparing.link_up(_LINK, now(), is_dialled_by_us=False)
            await self.send(*(answer for frame in frames for answer in self._answers(frame)))

    def _answers(self, frame: Frame) -> Iterator[Frame]:
        match frame:
            case NegOpen() | NegMessage() | NegClose() | Root() | Audit() | AuditResult():
                self.sessions_count += isinstance(frame, NegMessage) and not frame.message
                instant = now()
                self._comparing.received(_LINK, frame, instant)
                frames = self._comparing.take_frames(instant)
                yield from (answer for _, answer in frames)
            case Push(envelope=data):
                yield from self._brought(decode_envelope(data).id)
            case IHave(entries=entries):
                told = [id_ for id_, _ in split_entries(entries)]
                self.lacked.update(dict.fromkeys(told))
                wanted = [id_ for id_ in told if not self._crowd.has(self, id_)]
                if wanted:
                    yield IWant(b"".join(wanted))
            case _:
                pass

    def _brought(self, id_: EnvelopeId) -> Iterator[Frame]:
        self.bodies_count += 1
        if id_ in self._crowd.sets:
            # It was asked for, though it is here.
            return
        self.lacked[id_] = None
        if self._crowd.has(self, id_) and not self._has_pruned:
            self._has_pruned = True
            yield Prune()
        self._crowd.note(self, id_)
        yield Held(id_[:SHORT_ID_BYTES], b"")


class Crowd:
    """All of them, in one thread of their own."""

    def __init__(self, parameters: MeshParameters, sets: SeenSets) -> None:
        self.parameters = parameters
        self.sets = sets
        self.neighbours: list[Neighbour] = []
        self.ended: list[str] = []
        self.shares_mail = True
        """Whether they have one another's mail, as in a mesh with more links than these."""
        self._brought: dict[EnvelopeId, None] = {}
        self._own: dict[Neighbour, dict[EnvelopeId, None]] = {}
        self._token: trio.lowlevel.TrioToken | None = None
        self._has_started = threading.Event()
        self._scope = trio.CancelScope()

    def has(self, neighbour: Neighbour, id_: EnvelopeId) -> bool:
        """Say whether a neighbour has an envelope."""
        if id_ in self.sets:
            return True
        return id_ in (self._brought if self.shares_mail else self._own.get(neighbour, {}))

    def note(self, neighbour: Neighbour, id_: EnvelopeId) -> None:
        """A neighbour has got a body, or made it."""
        self._brought[id_] = None
        self._own.setdefault(neighbour, {})[id_] = None

    def bring(self, number: int, envelopes: Sequence[Envelope]) -> None:
        """Let a neighbour push new mail; return when all of it is in its socket."""
        neighbour = self.neighbours[number]

        async def bring() -> None:
            for envelope in envelopes:
                self.note(neighbour, envelope.id)
                neighbour.lacked[envelope.id] = None
                await neighbour.send(Push(envelope.data))

        self._do(bring)

    def ask(self, number: int, ids: Sequence[EnvelopeId]) -> None:
        """Let a neighbour ask for bodies."""
        neighbour = self.neighbours[number]

        async def ask() -> None:
            for start in range(0, len(ids), IDS_PER_FRAME_MAX):
                await neighbour.send(IWant(b"".join(ids[start : start + IDS_PER_FRAME_MAX])))

        self._do(ask)

    def _do(self, asked: Callable[[], Awaitable[None]]) -> None:
        trio.from_thread.run(asked, trio_token=self._token)

    def run(self, sockets: Iterable[socket.socket]) -> None:
        """Wait for the daemon on each of these, and be its neighbours."""
        trio.run(self._run, list(sockets))

    def wait_until_started(self) -> None:
        """Return when they can be asked for something."""
        self._has_started.wait()

    def stop(self) -> None:
        """End all links."""
        trio.from_thread.run_sync(self._scope.cancel, trio_token=self._token)

    async def _run(self, sockets: list[socket.socket]) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with trio.open_nursery() as nursery:
                for each in sockets:
                    listener = trio.SocketListener(trio.socket.from_stdlib_socket(each))
                    nursery.start_soon(trio.serve_listeners, self._serve, [listener])
                self._has_started.set()

    async def _serve(self, stream: trio.SocketStream) -> None:
        neighbour = Neighbour(self, stream)
        self.neighbours.append(neighbour)
        await neighbour.run()


@contextmanager
def crowd_in(
    namespace: str, host: str, count: int, parameters: MeshParameters, sets: SeenSets
) -> Iterator[tuple[Crowd, list[str]]]:
    """So many neighbours in a namespace, and the addresses where they wait."""
    sockets = []
    for number in range(count):
        waiting = socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
        waiting.bind((host, FIRST_PORT + number))
        waiting.listen()
        sockets.append(waiting)
    crowd = Crowd(parameters, sets)
    thread = threading.Thread(target=crowd.run, args=(sockets,))
    thread.start()
    crowd.wait_until_started()
    try:
        yield crowd, [f"{host}:{FIRST_PORT + number}" for number in range(count)]
    finally:
        crowd.stop()
        thread.join()
