"""Their invites: a contact is added by a link or a QR code and written to until they answer.

Implements `docs/protocol/first-contact.md`, section "Using an invite". A link brings the bundle; a
QR code only its hash, and the bundle is awaited from the mesh while messages wait. As soon as
something can be sealed, a hello goes out: a letter without a text, so that the inviter sees
the new contact and both sides settle on a session before anybody writes.
"""

from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.invites import InspectInvite, InviteContentsAnswer
from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.events import ContactAdded
from mesh.ids import ContactId, Instant, Tag, UnixSeconds
from mesh.limits.invites import INVITE_BUNDLE_POSTS_MAX, INVITE_KEPT_SECONDS
from mesh.limits.sessions import SESSIONS_PER_CONTACT_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.contacts.refusals import require_unblocked
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, command
from mesh.messenger.identity import check_bundle
from mesh.messenger.names import checked_name, group_name, is_fair_name
from mesh.messenger.onboarding.unanswered import Unanswered, moment_words
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.session_setup import SessionSetup, is_gone
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import OfBundle, TagIndex
from mesh.ratchet.first_contact import open_bundle
from mesh.ratchet.tags import box_key_of, invite_bundle_key, tag_of
from mesh.storage.vault.rows import AcceptedInviteRow, ContactRow
from mesh.wire.bundle import Bundle, decode_bundle
from mesh.wire.envelope import Envelope
from mesh.wire.invite import (
    Invite,
    is_short_signature_valid,
    parse_group_link,
    parse_invite,
)


class InvitesAccepted:
    """The invites of others that we use until their first answer; `unanswered` watches for it."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        sessions: Sessions,
        session_setup: SessionSetup,
        tag_index: TagIndex,
        outbox: Outbox,
        unanswered: Unanswered,
        key_doubts: KeyDoubts,
    ) -> None:
        self._people = account.vault.contacts
        self._their_invites = account.vault.invites
        self._exchanges = account.vault.exchanges
        self._identity = account.identity
        self._parameters = account.parameters
        self._contacts = contacts
        self._sessions = sessions
        self._session_setup = session_setup
        self._tag_index = tag_index
        self._outbox = outbox
        self.unanswered = unanswered
        self._key_doubts = key_doubts
        self._pending_events = account.pending_events
        self._entropy = account.entropy
        self._kem = account.kem
        for row in self._their_invites.accepted_invites_without_bundle():
            self._tag_index.expect(OfBundle(row.contact), bundle_tags(row.secret))

    def feature(self) -> Feature:
        """Using the invites of others."""
        return Feature(
            commands=[command(AddContact, self._add), command(InspectInvite, self._inspect)],
            cleanups=[self._give_up],
        )

    def _add(self, asked: AddContact, now: Instant) -> ContactAnswer:
        count = len(self._contacts)
        contact = self.add(asked, now=now)
        answer = self._contacts.answer(contact)
        if len(self._contacts) > count:
            self._pending_events.tell(ContactAdded(answer))
        return answer

    def add(
        self,
        asked: AddContact,
        *,
        now: Instant,
        introduced_by: ContactId | None = None,
        is_in_letter: bool = False,
    ) -> ContactId:
        """Add the author of an invite, or take up a newer invite of one who never answered.

        One that came `is_in_letter` nobody handed over: it vouches for no key, and ends no session.
        UserError as with a link that is added.
        """
        invite = parse_invite(asked.link, is_signature_valid)
        self._check(invite, min(now.mesh, now.expiry))
        present = self._people.find_contact_by_key(invite.verify_key)
        if present is not None:
            require_unblocked(present)
        if present is None:
            contact = self._add_new(
                invite, asked.label, introduced_by, now.mesh, is_in_letter=is_in_letter
            )
        elif self._is_bundle_brought_later(present, invite):
            assert invite.bundle is not None
            self._take_bundle(present, invite.bundle, pause=Pause.AT_ONCE, now=now)
            return present.id
        else:
            if is_in_letter and self._sessions.find_known(present.id) is not None:
                raise UserError("exists", f"{present.label} is a contact already.")
            contact = self._renew(present, invite, now.mesh)
        self._their_invites.put_accepted_invite(
            AcceptedInviteRow(
                contact.id,
                invite.secret,
                invite.bundle_hash,
                invite.expires,
                now.mesh,
                text_hash=invite.text_hash,
            )
        )
        if invite.bundle is None:
            tags = bundle_tags(invite.secret)
            self._tag_index.expect(OfBundle(contact.id), tags, is_wanted=True)
        self.unanswered.take_back(contact, now=now)
        until = UnixSeconds(invite.expires + INVITE_KEPT_SECONDS)
        self._outbox.send_hello(contact, until=until, pause=Pause.SOON, now=now)
        self._outbox.seal_waiting_of(contact, pause=Pause.AT_ONCE, now=now)
        return contact.id

    def bundle_came(self, contact: ContactId, index: int, envelope: Envelope, now: Instant) -> None:
        """An envelope under a tag of an awaited bundle; PeerError if it holds another."""
        accepted_invite = self._their_invites.find_accepted_invite(contact)
        assert accepted_invite is not None, "tags of bundles go with the invitation"
        data, signature = open_bundle(
            envelope.body,
            box_key=box_key_of(invite_bundle_key(accepted_invite.secret), index),
            header=envelope.header_bytes,
        )
        bundle = decode_bundle(data, is_signature_valid)
        row = self._people.contact(contact)
        if bundle.digest != accepted_invite.bundle_hash or bundle.verify_key != row.verify_key:
            raise PeerError("another bundle than the invite promised")
        text_hash = accepted_invite.text_hash
        if text_hash is not None and not is_short_signature_valid(
            row.verify_key, text_hash, signature, is_signature_valid
        ):
            raise PeerError("an invite that was changed on its way, or a bundle beside it")
        if row.agreement_key not in (None, bundle.identity_key):
            raise PeerError("a known key with another identity key")
        check_bundle(bundle, self._identity, entropy=self._entropy, kem=self._kem)
        self._take_bundle(row, bundle, pause=Pause.SOON, now=now)

    def _inspect(self, asked: InspectInvite, now: Instant) -> InviteContentsAnswer:
        """Return what adding an invite would do, or why it cannot be added, in words."""
        try:
            invite = parse_invite(asked.link, is_signature_valid)
        except UserError as error:
            return _refused(asked.link, str(error))
        try:
            is_usable, sentence = True, self._promise(invite, now.mesh)
        except UserError as error:
            is_usable, sentence = False, str(error)
        return InviteContentsAnswer(
            name=_shown_name(invite),
            key=invite.verify_key.hex(),
            expires=invite.expires,
            address_hint=next(iter(invite.signed_addresses), ""),
            addresses=list(invite.signed_addresses),
            is_usable=is_usable,
            sentence=sentence,
        )

    def _promise(self, invite: Invite, mesh_now: UnixSeconds) -> str:
        """Return what adding it does; UserError as `add`."""
        self._check(invite, mesh_now)
        key = invite.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN]
        name = _shown_name(invite)
        whom = f"{name} (key {key})" if name else f"the owner of key {key}"
        present = self._people.find_contact_by_key(invite.verify_key)
        if present is not None:
            require_unblocked(present)
        if present is None:
            told = f"Adds {whom} as a contact and tells them your name."
        elif self._is_bundle_brought_later(present, invite):
            told = f"Brings the keys of {present.label}, for which your messages wait."
        else:
            self._check_renewal(present, invite)
            who = f"{present.label}, who never answered"
            if present.state == "answered":
                who = f"{present.label}: new keys are begun with them, and all goes on by those"
            told = f"Uses a newer invite of {who}; what they did not get is sent again by it."
        look_alikes = self._contacts.look_alikes(name, but=present) if name else []
        if look_alikes:
            told += f" Not to be mistaken for {', '.join(look_alikes)}, who has another key."
        if not invite.is_signed:
            told += " An older Mesh made it: its name and address are not signed, and are not used."
        if invite.bundle is None and present is None:
            told += " Messages wait until their keys come over the mesh."
        return told

    def pause(self, row: ContactRow) -> None:
        """Do not await the keys of a contact any more."""
        self._forget_bundle_tags(row)

    def resume(self, row: ContactRow) -> None:
        """Await them again; they may have come meanwhile."""
        accepted_invite = self._their_invites.find_accepted_invite(row.id)
        if row.bundle is None and accepted_invite is not None:
            tags = bundle_tags(accepted_invite.secret)
            self._tag_index.expect(OfBundle(row.id), tags, is_wanted=True)

    def answered(self, row: ContactRow) -> None:
        """Something of theirs was opened: their invite has done its work."""
        self._forget_bundle_tags(row)
        self._people.set_state(row.id, "answered")
        self._session_setup.end(row.id)
        self._their_invites.erase_accepted_invite(row.id)
        self._pending_events.contact_changed(row.id)

    def _give_up(self, now: Instant) -> None:
        """Nothing that is sealed under an invite can be opened once its author erased its keys."""
        for contact in self._outbox.contacts_waiting():
            accepted_invite = self._their_invites.find_accepted_invite(ContactId(contact))
            if accepted_invite is None or accepted_invite.is_closed:
                # A newer invite may come as long as they are wanted.
                continue
            if is_gone(accepted_invite, now.expiry):
                self._outbox.give_up_waiting(self._people.contact(ContactId(contact)))

    def check_reachable(self, row: ContactRow, mesh_now: UnixSeconds) -> None:
        """UserError if nothing that is sent to a contact now could be opened."""
        if self._sessions.find_known(row.id) is not None:
            return
        accepted_invite = self._their_invites.find_accepted_invite(row.id)
        if accepted_invite is not None and accepted_invite.is_closed:
            raise UserError(
                "invite-closed",
                f"{row.label} never answered, and their invite was used or taken back; ask them "
                "for a new one and add it.",
                name=row.label,
            )
        if accepted_invite is not None and accepted_invite.expires <= mesh_now:
            raise UserError(
                "invite-expired",
                f"{row.label} never answered, and their invite expired at "
                f"{moment_words(accepted_invite.expires)}; ask them for a new one and add it.",
            )

    def _check(self, invite: Invite, mesh_now: UnixSeconds) -> None:
        """Refuse an invite that cannot work here, in words."""
        if invite.verify_key == self._identity.keys.verify_key:
            sentence = "This is your own invite; give it to somebody else."
            raise UserError("bad-invite", sentence, reason="own")
        our_psk = self._parameters.psk if self._parameters.is_closed else None
        if invite.psk != our_psk:
            theirs = "the open one" if invite.psk is None else "a closed one"
            raise UserError(
                "bad-invite",
                f"This invite is for another mesh than this profile belongs to: {theirs}. To move "
                "there, see: mesh join --help",
                reason="other-mesh",
            )
        if invite.expires <= mesh_now:
            raise UserError(
                "invite-expired",
                f"This invite expired at {moment_words(invite.expires)}, and here it is "
                f"{moment_words(mesh_now)}; ask for a new one.",
            )
        if invite.bundle is not None:
            try:
                check_bundle(invite.bundle, self._identity, entropy=self._entropy, kem=self._kem)
            except PeerError as error:
                raise UserError(
                    "bad-invite", "The keys in this invite are not valid; ask for a new one."
                ) from error

    def _add_new(
        self,
        invite: Invite,
        label: str,
        introduced_by: ContactId | None,
        mesh_now: UnixSeconds,
        *,
        is_in_letter: bool,
    ) -> ContactRow:
        name = _shown_name(invite)
        short_key = invite.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN]
        if label:
            label = checked_name(label, "The label")
            self._contacts.check_free(label, key=invite.verify_key.hex())
        bundle = invite.bundle
        return self._contacts.add(
            wanted_label=label or name or short_key,
            name=name,
            verify_key=invite.verify_key,
            agreement_key=None if bundle is None else bundle.identity_key,
            bundle=None if bundle is None else bundle.encode(),
            is_by_our_invite=False,
            introduced_by=introduced_by,
            is_in_letter=is_in_letter,
            mesh_now=mesh_now,
        )

    def _is_bundle_brought_later(self, row: ContactRow, invite: Invite) -> bool:
        """Say whether this is the link of an invite whose QR code was added before."""
        accepted_invite = self._their_invites.find_accepted_invite(row.id)
        return (
            row.bundle is None
            and invite.bundle is not None
            and accepted_invite is not None
            and accepted_invite.secret == invite.secret
            and accepted_invite.bundle_hash == invite.bundle_hash
        )

    def _renew(self, row: ContactRow, invite: Invite, mesh_now: UnixSeconds) -> ContactRow:
        """Use another invite of somebody who never answered, or not to a renewal, or who lost what
        we shared.
        """
        self._check_renewal(row, invite)
        if row.state == "answered":
            self._session_setup.make_room(row.id, keep=None)
            for session in self._sessions.of_contact(row.id):
                if session.is_known:
                    self._sessions.end(session)
            self._key_doubts.doubted(row, mesh_now)
        bundle = invite.bundle
        self._forget_bundle_tags(row)
        # Mail under the former invite may still be answered: its session stays.
        self._session_setup.end(row.id)
        if bundle is None:
            self._people.clear_bundle(row.id)
            self._people.set_state(row.id, "waiting for their key")
        else:
            self._people.set_keys(row.id, agreement_key=bundle.identity_key, bundle=bundle.encode())
            self._people.set_state(row.id, "invited")
        self._pending_events.contact_changed(row.id)
        return self._people.contact(row.id)

    def _check_renewal(self, row: ContactRow, invite: Invite) -> None:
        """Refuse another invite of a contact where it cannot help, in words."""
        accepted_invite = self._their_invites.find_accepted_invite(row.id)
        is_in_use = self._sessions.find_known(row.id) is not None
        is_newer = (
            # One that they made after they were last heard: they may have lost what we share.
            invite.bundle is not None
            and invite.bundle.valid_from > self._exchanges.exchange(row.id).heard
        )
        if (
            is_in_use
            and not is_newer
            and any(one.has_tags() for one in self._sessions.of_contact(row.id))
        ):
            raise UserError(
                "exists",
                f"{row.label} is a contact already. If nothing that you send arrives, "
                f"run: mesh contact renew {row.id}; then this invite can be added too.",
            )
        if accepted_invite is not None and accepted_invite.secret == invite.secret:
            raise UserError(
                "exists", f"{row.label} was added by this invite already; wait for their answer."
            )
        is_full = self._sessions.count(row.id) >= SESSIONS_PER_CONTACT_MAX
        if row.state != "answered" and is_full:
            raise UserError("too-many", f"{row.label} did not answer to too many invites.")
        bundle = invite.bundle
        if bundle is not None and row.agreement_key not in (None, bundle.identity_key):
            raise UserError("bad-invite", f"This invite has other keys than {row.label} has.")

    def _take_bundle(self, row: ContactRow, bundle: Bundle, *, pause: Pause, now: Instant) -> None:
        self._forget_bundle_tags(row)
        self._people.set_keys(row.id, agreement_key=bundle.identity_key, bundle=bundle.encode())
        self._people.set_state(row.id, "invited")
        self._pending_events.contact_changed(row.id)
        contact = self._people.contact(row.id)
        self._outbox.retell_waiting(contact)
        self._outbox.seal_waiting_of(contact, pause=pause, now=now)

    def _forget_bundle_tags(self, row: ContactRow) -> None:
        accepted_invite = self._their_invites.find_accepted_invite(row.id)
        if row.bundle is None and accepted_invite is not None:
            self._tag_index.forget(tag for _, tag in bundle_tags(accepted_invite.secret))


def _shown_name(invite: Invite) -> str:
    return invite.signed_name if is_fair_name(invite.signed_name) else ""


def _refused(link: str, sentence: str) -> InviteContentsAnswer:
    """Return why a link adds nobody; of one into a group also what it says of itself."""
    try:
        group = parse_group_link(link, is_signature_valid)
    except UserError:
        return InviteContentsAnswer(
            name="", key="", expires=0, address_hint="", is_usable=False, sentence=sentence
        )
    return InviteContentsAnswer(
        name="",
        key=group.verify_key.hex(),
        expires=group.expires,
        address_hint="",
        is_usable=False,
        sentence=sentence,
        group=group_name(group.name, group.gid),
    )


def bundle_tags(secret: bytes) -> list[tuple[int, Tag]]:
    """All (index, tag) under which an invite's bundle may stand on the mesh."""
    key = invite_bundle_key(secret)
    return [(index, tag_of(key, index)) for index in range(INVITE_BUNDLE_POSTS_MAX)]
