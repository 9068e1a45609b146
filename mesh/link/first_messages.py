"""The memory against replayed handshakes: ephemeral keys of valid first messages.

A recorded first message played again would be answered, and an answer tells a prober that a
node stands here. Implements `docs/protocol/link.md`, section "Replay".
"""

from collections.abc import Iterable

from mesh.limits.link import FIRST_MESSAGES_REMEMBERED


class FirstMessages:
    """The last valid first messages, by ephemeral key; the oldest is forgotten first."""

    def __init__(self, ephemerals: Iterable[bytes] = ()) -> None:
        self._seen: dict[bytes, None] = dict.fromkeys(ephemerals)
        self._unsaved: list[bytes] = []

    def is_fresh(self, ephemeral: bytes) -> bool:
        """Remember a key and return whether it is new."""
        if ephemeral in self._seen:
            return False
        self._seen[ephemeral] = None
        self._unsaved.append(ephemeral)
        if len(self._seen) > FIRST_MESSAGES_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def take_unsaved(self) -> list[bytes]:
        """The keys to store, so that a restart forgets nothing."""
        unsaved, self._unsaved = self._unsaved, []
        return unsaved
