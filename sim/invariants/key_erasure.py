"""The erasure of used keys: what opened a message opens it for no thief any more (S9).

Each message has a key of its own, which is derived from the key of its chain and the one before
that. So when a message was sealed or opened, its key and all keys of the chain from which it can
be derived must be gone from the vault of whoever did it. They are collected where the ratchet
derives them and the cipher uses them, and looked for in all columns of all tables: before a disk
is put back, lost or copied, since a thief of the copy has what the copy has, and at the end.

What a batch used whose commit never came is used again in the next life. So a use counts when
the engine that made it is seen again between two batches.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mesh.database import Connection
from mesh.engine.engine import Engine
from mesh.ratchet import double_ratchet
from sim.invariants.database_search import search
from sim.invariants.invariants import S9, BrokenInvariant
from sim.patching import Patch, patched

KEY_BYTES: Final = 32
PLACES_PER_KEY: Final = 4
"""Looking for one key in a value takes as long as looking up so many of its places."""
VALUE_BYTES_MAX: Final = 16_384
"""Where keys stand together is shorter; the longest values are envelopes, which are sealed."""


@dataclass(slots=True)
class _Used:
    """The keys that a machine must not have any more, and those used since it was looked at."""

    gone: dict[bytes, None] = field(default_factory=dict)
    lately: dict[bytes, None] = field(default_factory=dict)
    by: Engine | None = None


class KeyErasure:
    """The used keys of all machines of one world."""

    def __init__(
        self, *, working: Callable[[], int | None], engine_of: Callable[[int], Engine | None]
    ) -> None:
        self._working = working
        self._engine_of = engine_of
        self._derived_from: dict[bytes, bytes] = {}
        self._message_keys: dict[bytes, None] = {}
        self._used: dict[int, _Used] = {}
        self.keys_count = 0
        """Those that were looked for, each once for each search."""

    @contextlib.contextmanager
    def observing(self) -> Iterator[None]:
        """While inside, all keys that are derived are known."""
        step = double_ratchet._chain_step

        def stepped(key: bytes) -> tuple[bytes, bytes]:
            chain_key, message_key = step(key)
            self._derived_from[chain_key] = self._derived_from[message_key] = key
            self._message_keys[message_key] = None
            return chain_key, message_key

        with patched(Patch(double_ratchet, "_chain_step", stepped)):
            yield

    def used(self, key: bytes) -> None:
        """A box was sealed or opened with this key."""
        node = self._working()
        if node is None or key not in self._message_keys:
            return
        used, engine = self._used.setdefault(node, _Used()), self._engine_of(node)
        if used.by is not engine:
            used.by, used.lately = engine, {}
        secret: bytes | None = key
        while secret is not None and secret not in used.gone and secret not in used.lately:
            used.lately[secret] = None
            secret = self._derived_from.get(secret)

    def settle(self, node: int) -> None:
        """Between two batches: what this life has used, it has committed."""
        used = self._used.get(node)
        if used is not None and used.by is not None and used.by is self._engine_of(node):
            used.gone |= used.lately
            used.lately = {}

    def put_back(self, node: int) -> None:
        """A machine's disk may hold again what it had erased."""
        self._used.pop(node, None)

    def require_gone(self, node: int, vault: Connection) -> None:
        """No used key stands in a vault."""
        self.settle(node)
        used = self._used.get(node)
        if used is None or not used.gone:
            return
        gone = used.gone
        self.keys_count += len(gone)

        def is_in(value: bytes) -> bool:
            places = range(min(len(value), VALUE_BYTES_MAX) - KEY_BYTES + 1)
            # To look for a few keys in a long value is the cheaper way round.
            if len(places) > PLACES_PER_KEY * len(gone):
                return any(value.find(key, 0, VALUE_BYTES_MAX) >= 0 for key in gone)
            return any(value[place : place + KEY_BYTES] in gone for place in places)

        for table, _ in search(vault, next(iter(gone)), is_in):
            raise BrokenInvariant(S9, f"a used key stands in the table {table} of a vault", node)
