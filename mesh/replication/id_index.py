"""The ids that a node knows, in the order of their creation.

A sorted list of `created ‖ id` keys: new mail is appended near the end, so an insertion moves
little, and a page is a slice. Implements the order of `docs/protocol/spreading.md`.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from mesh.ids import EnvelopeId, UnixSeconds

_CREATED_BYTES = 4


class IdIndex:
    """Every known id with its creation second and size class, whatever became of its body.

    Retirements stand among them as elements of their own, at the creation of their envelopes.
    """

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._size_classes: dict[EnvelopeId, int] = {}
        self._created: dict[EnvelopeId, UnixSeconds] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, envelope_id: EnvelopeId) -> bool:
        return envelope_id in self._size_classes

    def created(self, envelope_id: EnvelopeId) -> UnixSeconds:
        """The creation second of a known id."""
        return self._created[envelope_id]

    def size_class(self, envelope_id: EnvelopeId) -> int:
        """The size class of a known id."""
        return self._size_classes[envelope_id]

    def load(self, known: Iterable[tuple[EnvelopeId, UnixSeconds, int]]) -> None:
        """Take many (id, created, size class) at once, as at start."""
        for envelope_id, created, size_class in known:
            self._size_classes[envelope_id] = size_class
            self._created[envelope_id] = created
        self._keys = sorted(_key(created, id_) for id_, created in self._created.items())

    def add(self, envelope_id: EnvelopeId, created: UnixSeconds, size_class: int) -> None:
        """Take one id; one that is known already stays as it is."""
        if envelope_id not in self._size_classes:
            self._size_classes[envelope_id] = size_class
            self._created[envelope_id] = created
            insort(self._keys, _key(created, envelope_id))

    def remove(self, envelope_id: EnvelopeId) -> None:
        """Forget an id, if it is known."""
        if self._size_classes.pop(envelope_id, None) is not None:
            key = _key(self._created.pop(envelope_id), envelope_id)
            del self._keys[bisect_left(self._keys, key)]

    def page(self, cursor: bytes, count: int) -> tuple[list[tuple[EnvelopeId, int]], bytes]:
        """At most `count` (id, size class) older than the cursor, newest first.

        The empty cursor stands before the newest. Returned with the cursor of the next page,
        empty if there is none.
        """
        end = bisect_left(self._keys, cursor) if cursor else len(self._keys)
        start = max(0, end - count)
        ids = [EnvelopeId(key[_CREATED_BYTES:]) for key in reversed(self._keys[start:end])]
        next_cursor = self._keys[start] if start > 0 else b""
        return [(id_, self._size_classes[id_]) for id_ in ids], next_cursor


def _key(created: UnixSeconds, envelope_id: EnvelopeId) -> bytes:
    return created.to_bytes(_CREATED_BYTES, "big") + envelope_id
