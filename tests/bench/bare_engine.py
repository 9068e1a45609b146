"""Engines in which a text is kept by the store alone, or by nobody: what is left of a hop then.

The first text goes the shipped way, and its answers are the pattern of those after it. What drives
an engine and what stands around it are the shipped ones: API, driver, sockets, links. Both nodes
have to lack the same. Nothing here is fit for use: texts are readable, and nobody asks who wrote.
"""

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from mesh.commands.messages import MessageAnswer, SendMessage
from mesh.crypto.signing import SigningKey
from mesh.effects import Effect, Emit, Reply
from mesh.engine.engine import Engine
from mesh.engine.quiet import QuietBatches
from mesh.engine.vault_half import VaultHalf
from mesh.events import MessageReceived
from mesh.ids import EnvelopeId, Instant, Monotonic, PostingKey, Tag, UnixSeconds, earliest
from mesh.inputs import Asked, BytesReceived, BytesSent, Input
from mesh.wire.envelope import (
    CREATED_ROUNDING_S,
    LIFETIME_WEEK,
    SIZE_BYTES,
    STAMP_BYTES,
    Envelope,
    Header,
    body_bytes,
    envelope_of,
)
from mesh.wire.frames import Frame, Push
from mesh.wire.retirement import Retirement
from sim.patching import Patch

_TAG: Final = Tag(b"a text of bench\0")
"""Of the envelopes of a store alone, and at the beginning of a text that is a frame."""

_LENGTH_BYTES: Final = 2
_handle, _deadline = Engine.handle, Engine.deadline
_take_unposted, _left, _arrived = VaultHalf.take_unposted, VaultHalf.left, VaultHalf.arrived
_is_for_us, _begins = VaultHalf.is_for_us, QuietBatches.begins


class _Bare:
    """The texts of one engine since its first."""

    def __init__(self) -> None:
        self.answer: MessageAnswer | None = None
        self.event: MessageAnswer | None = None
        self.texts_count = 0
        # When the engine wants to be called by itself; None if it is to be asked.
        self.until: tuple[Monotonic | None] | None = None
        self.posting_key = SigningKey.from_seed(bytes(range(32)))
        self.unposted: list[Envelope] = []
        self.came: list[Envelope] = []

    def learn(self, effects: Sequence[Effect]) -> None:
        """Keep the answers of the first text."""
        for effect in effects:
            if isinstance(effect, Reply) and isinstance(effect.answer, MessageAnswer):
                self.answer = self.answer or effect.answer
            elif isinstance(effect, Emit) and isinstance(effect.event, MessageReceived):
                self.event = self.event or effect.event.message

    def answered(self, asked: Asked, text: str) -> Effect:
        """Say that a text is kept, which is not so."""
        assert self.answer is not None
        return Reply(asked.request, self._next(self.answer, text))

    def shown(self, text: str) -> Effect:
        """Show a text that came."""
        assert self.event is not None
        return Emit(MessageReceived(self._next(self.event, text)))

    def _next(self, pattern: MessageAnswer, text: str) -> MessageAnswer:
        self.texts_count += 1
        return replace(pattern, number=pattern.number + self.texts_count, text=text)

    def envelope(self, text: str, at: UnixSeconds) -> Envelope:
        """Return a text in an envelope that anybody can read."""
        key = self.posting_key.verify_key
        self.texts_count += 1
        header = Header(
            size_class=0,
            lifetime_class=LIFETIME_WEEK,
            created=UnixSeconds(at // CREATED_ROUNDING_S * CREATED_ROUNDING_S),
            tag=_TAG,
            read_hash=key[:16],
            withdraw_hash=self.texts_count.to_bytes(16, "big"),
            posting_key=PostingKey(key),
            stamp=bytes(STAMP_BYTES),
        )
        return envelope_of(header, _packed(text, body_bytes(0)), self.posting_key)


_BARE: WeakKeyDictionary[Engine | VaultHalf, _Bare] = WeakKeyDictionary()


def _of(engine: Engine) -> _Bare:
    """Return what is kept of an engine; its half of the vault has the same."""
    bare = _BARE.get(engine)
    if bare is None:
        bare = _BARE[engine] = _BARE[engine._vault] = _Bare()
    return bare


def _packed(text: str, size: int) -> bytes:
    data = text.encode()
    return (len(data).to_bytes(_LENGTH_BYTES, "big") + data).ljust(size, b"\0")


def _text_of(data: bytes) -> str:
    length = int.from_bytes(data[:_LENGTH_BYTES], "big")
    return data[_LENGTH_BYTES : _LENGTH_BYTES + length].decode()


# --- A text is a frame, and nobody keeps it -------------------------------------------------------


def _handle_frames(engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
    bare, links = _of(engine), engine._links
    at = engine._clock.at(now)
    rest: list[Input] = []
    effects: list[Effect] = []
    is_loud = False
    for one in batch:
        if isinstance(one, BytesReceived) and one.link in links.ready and bare.event is not None:
            others: list[Frame] = []
            for frame in links.received(one.link, one.data, at):
                if isinstance(frame, Push) and frame.envelope.startswith(_TAG):
                    effects.append(bare.shown(_text_of(frame.envelope[len(_TAG) :])))
                else:
                    others.append(frame)
            engine._frames_came(one.link, others, at)
            is_loud |= bool(others)
        elif isinstance(one, BytesSent):
            links.streams.sent(one.link, one.count)
        elif (text := _bare_text(one)) is not None and bare.answer is not None and links.ready:
            data = _TAG + _packed(text, SIZE_BYTES[0] - len(_TAG))
            links.streams.send(next(iter(links.ready)), Push(data))
            assert isinstance(one, Asked)
            effects.append(bare.answered(one, text))
        else:
            rest.append(one)
    if rest or is_loud or links.table.has_changed or _is_due(bare, now):
        bare.until = None
        done = _handle(engine, rest, now)
        bare.learn(done)
        return done + effects
    return links.take_effects(now) + effects


def _is_due(bare: _Bare, now: Instant) -> bool:
    if bare.until is None:
        return True
    [until] = bare.until
    return until is not None and until <= now.monotonic


def _deadline_frames(engine: Engine) -> Monotonic | None:
    bare = _of(engine)
    if bare.until is None:
        bare.until = (_deadline(engine),)
        return bare.until[0]
    return earliest((bare.until[0], engine._links.deadline()))


def _bare_text(happened: Input) -> str | None:
    if isinstance(happened, Asked) and isinstance(happened.command, SendMessage):
        return happened.command.text
    return None


# --- The store keeps a text, and there is no messenger --------------------------------------------


def _handle_store(engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
    bare = _of(engine)
    rest: list[Input] = []
    answers: list[Effect] = []
    for one in batch:
        text = _bare_text(one)
        if text is not None and bare.answer is not None and isinstance(one, Asked):
            bare.unposted.append(bare.envelope(text, engine._clock.at(now).mesh))
            answers.append(bare.answered(one, text))
        else:
            rest.append(one)
    effects = _handle(engine, rest, now)
    bare.learn(effects)
    came, bare.came = bare.came, []
    shown = [bare.shown(_text_of(envelope.body)) for envelope in came]
    return [*effects, *answers, *shown]


def _begins_store(quiet: QuietBatches, batch: Sequence[Input], now: Instant) -> bool:
    bare = _BARE.get(quiet._vault)
    return (bare is None or not bare.unposted) and _begins(quiet, batch, now)


def _take_unposted_store(vault: VaultHalf, now: Instant) -> list[Envelope]:
    bare = _BARE.get(vault)
    ours = _take_unposted(vault, now)
    if bare is not None:
        ours += bare.unposted
        bare.unposted = []
    return ours


def _left_store(
    vault: VaultHalf, posted: Sequence[Envelope], retirements: Sequence[Retirement]
) -> None:
    _left(vault, [one for one in posted if one.header.tag != _TAG], retirements)


def _is_for_us_store(vault: VaultHalf, id_: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
    return tag == _TAG or _is_for_us(vault, id_, tag, is_new=is_new)


def _arrived_store(vault: VaultHalf, added: Sequence[Envelope]) -> None:
    bare = _BARE.get(vault)
    if bare is not None and bare.event is not None:
        bare.came += [one for one in added if one.header.tag == _TAG]
    _arrived(vault, [one for one in added if one.header.tag != _TAG])


WITHOUT_ENGINE: Final = (
    Patch(Engine, "handle", _handle_frames),
    Patch(Engine, "deadline", _deadline_frames),
)
WITHOUT_MESSENGER: Final = (
    Patch(Engine, "handle", _handle_store),
    Patch(QuietBatches, "begins", _begins_store),
    Patch(VaultHalf, "take_unposted", _take_unposted_store),
    Patch(VaultHalf, "left", _left_store),
    Patch(VaultHalf, "is_for_us", _is_for_us_store),
    Patch(VaultHalf, "arrived", _arrived_store),
)
