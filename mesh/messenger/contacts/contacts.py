"""The contacts: who they are, how we call them, and what is known of them."""

from collections.abc import Callable

from mesh.commands.contacts import (
    AcceptRequest,
    AskContacts,
    ContactAnswer,
    ContactsAnswer,
    RenameContact,
    Trust,
)
from mesh.errors import UserError
from mesh.ids import ContactId, Instant, UnixSeconds, VerifyKey, direct_conversation
from mesh.limits.api import NUMBER_MAX
from mesh.limits.contacts import CONTACTS_MAX
from mesh.messenger.contacts.look_alikes import LookAlikes
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.feature import Feature, command
from mesh.messenger.looks import is_alike, looks_of
from mesh.messenger.names import (
    checked_name,
    free_label,
    is_fair_name,
    is_like_number_or_key,
    is_name,
    normalized,
)
from mesh.messenger.pending_events import PendingEvents
from mesh.storage.vault.rows import NEW_CONTACT, AcceptedInviteRow, ContactRow
from mesh.storage.vault.vault import Vault
from mesh.wire.bundle import KEY_BYTES

KEY_PREFIX_DIGITS_MIN = 8
"""A shorter beginning of a key would too often be the beginning of two."""

ONESELF = "me"
"""So screens call whoever uses them; a contact of this name could pass for their author."""

NOTE_TO_SELF = "Note to self"
"""The title of the conversation of a person with themselves."""

LOOK_ALIKES_NAMED_MAX = 3
"""So many are named in a sentence; all stand in the answer."""


class Contacts:
    """All contacts of this profile. Their labels are in memory: every event names one.

    `let_in` opens what stayed sealed of somebody who waited apart.
    """

    def __init__(
        self,
        vault: Vault,
        notes: Notes,
        pending_events: PendingEvents,
        *,
        let_in: Callable[[ContactId], None],
    ) -> None:
        self._vault = vault
        self._rows = vault.contacts
        self._messages = vault.entries
        self._conversations = vault.conversations
        self._sealed = vault.sealed
        self._their_invites = vault.invites
        self._notes = notes
        self._pending_events = pending_events
        self._let_in = let_in
        self._labels: dict[ContactId, str] = {}
        self._looks_of_labels = LookAlikes()
        self._looks = LookAlikes()
        self.titles: Callable[[], list[str]] = list
        """Return the names of groups of ours: whoever is called alike could get what is meant for
        one.
        """

        for row in self._rows.contacts():
            self._remember(row.id, row.label, row.name)

    def feature(self) -> Feature:
        """Return who they are, and how our person calls them."""
        return Feature(
            commands=[
                command(AskContacts, lambda *_: ContactsAnswer(contacts=self.answers())),
                command(RenameContact, self._rename),
                command(AcceptRequest, self._accept_request),
            ]
        )

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def requests_count(self) -> int:
        """Return how many of them wait apart to be let in."""
        return self._rows.requests_count()

    def label(self, contact: ContactId) -> str:
        """Return how a contact is called here."""
        return self._labels[contact]

    def find_label(self, contact: ContactId | None) -> str:
        """The same; empty if there is no such contact, or no more."""
        return "" if contact is None else self._labels.get(contact, "")

    def contact(self, named: str | int) -> ContactRow:
        """The contact of a label, a number, or the beginning of a key; UserError if there is none.

        Small letters may stand for great ones, where nobody else is meant.
        """
        if isinstance(named, int):
            found = self._rows.find_contact(ContactId(named))
        else:
            named = normalized(named.strip())
            found = self._rows.find_contact_by_label(named) if is_name(named) else None
            if found is None and named.isascii() and named.isdigit():
                number = int(named) if len(named) < len(str(NUMBER_MAX)) else NUMBER_MAX
                found = self._rows.find_contact(ContactId(number))
            found = found or self._find_by_key(named.lower()) or self._find_by_letters(named)
        if found is None:
            raise UserError("not-found", f"There is no contact {named!r}; see: mesh contacts")
        return found

    def add(
        self,
        *,
        wanted_label: str,
        name: str,
        verify_key: VerifyKey,
        agreement_key: bytes | None,
        bundle: bytes | None,
        is_by_our_invite: bool,
        is_request: bool = False,
        introduced_by: ContactId | None = None,
        is_in_letter: bool = False,
        mesh_now: UnixSeconds,
    ) -> ContactRow:
        """Add a contact under a label that nobody's could be mistaken for.

        Their own link, and a contact who introduces them, vouch for the key; whoever comes by an
        invite, or wrote `is_in_letter` to a member of a group, is seen for the first time.
        """
        if len(self._labels) >= CONTACTS_MAX:
            raise UserError("too-many", f"A profile has at most {CONTACTS_MAX} contacts.")
        key = verify_key.hex()
        label = self._free_label(wanted_label, key=key)
        is_first_seen = (is_by_our_invite or is_in_letter) and introduced_by is None
        trust: Trust = "first seen" if is_first_seen else "known"
        row = self._vault.add_contact(
            ContactRow(
                id=NEW_CONTACT,
                label=label,
                name=name,
                verify_key=verify_key,
                agreement_key=agreement_key,
                trust=trust,
                first_trust=trust,
                state=(
                    "answered"
                    if is_by_our_invite
                    else "waiting for their key"
                    if bundle is None
                    else "invited"
                ),
                bundle=bundle,
                is_request=is_request,
                introduced_by=introduced_by,
            )
        )
        self._remember(row.id, label, name)
        self._note_look_alikes(row.id, mesh_now)
        voucher = self.find_label(introduced_by)
        if voucher:
            sentence = f"{voucher} introduced {label} to you, and vouches for their key."
            self._notes.add(row.id, "introduced", sentence, mesh_now)
        return row

    def look_alikes(self, name: str, *, but: ContactRow | None) -> list[str]:
        """Labels of contacts who could be mistaken for somebody of this name."""
        found = self._looks.like(name, but=None if but is None else but.id)
        return [self._labels[one] for one in found]

    def check_free(self, label: str, *, key: str, but: ContactId | None = None) -> None:
        """UserError if a contact, or a group of ours, is called so that this label could be
        mistaken for it.

        `key`: whose label it is to be.
        """
        if _is_like_oneself(label):
            raise UserError("exists", f"The label {label!r} could be mistaken for yourself.")
        if _names_another(label, key=key):
            raise UserError(
                "exists",
                f"The label {label!r} could be mistaken for the number or the key of a contact; "
                "add a word to it.",
            )
        for title in self.titles():
            if is_alike(label, title):
                raise UserError(
                    "exists",
                    f"The label {label!r} could be mistaken for the group {title!r}; choose one "
                    "that differs more.",
                    label=title,
                )
        for taken in self._looks_of_labels.like(label, but=but):
            if self._labels[taken] == label:
                raise UserError(
                    "exists", f"Another contact has the label {label!r} already.", label=label
                )
            raise UserError(
                "exists",
                f"The label {label!r} could be mistaken for that of another contact, "
                f"{self._labels[taken]!r}; choose one that differs more.",
                label=self._labels[taken],
            )

    def named(self, row: ContactRow, name: str, mesh_now: UnixSeconds) -> None:
        """A contact told their name; one that a screen cannot show is passed over.

        Whoever came without one, as by a QR code, is called by their name from now on.
        """
        if name != row.name and is_fair_name(name):
            if row.name:
                sentence = f"They call themselves {name} now, and {row.name} before."
                self._notes.renamed(row.id, sentence, mesh_now)
            label, key = self._labels[row.id], row.verify_key.hex()
            if not row.name and label == key[:KEY_PREFIX_DIGITS_MIN]:
                label = self._free_label(name, key=key)
                self._rows.set_label(row.id, label)
            self._rows.set_name(row.id, name)
            self._remember(row.id, label, name)
            self._note_look_alikes(row.id, mesh_now)
            self._pending_events.contact_changed(row.id)

    def set_trust(self, contact: ContactId, trust: Trust) -> None:
        """More, or less, is known of whose key it is, by what was seen now."""
        self._rows.set_trust(contact, trust)
        self._rows.set_unconfirmed(contact, UnixSeconds(0))
        self._pending_events.contact_changed(contact)

    def accept_request(self, row: ContactRow) -> None:
        """Make who waited apart a contact like any other from now on; nobody who is blocked."""
        if row.waits_apart:
            self._rows.set_request(row.id, is_request=False)
            self._let_in(row.id)
            self._pending_events.contact_changed(row.id)

    def renewed(self, row: ContactRow, reason: str, mesh_now: UnixSeconds) -> None:
        """New keys are begun with a contact, and the person is told why."""
        self._notes.add(row.id, "session renewed", f"New keys were begun: {reason}.", mesh_now)
        self._pending_events.contact_changed(row.id)

    def met(self, contact: ContactId) -> ContactRow:
        """Their person stood before ours, and both screens showed the same."""
        row = self._rows.contact(contact)
        self.accept_request(row)
        if row.trust != "verified" or row.unconfirmed:
            self.set_trust(contact, "verified")
        return self._rows.contact(contact)

    def answers(self) -> list[ContactAnswer]:
        """All contacts, by label."""
        counts, unread = self._messages.counts(), self._messages.unread_counts()
        sealed, allowed = self._sealed.counts(), self._conversations.with_read_receipts()
        opens = self._sealed.opens()
        heard, unreached = self._vault.exchanges.heard(), self._vault.exchanges.unreached()
        invites = {row.contact: row for row in self._their_invites.accepted_invites()}
        return [
            self._answer(
                row,
                messages_count=counts.get(row.id, 0),
                unread_count=unread.get(row.id, 0),
                sealed_count=sealed.get(row.id, 0),
                sealed_until=opens.get(row.id, 0),
                sends_read_receipts=row.id in allowed,
                heard=heard.get(row.id, 0),
                unreached=unreached.get(row.id, 0),
                invite=invites.get(row.id),
            )
            for row in self._rows.contacts()
        ]

    def answer(self, contact: ContactId) -> ContactAnswer:
        """Return what is told of a contact."""
        conversation = direct_conversation(contact)
        exchange = self._vault.exchanges.exchange(contact)
        return self._answer(
            self._rows.contact(contact),
            messages_count=self._messages.count(conversation),
            unread_count=self._messages.unread_count(conversation),
            sealed_count=self._sealed.count(contact),
            sealed_until=self._sealed.opens().get(contact, 0),
            sends_read_receipts=self._conversations.conversation(conversation).sends_read_receipts,
            heard=exchange.heard,
            unreached=exchange.unreached,
            invite=self._their_invites.find_accepted_invite(contact),
        )

    def _rename(self, asked: RenameContact, now: Instant) -> ContactAnswer:
        row = self.contact(asked.contact)
        checked = checked_name(asked.label, "The label")
        if checked != row.label:
            self.check_free(checked, key=row.verify_key.hex(), but=row.id)
            self._rows.set_label(row.id, checked)
            self._remember(row.id, checked, row.name)
            self._pending_events.contact_changed(row.id)
        return self.answer(row.id)

    def _accept_request(self, asked: AcceptRequest, now: Instant) -> ContactAnswer:
        row = self.contact(asked.contact)
        if row.is_blocked:
            raise UserError(
                "blocked",
                f"{row.label} is blocked, and accepting does not change that; "
                f"unblock them first: mesh contact unblock {row.id}",
                name=row.label,
            )
        self.accept_request(row)
        return self.answer(row.id)

    def _free_label(self, wanted: str, *, key: str) -> str:
        """Return a label like the wanted one which nobody else is called by, and no group."""
        titles = {form for title in self.titles() for form in looks_of(title)}

        def is_taken(label: str) -> bool:
            return (
                _is_like_oneself(label)
                or _names_another(label, key=key)
                or bool(self._looks_of_labels.like(label))
                or not titles.isdisjoint(looks_of(label))
            )

        return free_label(normalized(wanted), is_taken)

    def _remember(self, contact: ContactId, label: str, name: str) -> None:
        self._labels[contact] = label
        self._looks_of_labels.put(contact, [label])
        self._looks.put(contact, [label, name])

    def _note_look_alikes(self, contact: ContactId, mesh_now: UnixSeconds) -> None:
        others = [repr(self._labels[one]) for one in self._looks.of(contact)]
        if others:
            shown = ", ".join(others[:LOOK_ALIKES_NAMED_MAX])
            self._notes.add_once(
                contact,
                "looks alike",
                f"{self._labels[contact]!r} could be mistaken for {shown}; their keys tell them "
                "apart.",
                mesh_now,
            )

    def _find_by_letters(self, named: str) -> ContactRow | None:
        """No two labels differ by their case alone: they would look alike."""
        for contact in self._looks_of_labels.like(named):
            if self._labels[contact].casefold() == named.casefold():
                return self._rows.contact(contact)
        return None

    def _find_by_key(self, digits: str) -> ContactRow | None:
        if not KEY_PREFIX_DIGITS_MIN <= len(digits) <= 2 * KEY_BYTES:
            return None
        if not all(digit in "0123456789abcdef" for digit in digits):
            return None
        first = bytes.fromhex(digits.ljust(2 * KEY_BYTES, "0"))
        last = bytes.fromhex(digits.ljust(2 * KEY_BYTES, "f"))
        found = self._rows.contacts_by_key_range(first, last)
        if len(found) > 1:
            raise UserError(
                "ambiguous", f"More than one key begins with {digits}; give more of it."
            )
        return found[0] if found else None

    def _answer(
        self,
        row: ContactRow,
        *,
        messages_count: int,
        unread_count: int,
        sealed_count: int,
        sealed_until: int,
        sends_read_receipts: bool,
        heard: int,
        unreached: int,
        invite: AcceptedInviteRow | None,
    ) -> ContactAnswer:
        return ContactAnswer(
            id=row.id,
            label=row.label,
            name=row.name,
            key=row.verify_key.hex(),
            trust=row.trust,
            state=row.state,
            messages_count=messages_count,
            unread_count=0 if row.is_blocked else unread_count,
            sealed_count=0 if row.is_blocked else sealed_count,
            sealed_until=0 if row.is_blocked else sealed_until,
            # Whoever is blocked waits for nothing, and nothing of theirs is counted.
            is_request=row.waits_apart,
            is_blocked=row.is_blocked,
            introduced_by=self.find_label(row.introduced_by),
            looks_like=[self._labels[one] for one in self._looks.of(row.id)],
            sends_read_receipts=sends_read_receipts,
            identity_changed=row.identity_changed,
            unconfirmed=row.unconfirmed,
            unreached=unreached,
            heard=heard,
            unanswered_since=0 if invite is None else invite.unanswered_since,
            is_invite_closed=invite is not None and invite.is_closed,
        )


def _is_like_oneself(label: str) -> bool:
    """Say whether a reader could take somebody of this label for who uses this profile."""
    return is_alike(label, ONESELF) or is_alike(label, NOTE_TO_SELF)


def _names_another(label: str, *, key: str) -> bool:
    """Say whether a command that says this label could mean somebody's number or another key.

    Labels are looked for first: who is called like the beginning of a friend's key, or like a
    friend's number, would get what is meant for the friend.
    """
    digits = label.lower()
    return is_like_number_or_key(label) and (digits.isdigit() or not key.startswith(digits))
