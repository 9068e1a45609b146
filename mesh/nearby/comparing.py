"""Comparisons with people near: each step, and what both sides prove once it has matched.

Implements `docs/protocol/nearby.md`, sections "Steps" and "Time and loss". Part of the machine of
`mesh.nearby.nearby`, which finds out whose step it is and whether its box opens.
"""

from dataclasses import replace
from typing import assert_never

from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, UnixSeconds, VerifyKey
from mesh.limits.nearby import NEARBY_COMPARE_MS, NEARBY_STEP_MS, NEARBY_WAIT_MS
from mesh.nearby.boxes import Channel, pair_of
from mesh.nearby.gathered import Gathered
from mesh.nearby.people import Person
from mesh.nearby.wants import Host, InviteCame, InviteWanted
from mesh.ratchet.comparison import Comparing, Comparison, Control, Idle
from mesh.wire.frames import NearbySealed
from mesh.wire.nearby import (
    Compared,
    Declined,
    Identified,
    Invited,
    Proved,
    ProvedStep,
    Step,
    decode_proved_step,
    encode_step,
)


class Comparisons:
    """Comparisons under the name and by the identity of one host."""

    def __init__(self, host: Host, gathered: Gathered, entropy: Entropy) -> None:
        self._host = host
        self._gathered = gathered
        self._entropy = entropy

    # --- What the person does -----------------------------------------------------------------

    def ask(self, person: Person, now: Instant) -> None:
        """Begin, or take up theirs, over the channel that was adopted."""
        assert person.comparison is not None
        self._stepped(person, *person.comparison.ask(self._entropy, _seconds(now)), now)

    def say_equal(self, person: Person, now: Instant) -> None:
        """Our person sees the same; UserError if there is nothing to see yet."""
        assert person.comparison is not None
        self._stepped(person, *person.comparison.say(is_equal=True), now)

    def give_up(self, person: Person, now: Instant) -> None:
        """End what is under way, and tell them if they can still hear it."""
        if person.comparison is not None and person.is_comparing:
            was_ours_to_take_up = person.comparison.stage == "asked by them"
            comparison, controls = person.comparison.say(is_equal=False)
            if was_ours_to_take_up:
                comparison = replace(comparison, state=Idle())
            self._stepped(person, comparison, controls, now)
        elif person.is_settling:
            self.fail(person)

    def adopt(self, person: Person, channel: Channel) -> None:
        """Go on over this channel; over another one than so far everything begins anew."""
        known = person.channel
        if known is None or (known.ours, known.theirs) != (channel.ours, channel.theirs):
            person.channel = channel
            person.comparison = Comparison(channel.ours, channel.theirs)
            person.pair = None

    # --- What they say ------------------------------------------------------------------------

    def came(self, person: Person, step: Compared, now: Instant) -> None:
        """A step of theirs came over the adopted channel; PeerError if it is malformed."""
        before = person.comparison
        assert before is not None
        comparison, controls = before.came(step.kind, step.step, self._entropy, _seconds(now))
        if before.stage == "asked by them" and comparison.stage == "failed":
            # They took their question back before anybody had answered it.
            comparison = replace(comparison, state=Idle())
        self._stepped(person, comparison, controls, now)

    def proved(self, person: Person, box: bytes) -> None:
        """A step under the key that both nonces went into; PeerError if it is malformed."""
        if person.pair is None or not person.is_settling:
            self._gathered.drop("a step out of place")
            return
        try:
            data = person.pair.boxes.unseal(box)
        except PeerError:
            self._gathered.drop("a box that does not open")
            return
        match decode_proved_step(data):
            case Identified(verify_key, signature) if person.verify_key is None:
                proof = person.pair.proof(is_ours=False)
                is_other = verify_key != self._host.verify_key
                if not (is_other and is_signature_valid(verify_key, proof, signature)):
                    self.fail(person)
                    return
                person.verify_key = VerifyKey(verify_key)
                if person.pair.is_first:
                    self._gathered.want(InviteWanted(person.id, person.verify_key, person.name))
            case Invited(link) if person.verify_key is not None and not person.pair.is_first:
                self._gathered.want(InviteCame(person.id, person.verify_key, link))
            case _:
                self._gathered.drop("a step out of place")

    def declined(self, person: Person) -> None:
        """They cannot make or use the invite."""
        if person.contact is None and person.verify_key is not None:
            self.fail(person, is_told=True)

    # --- What the vault answers ----------------------------------------------------------------

    def invite_made(self, person: Person, link: str, contact: ContactId | None) -> None:
        """Hand over the invite; who is a contact already needs not be awaited."""
        if person.pair is not None:
            self._prove(person, Invited(link))
            person.contact = contact
            person.end()
            self._gathered.tell(person.id)

    def fail(self, person: Person, *, is_told: bool = False) -> None:
        """It matched, and came to nothing all the same."""
        if not is_told:
            self._say(person, Declined())
        person.has_failed = True
        person.end()
        self._gathered.tell(person.id)

    # --- Steps --------------------------------------------------------------------------------

    def _stepped(
        self, person: Person, comparison: Comparison, controls: list[Control], now: Instant
    ) -> None:
        before, person.comparison = person.comparison, comparison
        for kind, step in controls:
            self._say(person, Compared(kind, step, self._host.name))
        if before is not None and before.state == comparison.state:
            return
        self._gathered.tell(person.id)
        match comparison.stage:
            case "asked by us" | "asked by them":
                person.pair = person.verify_key = person.contact = None
                person.has_failed = False
                person.until = now.after(NEARBY_WAIT_MS)
            case "compare":
                self._show(person, comparison, now)
            case "matched":
                assert person.pair is not None
                person.until = now.after(NEARBY_STEP_MS)
                proof = self._host.sign(person.pair.proof(is_ours=True))
                self._prove(person, Identified(self._host.verify_key, proof))
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
            person.until = now.after(NEARBY_COMPARE_MS)

    def _prove(self, person: Person, step: ProvedStep) -> None:
        assert person.pair is not None
        self._say(person, Proved(person.pair.boxes.seal(encode_step(step), self._entropy)))

    def _say(self, person: Person, step: Step) -> None:
        channel = person.channel
        assert channel is not None
        if person.link is not None:
            box = channel.boxes.seal(encode_step(step), self._entropy)
            self._gathered.send(person.link, NearbySealed(channel.ours, channel.theirs, box))


def _seconds(now: Instant) -> UnixSeconds:
    # A comparison wants numbers that rise, and keys of the hour end with the process.
    return UnixSeconds(now.monotonic // 1_000_000)
