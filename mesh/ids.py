"""The kinds of identifiers and instants that the whole node speaks of.

Every id is a `NewType`, so that an envelope id can never be passed where a message id is meant.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NewType

EnvelopeId = NewType("EnvelopeId", bytes)
"""BLAKE2b-256 of an envelope's stub, 32 bytes."""

MessageId = NewType("MessageId", bytes)
"""BLAKE2b-256 of a payload, 32 bytes; the same however often the payload is posted again."""

LinkKey = NewType("LinkKey", bytes)
"""The X25519 public key that a node shows on its links, 32 bytes; never an identity."""

PostingKey = NewType("PostingKey", bytes)
"""An author's Ed25519 pseudonym for one day and one audience, 32 bytes."""

Tag = NewType("Tag", bytes)
"""16 pseudo-random bytes by which only the recipient recognises an envelope."""

VerifyKey = NewType("VerifyKey", bytes)
"""A person's Ed25519 identity key, 32 bytes."""

MeshId = NewType("MeshId", bytes)
"""16 bytes that name a mesh and its rules (stamp difficulty, quota of a key)."""

LinkId = NewType("LinkId", int)
"""A connection of this process, numbered by the driver, never reused."""

DialId = NewType("DialId", int)
"""An attempt to reach an address, numbered by the dialing machine, never reused."""

RequestId = NewType("RequestId", int)
"""A command or query of a person, numbered by the driver, answered by one `Reply`."""

ContactId = NewType("ContactId", int)
"""A contact's row in the vault."""

ConversationId = NewType("ConversationId", int)
"""A conversation's number in the vault. A direct one bears the number of its contact, and no other
conversation ever has the number of a contact: a number that a person types means one thing."""

InviteId = NewType("InviteId", int)
"""An invite's row in the vault."""

Monotonic = NewType("Monotonic", int)
"""Microseconds of a clock that never jumps; only differences mean anything."""

UnixSeconds = NewType("UnixSeconds", int)
"""Seconds since 1970 (UTC) by somebody's clock, which may be wrong."""


@dataclass(frozen=True, slots=True, init=False)
class Instant:
    """The time: one reading of a node's two clocks, and what the mesh makes of it.

    `monotonic` measures timeouts; `wall` is the own calendar and may jump in either direction.
    Both are in microseconds. `mesh` is mesh time, which what is made here bears, and `expiry` the
    time by which things lapse and are erased (`docs/protocol/posting.md`), in seconds; until the
    engine has asked its clock, both are the own calendar.
    """

    monotonic: Monotonic
    wall: int
    mesh: UnixSeconds
    expiry: UnixSeconds
    unix_seconds: UnixSeconds = field(init=False, repr=False, compare=False)
    """The own calendar in whole seconds."""

    def __init__(
        self,
        monotonic: Monotonic,
        wall: int,
        mesh: UnixSeconds | None = None,
        expiry: UnixSeconds | None = None,
    ) -> None:
        object.__setattr__(self, "monotonic", monotonic)
        object.__setattr__(self, "wall", wall)
        seconds = wall // 1_000_000
        object.__setattr__(self, "unix_seconds", seconds)
        object.__setattr__(self, "mesh", seconds if mesh is None else mesh)
        object.__setattr__(self, "expiry", seconds if expiry is None else expiry)

    @property
    def mesh_ms(self) -> int:
        """Mesh time with the fraction of our own clock: our error shows to nobody."""
        return self.wall // 1000 + (self.mesh - self.unix_seconds) * 1000

    def after(self, pause_ms: int) -> Monotonic:
        """The deadline so many milliseconds from now."""
        return Monotonic(self.monotonic + pause_ms * 1000)


def direct_conversation(contact: ContactId) -> ConversationId:
    """The conversation of two, ourselves and a contact."""
    return ConversationId(contact)


def other_side(conversation: ConversationId) -> ContactId:
    """The contact of a direct conversation."""
    return ContactId(conversation)


def earliest(moments: Iterable[Monotonic | None]) -> Monotonic | None:
    """The first of some deadlines, of which any may be missing."""
    found: Monotonic | None = None
    for moment in moments:
        if moment is not None and (found is None or moment < found):
            found = moment
    return found


@dataclass(frozen=True, slots=True)
class Address:
    """The place where a node may be dialled. `scope` is the interface index of an IPv6
    link-local address.
    """

    host: str
    port: int
    scope: int = 0

    def __str__(self) -> str:
        scoped = f"{self.host}%{self.scope}" if self.scope else self.host
        host = f"[{scoped}]" if ":" in self.host else scoped
        return f"{host}:{self.port}"
