"""Engines in which a text is kept in memory and passed on to everybody: no store, no messenger.

What drives an engine and what stands around it are the shipped ones: API, driver, sockets, links.
All nodes have to lack the same. Nothing here is fit for use: texts are readable, nobody asks who
wrote them, and whoever stops has none of them any more.
"""

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from mesh.commands.messages import SendMessage
from mesh.commands.status import StatusAnswer
from mesh.effects import Effect, Emit, Reply
from mesh.engine.engine import Engine
from mesh.engine.forwarding.envelope_buffer import Committed, EnvelopeBuffer
from mesh.engine.parts.envelope_exchange import EnvelopeExchange
from mesh.events import MessageReceived
from mesh.ids import (
    ContactId,
    EnvelopeId,
    Instant,
    LinkId,
    Monotonic,
    PostingKey,
    Tag,
    UnixSeconds,
    earliest,
)
from mesh.inputs import Asked, BytesReceived, BytesSent, Input
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.sealing import Sealed
from mesh.messenger.sessions.transit import Transit
from mesh.wire.envelope import LIFETIME_WEEK, STAMP_BYTES, Envelope, Header
from mesh.wire.frames import Frame, Push
from sim.patching import Patch
from tests.bench.bare_texts import TAG, Memory, Person, Text, is_text

_handle, _deadline, _status = Engine.handle, Engine.deadline, Engine._status
_received, _link_up = EnvelopeExchange.received, EnvelopeExchange.link_up
_link_down, _commit, _post = EnvelopeExchange.link_down, EnvelopeBuffer.commit, Transit.post


_HEADER: Final = Header(
    size_class=0,
    lifetime_class=LIFETIME_WEEK,
    created=UnixSeconds(0),
    tag=Tag(TAG),
    read_hash=bytes(16),
    withdraw_hash=bytes(16),
    posting_key=PostingKey(bytes(32)),
    stamp=bytes(STAMP_BYTES),
)


class _News(list[bytes]):
    """The ids of new texts, told at the place where benches see what is stored."""


class _Bare:
    """The texts of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.memory = Memory()
        self._person = Person()
        self._news = _News()
        # What waits until somebody has opened the vault.
        self._came: list[Text] = []
        self._effects: list[Effect] = []
        # When the engine wants to be called by itself; None if it is to be asked.
        self.until: tuple[Monotonic | None] | None = None

    def has_heard(self, link: LinkId, frame: Frame) -> bool:
        """Take a frame, if it is one between bare nodes."""
        if not isinstance(frame, Push) or not frame.envelope.startswith(TAG):
            return False
        found = self.memory.heard(link, frame.envelope)
        count = self._engine._counters.count
        if found is None:
            if is_text(frame.envelope):
                count("bodies_duplicate")
            return True
        id_, text = found
        count("bodies_received")
        self._news.append(id_)
        if not self._engine._settings.is_relay:
            self._came.append(text)
        return True

    def has_written(self, asked: Asked, at: Instant) -> bool:
        """Keep a text that is to be sent, if its recipient is known."""
        command = asked.command
        if not isinstance(command, SendMessage):
            return False
        text = self._person.find_text(self._engine, command.contact, command.text, at)
        messenger = self._engine._vault.messenger
        if text is None or messenger is None:
            return False
        told = self._person.told(command.text, at, is_mine=True)
        id_ = self.memory.write(text)
        messenger.parts.transit.post(Sealed(_seen(id_), b""), told.number, now=at)
        self._news.append(id_)
        self._effects.append(Reply(asked.request, told))
        return True

    def is_due(self, now: Instant) -> bool:
        """Say whether the engine itself wanted to be called."""
        if self.until is None:
            return True
        [until] = self.until
        return until is not None and until <= now.monotonic

    def take_effects(self, at: Instant) -> list[Effect]:
        """Return what leaves, and what is told."""
        links = self._engine._links
        self.memory.tell(at)
        if self._news:
            news, self._news = self._news, _News()
            self._engine._forwarder.buffer.commit(at.expiry, first_messages=news)
        for link, waiting in self.memory.waiting.items():
            peer = links.ready.get(link)
            if waiting and peer is not None:
                for word in self.memory.take(link, peer.room_bytes):
                    links.streams.send(link, Push(word))
        effects, self._effects = self._effects, []
        return [*links.take_effects(at), *effects, *self._take_shown(at)]

    def _take_shown(self, at: Instant) -> list[Effect]:
        """Return the texts that came for our person."""
        address = self._person.find_address(self._engine) if self._came else None
        if address is None:
            return []
        came, self._came = self._came, []
        return [
            Emit(MessageReceived(self._person.told(text.text, at, is_mine=False)))
            for text in came
            if text.address == address
        ]


_BARE: WeakKeyDictionary[Engine | EnvelopeExchange, _Bare] = WeakKeyDictionary()


def _of(engine: Engine) -> _Bare:
    """Return what is kept of an engine; its part that exchanges envelopes has the same."""
    bare = _BARE.get(engine)
    if bare is None:
        bare = _BARE[engine] = _BARE[engine._envelopes] = _Bare(engine)
    return bare


def _handle_bare(engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
    bare, links = _of(engine), engine._links
    at = engine._clock.at(now)
    rest: list[Input] = []
    is_loud = False
    for one in batch:
        if isinstance(one, BytesReceived) and one.link in links.ready:
            frames = links.received(one.link, one.data, at)
            others = [frame for frame in frames if not bare.has_heard(one.link, frame)]
            engine._frames_came(one.link, others, at)
            is_loud |= bool(others)
        elif isinstance(one, BytesSent):
            links.streams.sent(one.link, one.count)
        elif not (isinstance(one, Asked) and bare.has_written(one, at)):
            rest.append(one)
    effects: list[Effect] = []
    if rest or is_loud or links.table.has_changed or bare.is_due(now):
        bare.until = None
        # What was heard already belongs to this batch, so it is not over early.
        engine._quiet._until = None
        effects = _handle(engine, rest, now)
    return effects + bare.take_effects(at)


def _deadline_bare(engine: Engine) -> Monotonic | None:
    bare = _of(engine)
    if bare.until is None:
        bare.until = (_deadline(engine),)
    return earliest((bare.until[0], engine._links.deadline(), bare.memory.deadline()))


def _status_bare(engine: Engine, now: Instant) -> StatusAnswer:
    told = _status(engine, now)
    count = told.envelopes_count + len(_of(engine).memory.kept)
    return replace(told, envelopes_count=count)


def _received_bare(exchange: EnvelopeExchange, link: LinkId, frame: Frame, now: Instant) -> None:
    """A frame that came with the last bytes of a handshake comes here."""
    if not _BARE[exchange].has_heard(link, frame):
        _received(exchange, link, frame, now)


def _link_up_bare(exchange: EnvelopeExchange, link: LinkId, now: Instant) -> None:
    _link_up(exchange, link, now)
    _BARE[exchange].memory.link_up(link)


def _link_down_bare(exchange: EnvelopeExchange, link: LinkId, now: Instant) -> None:
    _link_down(exchange, link, now)
    _BARE[exchange].memory.link_down(link)


def _commit_bare(
    buffer: EnvelopeBuffer, expiry_now: UnixSeconds, *, first_messages: Sequence[bytes]
) -> Committed:
    if isinstance(first_messages, _News):
        return Committed(added=[_seen(id_) for id_ in first_messages])
    return _commit(buffer, expiry_now, first_messages=first_messages)


def _post_bare(
    transit: Transit,
    sealed: Sealed,
    message: int | None,
    contact: ContactId | None = None,
    payload: int | None = None,
    *,
    pause: Pause = Pause.AT_ONCE,
    now: Instant,
) -> None:
    if sealed.envelope.header is not _HEADER:
        _post(transit, sealed, message, contact, payload, pause=pause, now=now)


def _seen(id_: bytes) -> Envelope:
    """Return a text where benches look for an envelope, of which they read the id."""
    return Envelope(EnvelopeId(id_), _HEADER, b"", b"", b"")


WITHOUT_ENGINE: Final = (
    Patch(Engine, "handle", _handle_bare),
    Patch(Engine, "deadline", _deadline_bare),
    Patch(Engine, "_status", _status_bare),
    Patch(EnvelopeExchange, "received", _received_bare),
    Patch(EnvelopeExchange, "link_up", _link_up_bare),
    Patch(EnvelopeExchange, "link_down", _link_down_bare),
    Patch(EnvelopeBuffer, "commit", _commit_bare),
    Patch(Transit, "post", _post_bare),
)
