"""Every id that this node knows: one set for each lifetime class, in the order of creation.

Implements the order of `docs/protocol/spreading.md`. An element is an envelope, whatever became of
its body, or a retirement, which stands at its envelope's creation second and goes with it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from mesh.ids import EnvelopeId, UnixSeconds
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex
from mesh.wire.envelope import LIFETIME_SECONDS, SIZE_BYTES
from mesh.wire.retirement import RETIREMENT_BYTES, RETIREMENT_SIZE_CLASS

CLASSES_COUNT: Final = len(LIFETIME_SECONDS)
HOUR_S: Final = 3_600


class Element(NamedTuple):
    """The knowledge of an id."""

    created: UnixSeconds
    size_class: int
    lifetime_class: int

    @property
    def size_bytes(self) -> int:
        """Return what it takes on a link."""
        if self.size_class == RETIREMENT_SIZE_CLASS:
            return RETIREMENT_BYTES
        return SIZE_BYTES[self.size_class]


class SeenSets:
    """All elements, by id and in order.

    A million of them are to fit a laptop, so what is known of each is kept as one number.
    """

    def __init__(self) -> None:
        self._elements: dict[EnvelopeId, int] = {}
        self._sets = [SeenIndex() for _ in range(CLASSES_COUNT)]
        # Where a class had to be cut off: what was created before it is not compared any more.
        self._cut_at = [UnixSeconds(0)] * CLASSES_COUNT

    def __len__(self) -> int:
        return len(self._elements)

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._elements

    def element(self, id_: EnvelopeId) -> Element:
        """Return what is known of an id that is here."""
        return _unpacked(self._elements[id_])

    def ids(self) -> list[EnvelopeId]:
        """All ids, by lifetime class and then in order."""
        return [
            EnvelopeId(key[CREATED_BYTES:])
            for of_class in self._sets
            for key in of_class.keys(0, len(of_class))
        ]

    def of_class(self, lifetime_class: int) -> SeenIndex:
        """The set of a lifetime class."""
        return self._sets[lifetime_class]

    def floor(self, lifetime_class: int, mesh_now: UnixSeconds) -> UnixSeconds:
        """The creation second from which this node compares a class."""
        return max(floor_of(lifetime_class, mesh_now), self._cut_at[lifetime_class])

    def cuts(self) -> list[UnixSeconds]:
        """Return where each class was cut off; 0 where it was not."""
        return list(self._cut_at)

    def cut(self, lifetime_class: int, created: UnixSeconds) -> None:
        """From now on compare only what was created then or later; a cut never goes back."""
        self._cut_at[lifetime_class] = max(self._cut_at[lifetime_class], created)

    def is_cut_off(self, element: Element) -> bool:
        """Say whether an element was created before its class was cut off."""
        return element.created < self._cut_at[element.lifetime_class]

    def cut_off(self) -> list[EnvelopeId]:
        """All that is cut off and still known."""
        found: list[EnvelopeId] = []
        for lifetime_class, of_class in enumerate(self._sets):
            count = len(of_class) - self._uncut_count(lifetime_class)
            found += [EnvelopeId(key[CREATED_BYTES:]) for key in of_class.keys(0, count)]
        return found

    def cut_oldest(self, count: int, mesh_now: UnixSeconds) -> list[EnvelopeId]:
        """Cut off about so many of the class with the most, and name all that this cut off.

        What was created in one second goes together, and nothing that is yet to come.
        """
        lifetime_class = max(range(CLASSES_COUNT), key=self._uncut_count)
        of_class, last = self._sets[lifetime_class], min(count, self._uncut_count(lifetime_class))
        if not last:
            return []
        first = len(of_class) - self._uncut_count(lifetime_class)
        oldest = _created_of(of_class.key(first))
        newest = _created_of(of_class.key(first + last - 1))
        cut = UnixSeconds(min(max(newest, oldest + 1), mesh_now))
        end = of_class.rank(cut.to_bytes(CREATED_BYTES, "big"))
        keys = list(of_class.keys(first, end))
        self.cut(lifetime_class, cut)
        return [EnvelopeId(key[CREATED_BYTES:]) for key in keys]

    def _uncut_count(self, lifetime_class: int) -> int:
        bound = self._cut_at[lifetime_class].to_bytes(CREATED_BYTES, "big")
        of_class = self._sets[lifetime_class]
        return len(of_class) - of_class.rank(bound)

    def created_after(self, created: UnixSeconds, count: int) -> list[EnvelopeId]:
        """Elements of any class that were created later, and no more than so many."""
        found: list[EnvelopeId] = []
        bound = (created + 1).to_bytes(CREATED_BYTES, "big")
        for of_class in self._sets:
            first = max(of_class.rank(bound), len(of_class) - (count - len(found)))
            keys = of_class.keys(first, len(of_class))
            found += [EnvelopeId(key[CREATED_BYTES:]) for key in keys]
        return found

    def load(self, known: Iterable[tuple[EnvelopeId, Element]]) -> None:
        """Take many at once, as at start."""
        keys = [list(of_class.keys(0, len(of_class))) for of_class in self._sets]
        for id_, element in known:
            if id_ not in self._elements:
                self._elements[id_] = _packed(element)
                keys[element.lifetime_class].append(key_of(element.created, id_))
        self._sets = [SeenIndex(of_class) for of_class in keys]

    def add(self, id_: EnvelopeId, element: Element) -> None:
        """Take one; one that is known already stays as it is."""
        if id_ not in self._elements:
            self._elements[id_] = _packed(element)
            self._sets[element.lifetime_class].add(key_of(element.created, id_))

    def remove(self, id_: EnvelopeId) -> None:
        """Forget one, if it is known."""
        packed = self._elements.pop(id_, None)
        if packed is not None:
            element = _unpacked(packed)
            self._sets[element.lifetime_class].remove(key_of(element.created, id_))


def _packed(element: Element) -> int:
    return element.created << 16 | element.size_class << 8 | element.lifetime_class


def _unpacked(packed: int) -> Element:
    return Element(UnixSeconds(packed >> 16), packed >> 8 & 0xFF, packed & 0xFF)


def _created_of(key: bytes) -> int:
    return int.from_bytes(key[:CREATED_BYTES])


def key_of(created: UnixSeconds, id_: EnvelopeId) -> bytes:
    """The key by which an element stands in its set."""
    return created.to_bytes(CREATED_BYTES, "big") + id_


def floor_of(lifetime_class: int, mesh_now: UnixSeconds) -> UnixSeconds:
    """The creation second from which a class is compared.

    What expires within an hour is not, or one side would ask for what it must refuse. Whole hours,
    so that two clocks mostly name the same.
    """
    hour = -(-mesh_now // HOUR_S) * HOUR_S
    return UnixSeconds(max(hour - LIFETIME_SECONDS[lifetime_class] + HOUR_S, 0))
