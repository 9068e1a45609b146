"""Engines in which a text is kept by the store alone: no messenger, no vault of what is said.

Store, replication and all that stands around an engine are the shipped ones. All nodes have to lack
the same. Nothing here is fit for use: texts are readable, and nobody asks who wrote.
"""

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from mesh.commands.messages import SendMessage
from mesh.crypto.signing import SigningKey
from mesh.effects import Effect, Emit, Reply
from mesh.engine.engine import Engine
from mesh.engine.quiet import QuietBatches
from mesh.engine.vault_half import VaultHalf
from mesh.events import MessageReceived
from mesh.ids import EnvelopeId, Instant, PostingKey, Tag, UnixSeconds
from mesh.inputs import Asked, Input
from mesh.wire.envelope import (
    CREATED_ROUNDING_S,
    LIFETIME_WEEK,
    STAMP_BYTES,
    Envelope,
    Header,
    body_bytes,
    envelope_of,
)
from mesh.wire.retirement import Retirement
from sim.patching import Patch
from tests.bench.bare_texts import TAG, Person, Text

_TAG: Final = Tag(TAG)
_handle, _begins = Engine.handle, QuietBatches.begins
_take_unposted, _left, _arrived = VaultHalf.take_unposted, VaultHalf.left, VaultHalf.arrived
_is_for_us = VaultHalf.is_for_us


class _Bare:
    """The texts of one engine between two batches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._person = Person()
        self._posting_key = SigningKey.from_seed(bytes(range(32)))
        self.unposted: list[Envelope] = []
        self.came: list[Envelope] = []

    def find_written(self, asked: Asked, at: Instant) -> Effect | None:
        """Return the answer to who sends a text, which is to be posted; None if it is not known
        to whom.
        """
        command = asked.command
        if not isinstance(command, SendMessage):
            return None
        text = self._person.find_text(self._engine, command.contact, command.text, at)
        if text is None:
            return None
        self.unposted.append(self._envelope(text, at.mesh))
        return Reply(asked.request, self._person.told(command.text, at, is_mine=True))

    def take_shown(self, at: Instant) -> list[Effect]:
        """Return the texts that came for our person."""
        address = self._person.find_address(self._engine) if self.came else None
        if address is None:
            return []
        came, self.came = self.came, []
        texts = [Text.read(envelope.body) for envelope in came]
        return [
            Emit(MessageReceived(self._person.told(text.text, at, is_mine=False)))
            for text in texts
            if text.address == address
        ]

    def _envelope(self, text: Text, at: UnixSeconds) -> Envelope:
        """Return a text in an envelope that anybody can read."""
        key = self._posting_key.verify_key
        header = Header(
            size_class=0,
            lifetime_class=LIFETIME_WEEK,
            created=UnixSeconds(at // CREATED_ROUNDING_S * CREATED_ROUNDING_S),
            tag=_TAG,
            read_hash=key[:16],
            withdraw_hash=text.number.ljust(16, b"\0"),
            posting_key=PostingKey(key),
            stamp=bytes(STAMP_BYTES),
        )
        return envelope_of(header, text.packed(body_bytes(0)), self._posting_key)


_BARE: WeakKeyDictionary[Engine | VaultHalf, _Bare] = WeakKeyDictionary()


def _of(engine: Engine) -> _Bare:
    """Return what is kept of an engine; its half of the vault has the same."""
    bare = _BARE.get(engine)
    if bare is None:
        bare = _BARE[engine] = _BARE[engine._vault] = _Bare(engine)
    return bare


def _handle_bare(engine: Engine, batch: Sequence[Input], now: Instant) -> list[Effect]:
    bare, at = _of(engine), engine._clock.at(now)
    rest: list[Input] = []
    answers: list[Effect] = []
    for one in batch:
        answer = bare.find_written(one, at) if isinstance(one, Asked) else None
        if answer is None:
            rest.append(one)
        else:
            answers.append(answer)
    effects = _handle(engine, rest, now)
    return [*effects, *answers, *bare.take_shown(at)]


def _begins_bare(quiet: QuietBatches, batch: Sequence[Input], now: Instant) -> bool:
    bare = _BARE.get(quiet._vault)
    return (bare is None or not bare.unposted) and _begins(quiet, batch, now)


def _take_unposted_bare(vault: VaultHalf, now: Instant) -> list[Envelope]:
    bare = _BARE.get(vault)
    ours = _take_unposted(vault, now)
    if bare is not None:
        ours += bare.unposted
        bare.unposted = []
    return ours


def _left_bare(
    vault: VaultHalf, posted: Sequence[Envelope], retirements: Sequence[Retirement]
) -> None:
    _left(vault, [one for one in posted if one.header.tag != _TAG], retirements)


def _is_for_us_bare(vault: VaultHalf, id_: EnvelopeId, tag: Tag, *, is_new: bool) -> bool:
    return tag == _TAG or _is_for_us(vault, id_, tag, is_new=is_new)


def _arrived_bare(vault: VaultHalf, added: Sequence[Envelope]) -> None:
    bare = _BARE.get(vault)
    if bare is not None:
        bare.came += [one for one in added if one.header.tag == _TAG]
    _arrived(vault, [one for one in added if one.header.tag != _TAG])


WITHOUT_MESSENGER: Final = (
    Patch(Engine, "handle", _handle_bare),
    Patch(QuietBatches, "begins", _begins_bare),
    Patch(VaultHalf, "take_unposted", _take_unposted_bare),
    Patch(VaultHalf, "left", _left_bare),
    Patch(VaultHalf, "is_for_us", _is_for_us_bare),
    Patch(VaultHalf, "arrived", _arrived_bare),
)
