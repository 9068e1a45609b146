"""Behaviours that send too much: ids, envelopes, forgeries, what came before, what is no frame."""

from collections import deque
from dataclasses import replace
from typing import Final

import msgspec

from mesh.crypto.signing import verify_key_of
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, PostingKey, Tag, UnixSeconds
from mesh.limits.admission import CREATED_AHEAD_SECONDS_MAX
from mesh.limits.replication import IDS_PER_FRAME_MAX
from mesh.posting.stamp import NO_STAMP
from mesh.wire.envelope import (
    LIFETIME_SECONDS,
    SIGNATURE_BYTES,
    TOKEN_BYTES,
    Envelope,
    Header,
    body_bytes,
    decode_envelope,
    envelope_id_of,
    sign_envelope,
)
from mesh.wire.frames import Frame, IHave, IWant, Push, Retired, join_entries
from sim.adversaries.behaviour import Behaviour
from sim.adversaries.withholding import BlackHole
from sim.kernel.entropy import Chance, SeededEntropy

REMEMBERED_MAX: Final = 256
"""Envelopes and first messages that are played again."""

WANTED_COUNT: Final = 16
ENVELOPES_PER_KEY: Final = 64
"""After so many a flood takes another key, as quotas want."""


def invented(
    entropy: SeededEntropy, seed: bytes, created: UnixSeconds, *, size_class: int = 0
) -> Envelope:
    """An envelope that every rule admits, about nothing."""
    header = Header(
        size_class=size_class,
        lifetime_class=0,
        created=UnixSeconds(created // 10 * 10),
        tag=Tag(entropy.draw(16)),
        read_hash=entropy.draw(16),
        withdraw_hash=entropy.draw(16),
        posting_key=PostingKey(verify_key_of(seed)),
        stamp=NO_STAMP,
    )
    return sign_envelope(header, entropy.draw(body_bytes(size_class)), seed)


class IdSpam(BlackHole):
    """Announces ids without end."""

    def act(self, now: Instant) -> None:
        """A whole frame of them, to one neighbour."""
        link = self.a_link()
        if link is not None:
            ids = [EnvelopeId(self.entropy.draw(32)) for _ in range(IDS_PER_FRAME_MAX)]
            self.say(link, IHave(join_entries([(id_, 0) for id_ in ids]), 0))


class Flood(BlackHole):
    """Sends valid envelopes without end, under ever new keys."""

    size_class = 0

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._seed = b""
        self._made_count = 0

    def act(self, now: Instant) -> None:
        """One more; some are from the future, and some have nearly outlived their lifetime."""
        link = self.a_link()
        if link is None:
            return
        if self._made_count % ENVELOPES_PER_KEY == 0:
            self._seed = self.entropy.draw(32)
        self._made_count += 1
        created = now.unix_seconds + self.chance.pick(
            (0, 0, 0, 0, 0, 0, self._ahead_s, -self._old_s)
        )
        made = invented(self.entropy, self._seed, UnixSeconds(created), size_class=self.size_class)
        self.say(link, Push(made.data))

    @property
    def _ahead_s(self) -> int:
        return self.chance.below(2 * CREATED_AHEAD_SECONDS_MAX)

    @property
    def _old_s(self) -> int:
        return LIFETIME_SECONDS[0] - self.chance.between(60, 600)


class OverQuota(Flood):
    """Sends valid envelopes without end under one key: of a full one the lowest ids stay."""

    def act(self, now: Instant) -> None:
        """One more, to one neighbour."""
        link = self.a_link()
        if link is not None:
            self._seed = self._seed or self.entropy.draw(32)
            made = invented(self.entropy, self._seed, UnixSeconds(now.unix_seconds))
            self.say(link, Push(made.data))


class ForgedRetirements(Behaviour):
    """Says of envelopes that they were opened, with tokens that are none; each costs a link."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._known: deque[EnvelopeId] = deque(maxlen=REMEMBERED_MAX)

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Keep the id of what came."""
        if isinstance(frame, Push):
            self._known.append(envelope_id_of(frame.envelope))

    def act(self, now: Instant) -> None:
        """One, to one neighbour."""
        link = self.a_link()
        if link is not None and self._known:
            token = self.entropy.draw(TOKEN_BYTES)
            self.say(link, Retired(self.chance.pick(self._known) + token))


class EmptyWants(BlackHole):
    """Asks for ids of nothing."""

    def act(self, now: Instant) -> None:
        """Some of them, of one neighbour."""
        link = self.a_link()
        if link is not None:
            self.say(link, IWant(self.entropy.draw(32 * WANTED_COUNT)))


class BadSignatures(Behaviour):
    """Sends envelopes that nobody signed; each costs it the link."""

    def act(self, now: Instant) -> None:
        """One, to one neighbour."""
        link = self.a_link()
        if link is not None:
            created = UnixSeconds(now.unix_seconds)
            true = invented(self.entropy, self.entropy.draw(32), created)
            false = replace(true, signature=self.entropy.draw(SIGNATURE_BYTES))
            self.say(link, Push(false.data))


class ForgedAuthor(BlackHole):
    """Copies what others wrote: the same tag, another body; the same body, another author."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._copied: deque[bytes] = deque(maxlen=REMEMBERED_MAX)

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Keep what came."""
        super().came(link, frame, now)
        if isinstance(frame, Push):
            self._copied.append(frame.envelope)

    def act(self, now: Instant) -> None:
        """Forge one of them, and give both forgeries to everybody."""
        if not self._copied:
            return
        try:
            copied = decode_envelope(self.chance.pick(self._copied))
        except PeerError:
            return
        seed = self.entropy.draw(32)
        header = replace(copied.header, posting_key=PostingKey(verify_key_of(seed)))
        for body in (copied.body, self.entropy.draw(len(copied.body))):
            forged = Push(sign_envelope(header, body, seed).data)
            for link in self.links:
                self.say(link, forged)


class Replay(BlackHole):
    """Plays again what it heard: envelopes on every link, first messages of handshakes."""

    def __init__(self, *, chance: Chance, entropy: SeededEntropy, per_second: float) -> None:
        super().__init__(chance=chance, entropy=entropy, per_second=per_second)
        self._envelopes: deque[bytes] = deque(maxlen=REMEMBERED_MAX)
        self._first_messages: deque[bytes] = deque(maxlen=REMEMBERED_MAX)
        self._heard: dict[LinkId, None] = {}

    def first_bytes(self, *, is_dialled: bool) -> bytes | None:
        """Now and then what somebody else began with."""
        if is_dialled and self._first_messages and self.chance.is_true(0.3):
            return self.chance.pick(self._first_messages)
        return None

    def heard_raw(self, link: LinkId, data: bytes) -> None:
        """Keep how others begin."""
        if link not in self._heard:
            self._heard[link] = None
            self._first_messages.append(data)

    def came(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """Keep what came."""
        super().came(link, frame, now)
        if isinstance(frame, Push):
            self._envelopes.append(frame.envelope)

    def act(self, now: Instant) -> None:
        """Any of it, to anybody."""
        link = self.a_link()
        if link is not None and self._envelopes:
            self.say(link, Push(self.chance.pick(self._envelopes)))


class _NotAPush(msgspec.Struct, array_like=True, tag=0x10):
    """Says that it is an envelope, and is a number."""

    number: int


class _LongIds(msgspec.Struct, array_like=True, tag=0x12):
    """Asks for more than may be asked for, and cuts the last."""

    ids: bytes


class Garbage(Behaviour):
    """Sends what is no frame at all; each costs it the link."""

    def act(self, now: Instant) -> None:
        """One piece, to one neighbour."""
        link = self.a_link()
        if link is not None:
            pieces = (
                _NotAPush(self.chance.below(1 << 30)),
                _LongIds(self.entropy.draw(33)),
                Push(self.entropy.draw(self.chance.between(1, 2_000))),
                IHave(self.entropy.draw(self.chance.between(1, 2_000)), 0),
            )
            self.say_something_else(link, self.chance.pick(pieces))


class _LaterFrame(msgspec.Struct, array_like=True, tag=0x7F):
    """A type that is not known yet."""

    anything: bytes


class _LaterPing(msgspec.Struct, array_like=True, tag=0x02):
    """A known type with a field that is not known yet."""

    anything: bytes


class LaterVersion(BlackHole):
    """Speaks a later version: new frames, and known ones with more at their end. No fault."""

    def act(self, now: Instant) -> None:
        """One of each, to one neighbour."""
        link = self.a_link()
        if link is not None:
            self.say_something_else(link, _LaterFrame(self.entropy.draw(8)))
            self.say_something_else(link, _LaterPing(self.entropy.draw(8)))
