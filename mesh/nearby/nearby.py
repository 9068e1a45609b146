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
from dataclasses import dataclass, field, replace
from typing import assert_never

from mesh.commands import NearbyPersonAnswer
from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.ids import ContactId, Instant, LinkId, Monotonic, UnixSeconds, VerifyKey
from mesh.limits import (
    NEARBY_ANSWERS_PER_MINUTE,
    NEARBY_ASK_INTERVAL_MS,
    NEARBY_COMPARE_MS,
    NEARBY_KEY_MS,
    NEARBY_STEP_MS,
    NEARBY_STEPS_PER_MINUTE,
    NEARBY_WAIT_MS,
)
from mesh.nearby.boxes import Channel, HourKey, channel_between, pair_of
from mesh.nearby.people import People, Person
from mesh.nearby.rates import Rate
from mesh.nearby.wants import Host, InviteCame, InviteWanted, Want
from mesh.ratchet.comparison import Comparing, Comparison, Control, Idle
from mesh.wire.controls import COMPARE_COMMIT
from mesh.wire.frames import NearbyAsk, NearbyCard, NearbySealed
from mesh.wire.nearby import (
    Compared,
    Declined,
    Identified,
    Invited,
    Proved,
    ProvedStep,
    Step,
    decode_proved_step,
    decode_step,
    encode_step,
)

NearbyFrame = NearbyAsk | NearbyCard | NearbySealed


@dataclass(slots=True)
class _LinkState:
    asked_at: Monotonic | None = None
    awaits_card: bool = False
    answers: Rate = field(default_factory=lambda: Rate(NEARBY_ANSWERS_PER_MINUTE))
    steps: Rate = field(default_factory=lambda: Rate(NEARBY_STEPS_PER_MINUTE))


@dataclass(slots=True)
class _On:
    """Who we are, and the keys of this hour and the former."""

    host: Host
    keys: list[HourKey]
    renew_at: Monotonic


class Nearby:
    """Everybody near, as far as they and we want to be found."""

    def __init__(self, entropy: Entropy, is_name: Callable[[str], bool]) -> None:
        self._entropy = entropy
        self._is_name = is_name
        self._on: _On | None = None
        self._links: dict[LinkId, _LinkState] = {}
        self._people = People()
        self._frames: list[tuple[LinkId, NearbyFrame]] = []
        self._changed: dict[int, None] = {}
        self._wants: list[Want] = []
        self.counters: dict[str, int] = {}

    # --- What the person does -----------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether a card is offered."""
        return self._on is not None

    def switch_on(self, host: Host, now: Instant) -> None:
        """Offer a card from now on."""
        if self._on is None:
            self._on = _On(host, [HourKey.draw(self._entropy)], _after(now, NEARBY_KEY_MS))

    def switch_off(self, now: Instant) -> None:
        """Be silent from now on; what is under way ends."""
        for person in self._people.all():
            self._give_up(person, now)
        self._people.clear()
        self._changed.clear()
        self._wants.clear()
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
                self._frames.append((link, NearbyAsk()))

    def compare(self, number: int, now: Instant) -> NearbyPersonAnswer:
        """Begin a comparison, or take up theirs."""
        on, person = self._near(number)
        if person.link is None:
            raise UserError("not-near", "They are not near any more; look for people again.")
        if person.is_settling:
            return person.answer()
        if not person.is_comparing:
            self._adopt(person, channel_between(on.keys[-1], person.key))
        assert person.comparison is not None
        self._stepped(person, *person.comparison.ask(self._entropy, _seconds(now)), now)
        return person.answer()

    def confirm(self, number: int, now: Instant, *, is_equal: bool) -> NearbyPersonAnswer:
        """Say whether both screens show the same; that they do not also takes back a question."""
        _, person = self._near(number)
        if person.comparison is None or not person.is_comparing:
            raise UserError(
                "nothing-to-compare", "No comparison with them is under way; begin one."
            )
        if is_equal:
            self._stepped(person, *person.comparison.say(is_equal=True), now)
        else:
            self._give_up(person, now)
        return person.answer()

    def answers(self) -> list[NearbyPersonAnswer]:
        """Everybody near; who has gone is named only if something came of it."""
        return [
            person.answer()
            for person in self._people.all()
            if person.link is not None or person.answer().state != "seen"
        ]

    # --- What the links bring -----------------------------------------------------------------

    def link_up(self, link: LinkId) -> None:
        """A link is ready."""
        self._links[link] = _LinkState()

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended, and with it what was under way over it."""
        self._links.pop(link, None)
        person = self._people.find_at(link)
        if person is not None:
            self._give_up(person, now)
            self._people.part(link, now)

    def received(self, link: LinkId, frame: NearbyFrame, now: Instant) -> None:
        """A frame of people nearby came; PeerError if no correct node could have sent it."""
        on, state = self._on, self._links.get(link)
        if on is None or state is None:
            return
        match frame:
            case NearbyAsk():
                if state.answers.is_allowed(now):
                    self._frames.append((link, NearbyCard(on.host.name, on.keys[-1].public)))
            case NearbyCard():
                if state.awaits_card:
                    state.awaits_card = False
                    self._card_came(on, link, frame)
            case NearbySealed():
                if state.steps.is_allowed(now):
                    self._sealed_came(on, link, frame, now)
                else:
                    self._drop("nearby: too many steps")
            case _:
                assert_never(frame)

    # --- What the vault answers ---------------------------------------------------------------

    def invite_made(self, number: int, link: str, contact: ContactId | None) -> None:
        """The invite is made; who is a contact already is known by their number at once."""
        person = self._people.find(number)
        if person is None or person.pair is None:
            return
        self._prove(person, Invited(link))
        person.contact = contact
        person.end()
        self._changed[number] = None

    def contact_came(self, number: int, contact: ContactId) -> None:
        """They are a contact now."""
        person = self._people.find(number)
        if person is not None:
            person.contact = contact
            person.end()
            self._changed[number] = None

    def declined(self, number: int) -> None:
        """No contact can come of it."""
        person = self._people.find(number)
        if person is not None:
            self._fail(person)

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
        """When `deadline_passed` wants to be called."""
        if self._on is None:
            return None
        moments = [person.until for person in self._people.all() if person.until is not None]
        return min([self._on.renew_at, *moments])

    def deadline_passed(self, now: Instant) -> None:
        """A new key each hour; what took too long has failed; who has gone is forgotten."""
        on = self._on
        if on is None:
            return
        if on.renew_at <= now.monotonic:
            on.keys = [on.keys[-1], HourKey.draw(self._entropy)]
            on.renew_at = _after(now, NEARBY_KEY_MS)
        for person in self._people.all():
            if person.until is not None and person.until <= now.monotonic:
                if person.link is None:
                    self._people.forget(person)
                else:
                    self._give_up(person, now)

    def become_somebody_else(self, now: Instant) -> None:
        """The link key changed: nothing may tell that we are who we were."""
        if self._on is not None:
            self._on.keys = [HourKey.draw(self._entropy)]
            self._on.renew_at = _after(now, NEARBY_KEY_MS)

    def take_frames(self) -> list[tuple[LinkId, NearbyFrame]]:
        """Frames to send, in order."""
        taken, self._frames = self._frames, []
        return taken

    def take_changed(self) -> list[NearbyPersonAnswer]:
        """People of whom there is more to tell, each once."""
        changed, self._changed = self._changed, {}
        found = [self._people.find(number) for number in changed]
        return [person.answer() for person in found if person is not None]

    def take_wants(self) -> list[Want]:
        """What only the vault can answer."""
        taken, self._wants = self._wants, []
        return taken

    # --- Cards and boxes ----------------------------------------------------------------------

    def _card_came(self, on: _On, link: LinkId, card: NearbyCard) -> None:
        if not self._is_name(card.name) or _find_key(on, card.key) is not None:
            self._drop("nearby: a card that cannot be shown")
            return
        # A key of low order is a fault, whether anybody ever compares or not.
        channel_between(on.keys[-1], card.key)
        person = self._people.meet(link, card.key, card.name)
        if person is None:
            self._drop("nearby: too many people")
        elif not (person.is_comparing or person.is_settling):
            person.key, person.name = card.key, card.name
            self._changed[person.id] = None

    def _sealed_came(self, on: _On, link: LinkId, frame: NearbySealed, now: Instant) -> None:
        own = _find_key(on, frame.recipient)
        if own is None or _find_key(on, frame.sender) is not None:
            self._drop("nearby: a box for another key")
            return
        person = self._people.find_at(link)
        channel = None if person is None else person.channel
        if channel is None or (channel.ours, channel.theirs) != (own.public, frame.sender):
            person, channel = None, channel_between(own, frame.sender)
        try:
            data = channel.boxes.unseal(frame.box)
        except PeerError:
            self._drop("nearby: a box that does not open")
            return
        match decode_step(data):
            case Compared() as compared:
                self._compared(link, channel, compared, now, is_known=person is not None)
            case Proved(box) if person is not None:
                self._proved(on, person, box)
            case Declined() if person is not None:
                if person.contact is None and person.verify_key is not None:
                    self._fail(person, is_told=True)
            case _:
                self._drop("nearby: a step out of place")

    def _compared(
        self, link: LinkId, channel: Channel, step: Compared, now: Instant, *, is_known: bool
    ) -> None:
        is_welcome = is_known or step.kind == COMPARE_COMMIT
        person = None
        if is_welcome and self._is_name(step.name):
            person = self._people.meet(link, channel.theirs, step.name)
        if person is None:
            self._drop("nearby: a step out of place")
            return
        self._adopt(person, channel)
        person.key, person.name = channel.theirs, step.name
        before = person.comparison
        assert before is not None
        comparison, controls = before.came(step.kind, step.step, self._entropy, _seconds(now))
        if before.stage == "asked by them" and comparison.stage == "failed":
            # They took their question back before anybody had answered it.
            comparison = replace(comparison, state=Idle())
        self._stepped(person, comparison, controls, now)

    def _proved(self, on: _On, person: Person, box: bytes) -> None:
        if person.pair is None or not person.is_settling:
            self._drop("nearby: a step out of place")
            return
        try:
            data = person.pair.boxes.unseal(box)
        except PeerError:
            self._drop("nearby: a box that does not open")
            return
        match decode_proved_step(data):
            case Identified(verify_key, signature) if person.verify_key is None:
                proof = person.pair.proof(is_ours=False)
                is_other = verify_key != on.host.verify_key
                if not (is_other and is_signature_valid(verify_key, proof, signature)):
                    self._fail(person)
                    return
                person.verify_key = VerifyKey(verify_key)
                if person.pair.is_first:
                    self._wants.append(InviteWanted(person.id, person.verify_key, person.name))
            case Invited(link) if person.verify_key is not None and not person.pair.is_first:
                self._wants.append(InviteCame(person.id, person.verify_key, link))
            case _:
                self._drop("nearby: a step out of place")

    # --- Steps of a comparison ----------------------------------------------------------------

    def _near(self, number: int) -> tuple[_On, Person]:
        if self._on is None:
            raise UserError("nearby-off", "People nearby is switched off; switch it on first.")
        person = self._people.find(number)
        if person is None:
            raise UserError("not-found", f"There is nobody near with the number {number}.")
        return self._on, person

    def _adopt(self, person: Person, channel: Channel) -> None:
        """Go on over this channel; over another one than so far everything begins anew."""
        known = person.channel
        if known is None or (known.ours, known.theirs) != (channel.ours, channel.theirs):
            person.channel = channel
            person.comparison = Comparison(channel.ours, channel.theirs)
            person.pair = None

    def _stepped(
        self, person: Person, comparison: Comparison, controls: list[Control], now: Instant
    ) -> None:
        before, person.comparison = person.comparison, comparison
        on = self._on
        assert on is not None
        for kind, step in controls:
            self._say(person, Compared(kind, step, on.host.name))
        if before is not None and before.state == comparison.state:
            return
        self._changed[person.id] = None
        match comparison.stage:
            case "asked by us" | "asked by them":
                person.pair = person.verify_key = person.contact = None
                person.has_failed = False
                person.until = _after(now, NEARBY_WAIT_MS)
            case "compare":
                self._show(person, comparison, now)
            case "matched":
                assert person.pair is not None
                person.until = _after(now, NEARBY_STEP_MS)
                proof = on.host.sign(person.pair.proof(is_ours=True))
                self._prove(person, Identified(on.host.verify_key, proof))
            case "none" | "failed":
                person.end()
            case _:
                assert_never(comparison.stage)

    def _show(self, person: Person, comparison: Comparison, now: Instant) -> None:
        """There is something to look at, or one of the two has looked."""
        if person.pair is None:
            assert person.channel is not None
            assert isinstance(comparison.state, Comparing)
            person.pair = pair_of(person.channel, comparison.state)
            person.until = _after(now, NEARBY_COMPARE_MS)

    def _give_up(self, person: Person, now: Instant) -> None:
        """End what is under way, and tell them if they can still hear it."""
        if person.comparison is not None and person.is_comparing:
            was_ours_to_take_up = person.comparison.stage == "asked by them"
            comparison, controls = person.comparison.say(is_equal=False)
            if was_ours_to_take_up:
                comparison = replace(comparison, state=Idle())
            self._stepped(person, comparison, controls, now)
        elif person.is_settling:
            self._fail(person)

    def _fail(self, person: Person, *, is_told: bool = False) -> None:
        """It matched, and came to nothing all the same."""
        if not is_told:
            self._say(person, Declined())
        person.has_failed = True
        person.end()
        self._changed[person.id] = None

    def _prove(self, person: Person, step: ProvedStep) -> None:
        assert person.pair is not None
        self._say(person, Proved(person.pair.boxes.seal(encode_step(step), self._entropy)))

    def _say(self, person: Person, step: Step) -> None:
        channel = person.channel
        assert channel is not None
        if person.link is not None:
            box = channel.boxes.seal(encode_step(step), self._entropy)
            self._frames.append((person.link, NearbySealed(channel.ours, channel.theirs, box)))

    def _drop(self, reason: str) -> None:
        self.counters[reason] = self.counters.get(reason, 0) + 1


def _find_key(on: _On, public: bytes) -> HourKey | None:
    return next((key for key in on.keys if key.public == public), None)


def _seconds(now: Instant) -> UnixSeconds:
    # A comparison wants numbers that rise, and keys of the hour end with the process.
    return UnixSeconds(now.monotonic // 1_000_000)


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
