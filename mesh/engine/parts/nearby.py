"""People nearby: the machine joined to the vault, which knows who we are.

Joins `mesh.nearby` to the messenger. Implements `docs/protocol/nearby.md`, sections "Opting in" and
"Keys of the hour": a card is offered while the person wants it and the vault is open. What a
comparison leads to, an invite or a contact, is written in the vault's transaction, and the frame
that speaks of it leaves after the commit.
"""

from collections.abc import Sequence
from typing import assert_never

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.nearby import AskNearby, CompareNearby, ConfirmNearby, NearbyAnswer, SetNearby
from mesh.crypto.entropy import Entropy
from mesh.database import Connection
from mesh.effects import Effect, Emit
from mesh.engine.link_keys import LinkKeys
from mesh.engine.part import Part
from mesh.errors import UserError
from mesh.events import NearbyChanged
from mesh.ids import Instant, LinkId, LinkKey, Monotonic
from mesh.messenger.messenger import Messenger
from mesh.messenger.names import is_fair_name
from mesh.messenger.onboarding.nearby_contacts import NearbyContacts
from mesh.nearby.gathered import NearbyFrame
from mesh.nearby.nearby import Nearby
from mesh.nearby.wants import Host, InviteCame, InviteWanted, Want
from mesh.storage.connection import savepoint
from mesh.wire.frames import Frame, NearbyAsk, NearbyCard, NearbySealed


class NearbyPeople(Part):
    """The people near, as long as our person wants to know and to be known."""

    frame_types = (NearbyAsk, NearbyCard, NearbySealed)
    vault_commands = (SetNearby, AskNearby, CompareNearby, ConfirmNearby)

    def __init__(self, keys: LinkKeys, entropy: Entropy) -> None:
        self._keys = keys
        self._nearby = Nearby(entropy, is_fair_name)
        self._link_key: LinkKey | None = None

    def counters(self) -> dict[str, int]:
        """Return what peers sent and was passed over, by reason."""
        return self._nearby.gathered.counters

    # --- Links and time -----------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        self._nearby.link_up(link, now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link ended."""
        self._nearby.link_down(link, now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame of people nearby came; PeerError if no correct node could have sent it."""
        assert isinstance(frame, NearbyAsk | NearbyCard | NearbySealed)
        self._nearby.received(link, frame, now)

    def tend(self, now: Instant) -> None:
        """Whatever is due; under a new link key we are somebody else in all."""
        if self._keys.current != self._link_key:
            self._link_key = self._keys.current
            self._nearby.become_somebody_else(now)
        self._nearby.deadline_passed(now)

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        return self._nearby.deadline()

    def take_frames(self, now: Instant) -> Sequence[tuple[LinkId, NearbyFrame]]:
        """Frames to send, in order."""
        return self._nearby.gathered.take_frames()

    def take_effects(self) -> list[Effect]:
        """Return what is to be told."""
        return [Emit(NearbyChanged(person)) for person in self._nearby.take_changed()]

    # --- The vault ----------------------------------------------------------------------------

    def vault_opened(self, messenger: Messenger, now: Instant) -> None:
        """Our person is back."""
        if messenger.person is not None and messenger.person.nearby_contacts.offers_card:
            self._switch_on(messenger.person.nearby_contacts, now)

    def vault_closing(self, now: Instant) -> None:
        """Be silent from now on."""
        self._nearby.switch_off(now)

    def perform(self, messenger: Messenger, command: Command, now: Instant) -> Answer:
        """Do what the person asks; UserError says in words why not."""
        assert isinstance(command, SetNearby | AskNearby | CompareNearby | ConfirmNearby)
        match command:
            case SetNearby(is_on):
                self._set(messenger, now, is_on=is_on)
                return self._answer()
            case AskNearby():
                self._nearby.ask(now)
                return self._answer()
            case CompareNearby(person):
                return self._nearby.compare(person, now)
            case ConfirmNearby(person, is_equal):
                return self._nearby.confirm(person, now, is_equal=is_equal)
            case _:
                assert_never(command)

    def wants_vault(self, now: Instant) -> bool:
        """Say whether something is to be made or looked up there."""
        return self._nearby.gathered.has_wants

    def use_vault(self, messenger: Messenger, vault: Connection, now: Instant) -> None:
        """Make invites, add contacts, and see who has come by an invite, in a transaction."""
        for want in self._nearby.gathered.take_wants():
            try:
                with savepoint(vault):
                    self._serve(messenger, want, now)
            except UserError:
                messenger.taken_back()
                self._nearby.declined(want.person)
        for person, verify_key in self._nearby.awaited():
            us = messenger.person
            contact = None if us is None else us.nearby_contacts.find_contact(verify_key)
            if contact is not None:
                self._nearby.contact_came(person, contact)

    def _serve(self, messenger: Messenger, want: Want, now: Instant) -> None:
        assert messenger.person is not None, "who has no identity offers no card"
        nearby_contacts = messenger.person.nearby_contacts
        match want:
            case InviteWanted(person, verify_key, name):
                link, contact = nearby_contacts.invite(verify_key, name, now.mesh)
                self._nearby.invite_made(person, link, contact)
            case InviteCame(person, verify_key, link):
                contact = nearby_contacts.add(link, verify_key, now)
                self._nearby.contact_came(person, contact)
            case _:
                assert_never(want)

    def _set(self, messenger: Messenger, now: Instant, *, is_on: bool) -> None:
        if messenger.person is None:
            raise UserError(
                "no-identity", "This profile has no identity yet; run: mesh up --name NAME"
            )
        nearby_contacts = messenger.person.nearby_contacts
        nearby_contacts.offer_card(is_on=is_on)
        if is_on:
            self._switch_on(nearby_contacts, now)
        else:
            self.vault_closing(now)

    def _switch_on(self, nearby_contacts: NearbyContacts, now: Instant) -> None:
        host = Host(
            nearby_contacts.name,
            nearby_contacts.verify_key,
            nearby_contacts.sign,
            nearby_contacts.look_alikes,
        )
        self._nearby.switch_on(host, now)

    def _answer(self) -> NearbyAnswer:
        return NearbyAnswer(is_on=self._nearby.is_on, people=self._nearby.answers())
