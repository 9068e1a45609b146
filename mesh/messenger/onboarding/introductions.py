"""Introductions: a contact vouches for somebody, and both become contacts.

Implements `docs/protocol/trust.md`, section "Introductions". Three take part: the *voucher*
introduces the *guest* to the *host*. The host's person is asked first and gives an invite that
only the guest's key can use; the voucher passes it on; the guest's person is asked next. What each
side knows stands in rows, so that every step may be lost, repeated or answered weeks later.
"""

from msgspec.structs import replace

from mesh.commands.answer import Done
from mesh.commands.contacts import AddContact
from mesh.commands.introductions import (
    AnswerIntroduction,
    AskIntroductions,
    Introduce,
    IntroductionAnswer,
    IntroductionsAnswer,
)
from mesh.crypto.signing import VERIFY_KEY_BYTES, is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.events import ContactAdded
from mesh.ids import Instant, InviteId, UnixSeconds, VerifyKey
from mesh.limits.contacts import (
    INTRODUCTION_SECONDS,
    INTRODUCTIONS_MADE_MAX,
    INTRODUCTIONS_PER_CONTACT_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import KEY_PREFIX_DIGITS_MIN, Contacts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.contacts.refusals import require_answered
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature, ReceivedControl, command
from mesh.messenger.names import is_fair_name
from mesh.messenger.onboarding.invites import Invites
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.pauses import Pause
from mesh.messenger.sessions.payloads import Keeping
from mesh.storage.vault.rows import ContactRow
from mesh.storage.vault.trust import IntroductionMadeRow, IntroductionRow
from mesh.wire.controls import INTRODUCE, INTRODUCE_ASK, INTRODUCE_GRANT
from mesh.wire.invite import Invite, parse_invite

ID_BYTES = 16


class Introductions:
    """Introductions to us, and those that we make."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        notes: Notes,
        invites: Invites,
        invites_accepted: InvitesAccepted,
        outbox: Outbox,
    ) -> None:
        self._people = account.vault.contacts
        self._rows = account.vault.trust
        self._identity = account.identity
        self._contacts = contacts
        self._notes = notes
        self._invites = invites
        self._invites_accepted = invites_accepted
        self._outbox = outbox
        self._pending_events = account.pending_events
        self._entropy = account.entropy

    def feature(self) -> Feature:
        """Introducing people, and being introduced."""
        return Feature(
            commands=[
                command(Introduce, self._introduce),
                command(AskIntroductions, self._ask),
                command(AnswerIntroduction, self._settle),
            ],
            controls={
                INTRODUCE_ASK: self._asked,
                INTRODUCE_GRANT: self._granted,
                INTRODUCE: self._introduced,
            },
            cleanups=[self._expire],
        )

    # --- What the person does -----------------------------------------------------------------

    def _introduce(self, asked: Introduce, now: Instant) -> Done:
        """Ask the host for an invite for the guest; the same two again: ask once more."""
        guest, host = self._contacts.contact(asked.contact), self._contacts.contact(asked.to)
        if guest.id == host.id:
            raise UserError("same-contact", f"{guest.label} cannot be introduced to themselves.")
        for one in (guest, host):
            require_answered(one)
        row = self._rows.find_introduction_of_two(guest.id, host.id)
        if row is None or row.made + INTRODUCTION_SECONDS <= now.expiry:
            if self._rows.introductions_made_count() >= INTRODUCTIONS_MADE_MAX:
                raise UserError(
                    "too-many",
                    f"You introduced {INTRODUCTIONS_MADE_MAX} pairs within 30 days; wait a while.",
                )
            id_ = self._entropy.draw(ID_BYTES)
            row = IntroductionMadeRow(id_, guest.id, host.id, now.expiry)
            self._rows.put_introduction_made(row)
        # They know each other by the names that they chose, not by our labels.
        data = row.id + guest.verify_key + guest.name.encode()
        self._send(host, INTRODUCE_ASK, data, pause=Pause.AT_ONCE, now=now)
        return Done()

    def _ask(self, asked: AskIntroductions, now: Instant) -> IntroductionsAnswer:
        # Of whoever is blocked nothing is shown.
        blocked = {row.id for row in self._people.blocked()}
        shown = [row for row in self._rows.introductions() if row.voucher not in blocked]
        return IntroductionsAnswer(introductions=[self._answer(row) for row in shown])

    def find_answer(self, number: int) -> IntroductionAnswer | None:
        """One of them, unless it is gone."""
        row = self._rows.find_introduction(number)
        return None if row is None else self._answer(row)

    def _settle(self, asked: AnswerIntroduction, now: Instant) -> IntroductionAnswer:
        """Our person's answer. A refusal is told to nobody."""
        row = self._rows.find_introduction(asked.introduction)
        if row is None:
            raise UserError("not-found", f"There is no introduction {asked.introduction}.")
        if row.state in ("waiting", "declined") and asked.is_accepted:
            voucher = self._people.contact(row.voucher)
            require_answered(voucher)
            if self._people.find_contact_by_key(row.verify_key) is not None:
                self._set(replace(row, state="done"))
            elif row.link is None:
                self._give_invite(row, voucher, now)
            else:
                self._use_invite(row, row.link, now)
        elif row.state == "waiting":
            self._set(replace(row, state="declined"))
        return self._answer(self._rows.introduction(asked.introduction))

    def _give_invite(self, row: IntroductionRow, voucher: ContactRow, now: Instant) -> None:
        """We are the host: an invite for the guest alone goes back to the voucher."""
        invite = self._invites.create_for(
            row.verify_key,
            row.name or row.verify_key.hex()[:KEY_PREFIX_DIGITS_MIN],
            vouched_by=row.voucher,
            mesh_now=now.mesh,
        )
        self._set(replace(row, state="accepted", invite=invite))
        self._grant(row.id, invite, voucher, pause=Pause.AT_ONCE, now=now)

    def _grant(
        self, id_: bytes, invite: InviteId, voucher: ContactRow, *, pause: Pause, now: Instant
    ) -> None:
        link = self._invites.find_link(invite, now.mesh)
        if link is not None:
            data = id_ + link.encode()
            self._send(voucher, INTRODUCE_GRANT, data, pause=pause, now=now)

    def _use_invite(self, row: IntroductionRow, link: str, now: Instant) -> None:
        """We are the guest: the host's invite makes them a contact."""
        contact = self._invites_accepted.add(AddContact(link), now=now, introduced_by=row.voucher)
        self._pending_events.tell(ContactAdded(self._contacts.answer(contact)))
        self._set(replace(row, state="done"))

    # --- What others say ----------------------------------------------------------------------

    def _asked(self, control: ReceivedControl, now: Instant) -> None:
        """The voucher wishes that we give an invite for somebody."""
        id_, rest = _parts(control)
        verify_key, name = VerifyKey(rest[:VERIFY_KEY_BYTES]), rest[VERIFY_KEY_BYTES:]
        if len(verify_key) != VERIFY_KEY_BYTES:
            raise PeerError("an introduction that is too short")
        row = self._came(control.contact, id_, verify_key, _shown(name), None, now)
        if row.state == "accepted" and row.invite is not None:
            # The grant may have been lost.
            self._require_unasked(control, row.id, now)
            self._grant(row.id, row.invite, control.contact, pause=Pause.LATER, now=now)

    def _granted(self, control: ReceivedControl, now: Instant) -> None:
        """The host gave the invite for which we asked: it goes on to the guest."""
        id_, rest = _parts(control)
        host = control.contact
        row = self._rows.find_introduction_made(id_)
        if row is None or row.host != host.id:
            raise PeerError("an invite for which we did not ask")
        if row.made + INTRODUCTION_SECONDS <= now.expiry:
            raise PeerError("an introduction of long ago")
        invite = _parsed(rest)
        if invite.verify_key != host.verify_key:
            raise PeerError("an invite of somebody else than the host")
        guest = self._people.contact(row.guest)
        if guest.is_blocked or guest.is_request:
            raise PeerError("an invite for a guest who is no contact any more")
        self._require_unasked(control, id_, now)
        self._send(guest, INTRODUCE, id_ + rest, pause=Pause.LATER, now=now)

    def _require_unasked(self, control: ReceivedControl, id_: bytes, now: Instant) -> None:
        """PeerError if a contact has us say the same again, or too much."""
        if not self._outbox.unasked.grant(control.contact.id, bytes([control.kind]) + id_, now):
            raise PeerError("an introduction that was answered today")

    def _introduced(self, control: ReceivedControl, now: Instant) -> None:
        """The voucher hands us an invite of somebody."""
        id_, rest = _parts(control)
        invite = _parsed(rest)
        name = _shown(invite.name.encode())
        self._came(control.contact, id_, invite.verify_key, name, rest.decode(), now)

    def _came(
        self,
        voucher: ContactRow,
        id_: bytes,
        verify_key: VerifyKey,
        name: str,
        link: str | None,
        now: Instant,
    ) -> IntroductionRow:
        """Keep what a voucher says of somebody, once; a newer word replaces what still waits."""
        if verify_key in (self._identity.keys.verify_key, voucher.verify_key):
            raise PeerError("an introduction to ourselves or of the voucher")
        known = self._people.find_contact_by_key(verify_key)
        row = self._rows.find_introduction_of(voucher.id, verify_key)
        if row is not None:
            if id_ == row.id and link == row.link:
                return row
            if row.state == "declined" or known is not None:
                return row
            row = replace(
                row, id=id_, name=name, link=link, invite=None, state="waiting", came=now.expiry
            )
            self._set(row)
            return row
        if self._rows.introductions_count(voucher.id) >= INTRODUCTIONS_PER_CONTACT_MAX:
            raise PeerError("too many introductions by one contact")
        if known is not None:
            sentence = f"{voucher.label} wished to introduce {known.label}, whom you know, to you."
            self._notes.add_once(known.id, "introduced", sentence, now.mesh)
        row = self._rows.insert_introduction(
            IntroductionRow(
                number=0,
                id=id_,
                voucher=voucher.id,
                verify_key=verify_key,
                name=name,
                link=link,
                invite=None,
                state="waiting" if known is None else "done",
                came=now.expiry,
            )
        )
        self._pending_events.introduction_changed(row.number)
        return row

    def _expire(self, now: Instant) -> None:
        """Forget what is too old for anybody to answer."""
        self._rows.forget_introductions(UnixSeconds(now.expiry - INTRODUCTION_SECONDS))

    # --- Steps --------------------------------------------------------------------------------

    def _set(self, row: IntroductionRow) -> None:
        self._rows.set_introduction(row)
        self._pending_events.introduction_changed(row.number)

    def _send(
        self, contact: ContactRow, kind: int, data: bytes, *, pause: Pause, now: Instant
    ) -> None:
        keeping = Keeping(UnixSeconds(now.expiry + INTRODUCTION_SECONDS))
        controls = [(kind, data)]
        self._outbox.send_controls(contact, controls, keeping=keeping, pause=pause, now=now)

    def _answer(self, row: IntroductionRow) -> IntroductionAnswer:
        return IntroductionAnswer(
            id=row.number,
            by=self._contacts.find_label(row.voucher),
            name=row.name,
            key=row.verify_key.hex(),
            state=row.state,
            looks_like=self._look_alikes(row),
        )

    def _look_alikes(self, row: IntroductionRow) -> list[str]:
        if not row.name:
            return []
        known = self._people.find_contact_by_key(row.verify_key)
        return self._contacts.look_alikes(row.name, but=known)


def _parts(control: ReceivedControl) -> tuple[bytes, bytes]:
    """The id of an introduction, and what is said of it; PeerError if it is not welcome."""
    if control.contact.is_request:
        raise PeerError("an introduction by somebody who waits apart")
    if len(control.data) < ID_BYTES:
        raise PeerError("an introduction that is too short")
    return control.data[:ID_BYTES], control.data[ID_BYTES:]


def _shown(name: bytes) -> str:
    """A name that a screen can show, or none."""
    text = name.decode(errors="replace")
    return text if is_fair_name(text) else ""


def _parsed(data: bytes) -> Invite:
    """The link in a control, whole and with its bundle; PeerError if it is not."""
    try:
        invite = parse_invite(data.decode(), is_signature_valid)
    except (UserError, UnicodeDecodeError) as error:
        raise PeerError("an introduction without a valid invite") from error
    if invite.bundle is None:
        raise PeerError("an introduction without keys")
    return invite
