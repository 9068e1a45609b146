"""Notes that the machines of one identity leave each other on the mesh.

Implements `docs/protocol/backup-file.md`, section "Two machines". Only who has the identity's seed
knows under which tags they stand and can open or write one; to everybody else they are a message.
"""

from dataclasses import dataclass
from typing import Final

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import Tag, UnixSeconds
from mesh.ratchet.identity import IdentityKeys
from mesh.ratchet.tags import box_key_of, tag_of
from mesh.wire.envelope import SECONDS_PER_DAY

NOTE_SLOTS: Final = 16
"""Tags of one period. A note takes one by chance, so that two machines seldom take the same, by
which a relay would know that both are one person's."""
NOTE_PERIOD_DAYS: Final = 16
"""So long the tags stay the same; twice an envelope's life, so that three periods are enough."""
_VERSION: Final = 1
_TAKEN_UP, _GIVEN_UP = 0, 1


@dataclass(frozen=True, slots=True, order=True)
class Machine:
    """One machine of an identity, as compared to others: the greatest is the present one.

    `generation` counts how often the identity was taken up; `since` is when, in Unix seconds.
    """

    generation: int
    since: UnixSeconds
    instance: int


@dataclass(frozen=True, slots=True)
class SelfNote:
    """A machine says that it is there, or that it `has_stopped` since it learned of a later one."""

    machine: Machine
    has_stopped: bool

    def encode(self) -> bytes:
        """The 26 bytes of the content."""
        machine = self.machine
        return bytes([_VERSION, _GIVEN_UP if self.has_stopped else _TAKEN_UP]) + b"".join(
            number.to_bytes(8, "big")
            for number in (machine.generation, machine.since, machine.instance)
        )


def note_key(identity: IdentityKeys) -> bytes:
    """The tag key of an identity's notes."""
    return blake2b(identity.signing_seed, b"", b"mesh/self/tag", 32)


def note_tags(key: bytes, mesh_now: UnixSeconds) -> list[tuple[int, Tag]]:
    """All (index, tag) under which a note may stand at a time."""
    period = period_of(mesh_now)
    first, end = max(0, period - 1) * NOTE_SLOTS, (period + 2) * NOTE_SLOTS
    return [(index, tag_of(key, index)) for index in range(first, end)]


def period_of(mesh_now: UnixSeconds) -> int:
    """Return the number of the period of a time."""
    return mesh_now // SECONDS_PER_DAY // NOTE_PERIOD_DAYS


def seal_note(
    note: bytes, key: bytes, index: int, *, associated: bytes, room: int, entropy: Entropy
) -> bytes:
    """The body of a note: a nonce and a box."""
    nonce = entropy.draw(aead.NONCE_BYTES)
    space = room - aead.NONCE_BYTES - aead.TAG_BYTES
    return nonce + aead.seal(box_key_of(key, index), nonce, associated, note.ljust(space, b"\0"))


def open_note(body: bytes, key: bytes, index: int, *, associated: bytes) -> SelfNote:
    """The note in a body; PeerError if nobody with this identity wrote it."""
    nonce, box = body[: aead.NONCE_BYTES], body[aead.NONCE_BYTES :]
    content = aead.open_sealed(box_key_of(key, index), nonce, associated, box)
    if content[0] != _VERSION or content[1] not in (_TAKEN_UP, _GIVEN_UP):
        raise PeerError("a note to oneself of another release")
    generation, since, instance = (
        int.from_bytes(content[at : at + 8], "big") for at in (2, 10, 18)
    )
    machine = Machine(generation, UnixSeconds(since), instance)
    return SelfNote(machine, has_stopped=content[1] == _GIVEN_UP)
