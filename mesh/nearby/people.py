"""The people near: one for each link, known by a number as long as the node runs."""

from dataclasses import dataclass

from mesh.commands.nearby import NearbyPersonAnswer
from mesh.ids import ContactId, Instant, LinkId, Monotonic, VerifyKey
from mesh.limits.nearby import NEARBY_CARD_KEPT_MS, NEARBY_PEOPLE_MAX
from mesh.nearby.boxes import Channel, Pair
from mesh.ratchet.comparison import Comparison


@dataclass(slots=True)
class Person:
    """Somebody who offers a card, and the comparison with them.

    `link` is None when it ended. `pair` stands from the moment at which there is something to
    compare. `until` bounds what is under way; without a link, how long they are remembered.
    """

    id: int
    name: str
    key: bytes
    link: LinkId | None
    channel: Channel | None = None
    comparison: Comparison | None = None
    pair: Pair | None = None
    verify_key: VerifyKey | None = None
    contact: ContactId | None = None
    has_failed: bool = False
    until: Monotonic | None = None

    @property
    def is_comparing(self) -> bool:
        """Say whether a comparison is under way."""
        return self.comparison is not None and not self.comparison.is_over

    @property
    def is_settling(self) -> bool:
        """Say whether both said the same, and a proof or the invite is awaited."""
        return self.pair is not None and not self.is_comparing and self.until is not None

    def end(self) -> None:
        """Let go of the keys of a comparison that is over."""
        self.pair = None
        self.until = None

    def answer(self) -> NearbyPersonAnswer:
        """Return what is told of them."""
        comparison = self.comparison
        stage = "none" if comparison is None else comparison.stage
        return NearbyPersonAnswer(
            id=self.id,
            name=self.name,
            state="failed" if self.has_failed else "seen" if stage == "none" else stage,
            emoji=[] if comparison is None else comparison.emoji,
            numbers=[] if comparison is None else comparison.numbers,
            contact=self.contact or 0,
            failure="" if comparison is None else comparison.failure or "",
        )


class People:
    """Everybody who was seen, at most 64; who has no link any more goes first."""

    def __init__(self) -> None:
        self._by_id: dict[int, Person] = {}
        self._by_link: dict[LinkId, Person] = {}
        self._next_id = 1

    def find(self, number: int) -> Person | None:
        """Return who has this number."""
        return self._by_id.get(number)

    def find_at(self, link: LinkId) -> Person | None:
        """Return who is at the other end of a link."""
        return self._by_link.get(link)

    def all(self) -> list[Person]:
        """Everybody, in the order in which they were seen."""
        return list(self._by_id.values())

    def meet(self, link: LinkId, key: bytes, name: str) -> Person | None:
        """Return who offers this card over this link; None if there is no room for one more."""
        person = self._by_link.get(link) or self._returned(link, key)
        if person is None:
            if len(self._by_id) >= NEARBY_PEOPLE_MAX and not self._forget_one():
                return None
            person = Person(self._next_id, name, key, link)
            self._next_id += 1
            self._by_id[person.id] = person
            self._by_link[link] = person
        return person

    def part(self, link: LinkId, now: Instant) -> Person | None:
        """A link ended: who was there is remembered for a while."""
        person = self._by_link.pop(link, None)
        if person is not None:
            person.link = None
            person.until = now.after(NEARBY_CARD_KEPT_MS)
        return person

    def forget(self, person: Person) -> None:
        """They are not near any more."""
        del self._by_id[person.id]
        if person.link is not None:
            del self._by_link[person.link]

    def clear(self) -> None:
        """Forget everybody; their numbers do not come back."""
        self._by_id.clear()
        self._by_link.clear()

    def _returned(self, link: LinkId, key: bytes) -> Person | None:
        for person in self._by_id.values():
            if person.key == key and person.link is None:
                person.link = link
                person.until = None
                self._by_link[link] = person
                return person
        return None

    def _forget_one(self) -> bool:
        for person in self._by_id.values():
            if person.link is None:
                self.forget(person)
                return True
        return False
