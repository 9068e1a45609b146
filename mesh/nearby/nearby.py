"""People nearby: who offers a card over an open link, and comparisons with them.

Implements `docs/protocol/nearby.md`. A live machine: it hears frames, commands and time, and
gathers frames, people who changed, and what it wants from who knows the vault.

Theory of operation. While *off* it says nothing at all, whatever comes. While *on* it holds a key
of this hour and one of the former, and a person for each link that offered a card or asked to
compare. Every step is sealed between two such keys. The comparison is a value machine of its own
that refuses what is late or repeated. When it has matched, each side proves who it is under a key
that both nonces went into, and the side that was first hands over an invite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import msgspec

from mesh.commands.nearby import NearbyPersonAnswer
from mesh.crypto.entropy import Entropy
from mesh.errors import PeerError, UserError
from mesh.ids import ContactId, Instant, LinkId, Monotonic, VerifyKey
from mesh.limits.nearby import (
    NEARBY_ANSWERS_PER_MINUTE,
    NEARBY_ASK_INTERVAL_MS,
    NEARBY_STEPS_PER_MINUTE,
)
from mesh.nearby.boxes import Channel, channel_between
from mesh.nearby.comparing import Comparisons
from mesh.nearby.gathered import Gathered, NearbyFrame
from mesh.nearby.hour_keys import HourKeys
from mesh.nearby.people import People, Person
from mesh.nearby.wants import Host
from mesh.token_bucket import TokenBucket
from mesh.wire.controls import COMPARE_COMMIT
from mesh.wire.frames import NearbyAsk, NearbyCard, NearbySealed
from mesh.wire.nearby import (
    Compared,
    Declined,
    Proved,
    decode_step,
)


@dataclass(slots=True)
class _LinkState:
    answers: TokenBucket
    steps: TokenBucket
    asked_at: Monotonic | None = None
    awaits_card: bool = False


@dataclass(slots=True)
class _On:
    """Our identity, and the keys under which we are met."""

    host: Host
    comparisons: Comparisons
    keys: HourKeys


class Nearby:
    """Everybody near, as far as they and we want to be found.

    Frames to send and what only the vault can answer wait in `gathered` until they are taken.
    """

    def __init__(self, entropy: Entropy, is_name: Callable[[str], bool]) -> None:
        self._entropy = entropy
        self._is_name = is_name
        self._on: _On | None = None
        self._links: dict[LinkId, _LinkState] = {}
        self._people = People()
        self.gathered = Gathered()

    # --- What the person does -----------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Say whether a card is offered."""
        return self._on is not None

    def switch_on(self, host: Host, now: Instant) -> None:
        """Offer a card from now on."""
        if self._on is None:
            self._on = _On(
                host,
                Comparisons(host, self.gathered, self._entropy),
                HourKeys(self._entropy, now),
            )

    def switch_off(self, now: Instant) -> None:
        """Be silent from now on; what is under way ends."""
        if self._on is None:
            return
        for person in self._people.all():
            self._on.comparisons.give_up(person, now)
        self._people.clear()
        self.gathered.be_silent()
        self._on = None

    def ask(self, now: Instant) -> None:
        """Ask over every link who is there, over each at most once a minute."""
        if self._on is None:
            return
        for link, state in self._links.items():
            asked_at = state.asked_at
            if asked_at is None or now.monotonic >= asked_at + NEARBY_ASK_INTERVAL_MS * 1000:
                state.asked_at = now.monotonic
                state.awaits_card = True
                self.gathered.send(link, NearbyAsk())

    def compare(self, number: int, now: Instant) -> NearbyPersonAnswer:
        """Begin a comparison, or take up theirs."""
        on, person = self._near(number)
        if person.link is None:
            raise UserError("not-near", "They are not near any more; look for people again.")
        if person.is_settling:
            return self._answer(person)
        if not person.is_comparing:
            on.comparisons.adopt(person, channel_between(on.keys.current, person.key))
        on.comparisons.ask(person, now)
        return self._answer(person)

    def confirm(self, number: int, now: Instant, *, is_equal: bool) -> NearbyPersonAnswer:
        """Say whether both screens show the same; that they do not also takes back a question."""
        on, person = self._near(number)
        if person.comparison is None or not person.is_comparing:
            raise UserError(
                "nothing-to-compare", "No comparison with them is under way; begin one."
            )
        if is_equal:
            on.comparisons.say_equal(person, now)
        else:
            on.comparisons.give_up(person, now)
        return self._answer(person)

    def answers(self) -> list[NearbyPersonAnswer]:
        """Everybody near; who has gone is named only if something came of it."""
        return [
            self._answer(person)
            for person in self._people.all()
            if person.link is not None or person.answer().state != "seen"
        ]

    # --- What the links bring -----------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._links[link] = _LinkState(
            answers=_per_minute(NEARBY_ANSWERS_PER_MINUTE, now),
            steps=_per_minute(NEARBY_STEPS_PER_MINUTE, now),
        )

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended, and with it what was under way over it."""
        self._links.pop(link, None)
        person = self._people.find_at(link)
        if person is not None and self._on is not None:
            self._on.comparisons.give_up(person, now)
            self._people.part(link, now)

    def received(self, link: LinkId, frame: NearbyFrame, now: Instant) -> None:
        """A frame of people nearby came; PeerError if no correct node could have sent it."""
        on, state = self._on, self._links.get(link)
        if on is None or state is None:
            return
        match frame:
            case NearbyAsk():
                if state.answers.take(1, now):
                    card = NearbyCard(on.host.name, on.keys.current.public)
                    self.gathered.send(link, card)
            case NearbyCard():
                if state.awaits_card:
                    state.awaits_card = False
                    self._card_came(on, link, frame)
            case NearbySealed():
                if state.steps.take(1, now):
                    self._sealed_came(on, link, frame, now)
                else:
                    self.gathered.drop("too many steps")
            case _:
                assert_never(frame)

    # --- What the vault answers ---------------------------------------------------------------

    def invite_made(self, number: int, link: str, contact: ContactId | None) -> None:
        """The invite is made; who is a contact already is known by their number at once."""
        person = self._people.find(number)
        if person is not None and self._on is not None:
            self._on.comparisons.invite_made(person, link, contact)

    def contact_came(self, number: int, contact: ContactId) -> None:
        """They are a contact now."""
        person = self._people.find(number)
        if person is not None:
            person.contact = contact
            person.end()
            self.gathered.tell(number)

    def declined(self, number: int) -> None:
        """No contact can come of it."""
        person = self._people.find(number)
        if person is not None and self._on is not None:
            self._on.comparisons.fail(person)

    def awaited(self) -> list[tuple[int, VerifyKey]]:
        """People who were handed an invite and are no contacts yet."""
        return [
            (person.id, person.verify_key)
            for person in self._people.all()
            if person.verify_key is not None
            and person.contact is None
            and not (person.has_failed or person.is_comparing or person.is_settling)
        ]

    # --- Time, and what is to leave -----------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        if self._on is None:
            return None
        moments = [person.until for person in self._people.all() if person.until is not None]
        return min([self._on.keys.renew_at, *moments])

    def deadline_passed(self, now: Instant) -> None:
        """A new key each hour; what took too long has failed; who has gone is forgotten."""
        on = self._on
        if on is None:
            return
        if on.keys.renew_at <= now.monotonic:
            on.keys.renew(now)
        for person in self._people.all():
            if person.until is not None and person.until <= now.monotonic:
                if person.link is None:
                    self._people.forget(person)
                else:
                    on.comparisons.give_up(person, now)

    def become_somebody_else(self, now: Instant) -> None:
        """The link key changed: nothing may tell that we are who we were."""
        if self._on is not None:
            self._on.keys.replace(now)

    def take_changed(self) -> list[NearbyPersonAnswer]:
        """People of whom there is more to tell, each once."""
        if not self.gathered.has_changed:
            return []
        found = [self._people.find(number) for number in self.gathered.take_changed()]
        return [self._answer(person) for person in found if person is not None]

    # --- Cards and boxes ----------------------------------------------------------------------

    def _card_came(self, on: _On, link: LinkId, card: NearbyCard) -> None:
        if not self._is_name(card.name) or on.keys.find(card.key) is not None:
            self.gathered.drop("a card that cannot be shown")
            return
        # A key of low order is a fault, whether anybody ever compares or not.
        channel_between(on.keys.current, card.key)
        person = self._people.meet(link, card.key, card.name)
        if person is None:
            self.gathered.drop("too many people")
        elif not (person.is_comparing or person.is_settling):
            person.key, person.name = card.key, card.name
            self.gathered.tell(person.id)

    def _sealed_came(self, on: _On, link: LinkId, frame: NearbySealed, now: Instant) -> None:
        own = on.keys.find(frame.recipient)
        if own is None or on.keys.find(frame.sender) is not None:
            self.gathered.drop("a box for another key")
            return
        person = self._people.find_at(link)
        channel = None if person is None else person.channel
        if channel is None or (channel.ours, channel.theirs) != (own.public, frame.sender):
            person, channel = None, channel_between(own, frame.sender)
        try:
            data = channel.boxes.unseal(frame.box)
        except PeerError:
            self.gathered.drop("a box that does not open")
            return
        match decode_step(data):
            case Compared() as compared:
                self._compared(on, link, channel, compared, now, is_known=person is not None)
            case Proved(box) if person is not None:
                on.comparisons.proved(person, box)
            case Declined() if person is not None:
                on.comparisons.declined(person)
            case _:
                self.gathered.drop("a step out of place")

    def _compared(
        self,
        on: _On,
        link: LinkId,
        channel: Channel,
        step: Compared,
        now: Instant,
        *,
        is_known: bool,
    ) -> None:
        is_welcome = is_known or step.kind == COMPARE_COMMIT
        person = None
        if is_welcome and self._is_name(step.name):
            person = self._people.meet(link, channel.theirs, step.name)
        if person is None:
            self.gathered.drop("a step out of place")
            return
        on.comparisons.adopt(person, channel)
        person.key, person.name = channel.theirs, step.name
        on.comparisons.came(person, step, now)

    def _answer(self, person: Person) -> NearbyPersonAnswer:
        """Return what is told of somebody, and whom their name could be mistaken for."""
        answer = person.answer()
        if self._on is None or person.contact is not None:
            return answer
        near = [one.name for one in self._people.all() if one is not person and one.link]
        looks_like = self._on.host.look_alikes(person.name, near)
        return msgspec.structs.replace(answer, looks_like=looks_like)

    def _near(self, number: int) -> tuple[_On, Person]:
        if self._on is None:
            raise UserError("nearby-off", "People nearby is switched off; switch it on first.")
        person = self._people.find(number)
        if person is None:
            raise UserError("not-found", f"There is nobody near with the number {number}.")
        return self._on, person


def _per_minute(count: int, now: Instant) -> TokenBucket:
    return TokenBucket(per_second=count / 60, burst=count, now=now)
