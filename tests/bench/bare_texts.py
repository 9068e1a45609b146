"""Texts that anybody can read, and a dictionary of them: what bare nodes have in a vault's place.

A text is for the address of a person, the beginning of their key. Nothing here is fit for use.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.commands.messages import AuthorAnswer, MessageAnswer
from mesh.crypto.hashing import blake2b_128
from mesh.engine.engine import Engine
from mesh.errors import UserError
from mesh.ids import Instant, LinkId, Monotonic
from mesh.wire.envelope import SIZE_BYTES

TAG: Final = b"a text of bench\0"
"""At the beginning of what bare nodes say to each other, and the tag of their envelopes."""

ADDRESS_BYTES: Final = 16
_NUMBER_BYTES: Final = 12
_LENGTH_BYTES: Final = 2
_ID_BYTES: Final = 16
_IDS_PER_WORD: Final = 2_048
_TOLD_EVERY_MS: Final = 1_000
_HAVE, _WANT, _TEXT, _KNOWN = b"h", b"w", b"t", b"k"


@dataclass(frozen=True, slots=True)
class Text:
    """A text, for whom it is, and what tells it from the same text sent again."""

    address: bytes
    number: bytes
    text: str

    def packed(self, size: int) -> bytes:
        """Return it as so many bytes."""
        data = self.text.encode()
        length = len(data).to_bytes(_LENGTH_BYTES, "big")
        return (self.address + self.number + length + data).ljust(size, b"\0")

    @staticmethod
    def read(data: bytes) -> "Text":
        """Return the text that was packed."""
        start = ADDRESS_BYTES + _NUMBER_BYTES + _LENGTH_BYTES
        length = int.from_bytes(data[start - _LENGTH_BYTES : start], "big")
        address, number = data[:ADDRESS_BYTES], data[ADDRESS_BYTES : start - _LENGTH_BYTES]
        return Text(address, number, data[start : start + length].decode())


class Person:
    """The person at a bare node and their contacts, as the engine knows them; it is asked once."""

    def __init__(self) -> None:
        self._address: bytes | None = None
        self._addresses: dict[str | int, bytes] = {}
        self._told_count = 0

    def find_address(self, engine: Engine) -> bytes | None:
        """Return the address of whoever has opened the vault here; None while nobody has."""
        messenger = engine._vault.messenger
        if self._address is None and messenger is not None and messenger.person is not None:
            self._address = messenger.person.identity.keys.verify_key[:ADDRESS_BYTES]
        return self._address

    def find_text(self, engine: Engine, contact: str | int, text: str, at: Instant) -> Text | None:
        """Return a text for a contact; None if the vault is closed or there is no such contact."""
        messenger = engine._vault.messenger
        if contact not in self._addresses and messenger is not None:
            try:
                key = messenger.parts.contacts.contact(contact).verify_key
            except UserError:
                return None
            self._addresses[contact] = key[:ADDRESS_BYTES]
        if messenger is None:
            return None
        number = (at.mesh_ms << 32 | self._told_count).to_bytes(_NUMBER_BYTES, "big")
        return Text(self._addresses[contact], number, text)

    def told(self, text: str, at: Instant, *, is_mine: bool) -> MessageAnswer:
        """Return what is told of a text, as if it were kept in a conversation."""
        self._told_count += 1
        return MessageAnswer(
            number=self._told_count,
            id=self._told_count.to_bytes(16, "big").hex(),
            conversation=2,
            contact=1,
            label="somebody",
            author=AuthorAnswer(key=bytes(32).hex(), label="somebody", is_mine=is_mine),
            is_mine=is_mine,
            text=text,
            sent=at.mesh,
            received=at.mesh,
            state="queued" if is_mine else "received",
            carriers=0,
        )


class Memory:
    """All texts that a node has seen, and what it has yet to say over each link.

    Over a new link both say which texts they have, and are asked for what the other lacks. A text
    that is new goes to every other link, but not where the last ones were known: there its id goes
    a second later. Nothing is forgotten.
    """

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.waiting: dict[LinkId, deque[bytes]] = {}
        # Links whose other side knew what was brought, and links on which we said so.
        self._lazy: dict[LinkId, None] = {}
        self._turned_down: dict[LinkId, None] = {}
        # What is new since ids were told, and what was it then.
        self._newer: list[bytes] = []
        self._older: list[bytes] = []
        self._told_at = Monotonic(0)

    def link_up(self, link: LinkId) -> None:
        """A link is ready."""
        self.waiting[link] = deque(_lists(_HAVE, list(self.kept)))

    def link_down(self, link: LinkId) -> None:
        """A link ended."""
        for links in (self.waiting, self._lazy, self._turned_down):
            links.pop(link, None)

    def deadline(self) -> Monotonic | None:
        """Return when ids are to be told."""
        is_waited_for = self._lazy and (self._newer or self._older)
        return Monotonic(self._told_at + 1_000 * _TOLD_EVERY_MS) if is_waited_for else None

    def tell(self, now: Instant) -> None:
        """Tell ids where texts do not go at once, if it is time."""
        if now.monotonic < self._told_at + 1_000 * _TOLD_EVERY_MS:
            return
        self._told_at = now.monotonic
        for link in self._lazy:
            self.waiting[link].extend(_lists(_HAVE, self._older))
        self._older, self._newer = self._newer, []

    def write(self, text: Text) -> bytes:
        """Keep a text that was written here; return its id."""
        word = TAG + _TEXT + text.packed(SIZE_BYTES[0] - len(TAG) - len(_TEXT))
        return self._keep(word, None) or b""

    def heard(self, link: LinkId, word: bytes) -> tuple[bytes, Text] | None:
        """Take what a peer says; return the text in it with its id, if it is new."""
        kind, rest = word[len(TAG) : len(TAG) + 1], word[len(TAG) + 1 :]
        waiting = self.waiting[link]
        if kind == _TEXT:
            if (id_ := self._keep(word, link)) is not None:
                return id_, Text.read(rest)
            if link not in self._turned_down:
                self._turned_down[link] = None
                waiting.append(TAG + _KNOWN)
            return None
        ids = [rest[start : start + _ID_BYTES] for start in range(0, len(rest), _ID_BYTES)]
        if kind == _KNOWN:
            self._lazy[link] = None
        elif kind == _WANT:
            self._lazy.pop(link, None)
            waiting.extend(self.kept[id_] for id_ in ids)
        elif wanted := [id_ for id_ in ids if id_ not in self.kept]:
            self._turned_down.pop(link, None)
            waiting.extend(_lists(_WANT, wanted))
        return None

    def take(self, link: LinkId, room_bytes: int) -> Iterator[bytes]:
        """Return what may leave over a link that has so much room."""
        waiting = self.waiting[link]
        while waiting and room_bytes > 0:
            word = waiting.popleft()
            room_bytes -= len(word)
            yield word

    def _keep(self, word: bytes, source: LinkId | None) -> bytes | None:
        id_ = blake2b_128(word)
        if id_ in self.kept:
            return None
        self.kept[id_] = word
        self._newer.append(id_)
        for link, waiting in self.waiting.items():
            if link != source and link not in self._lazy:
                waiting.append(word)
        return id_


def is_text(word: bytes) -> bool:
    """Say whether what a peer says is a text, and no list of ids."""
    return word.startswith(TAG + _TEXT)


def _lists(kind: bytes, ids: Sequence[bytes]) -> Iterator[bytes]:
    for start in range(0, len(ids), _IDS_PER_WORD):
        yield TAG + kind + b"".join(ids[start : start + _IDS_PER_WORD])
