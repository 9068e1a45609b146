"""The parts of the messenger that need an identity, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.ids import Instant, Tag, UnixSeconds
from mesh.messenger.comparisons import Comparisons
from mesh.messenger.contacts import Contacts
from mesh.messenger.conversations import Conversations
from mesh.messenger.expected import ExpectedTags
from mesh.messenger.first_contacts import FirstContacts
from mesh.messenger.history import History
from mesh.messenger.identity import Identity
from mesh.messenger.inbox import Inbox
from mesh.messenger.introductions import Introductions
from mesh.messenger.invitations import Invitations
from mesh.messenger.invites import Invites
from mesh.messenger.keys_given import KeysGiven
from mesh.messenger.meetings import Meetings
from mesh.messenger.notes import Notes
from mesh.messenger.outbox import Outbox
from mesh.messenger.posting_keys import PostingKeys
from mesh.messenger.prekeys import Prekeys
from mesh.messenger.reading import Reading
from mesh.messenger.receipts import Receipts
from mesh.messenger.renewals import Renewals
from mesh.messenger.retirements import Retirements
from mesh.messenger.sealing import Sealing
from mesh.messenger.sessions import Sessions
from mesh.messenger.telling import Telling
from mesh.messenger.trusting import Trusting
from mesh.messenger.vouchers import Vouchers
from mesh.posting.standing import Standings
from mesh.storage.vault import Vault
from mesh.storage.vault_rows import ContactRow, MessageRow
from mesh.wire.controls import (
    COMPARE_ANSWER,
    COMPARE_COMMIT,
    COMPARE_REVEAL,
    COMPARE_VERDICT,
    INTRODUCE,
    INTRODUCE_ASK,
    INTRODUCE_GRANT,
    POSTING_KEYS,
    READ,
)
from mesh.wire.parameters import MeshParameters


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything between a person and the mesh."""

    identity: Identity
    sessions: Sessions
    first_contacts: FirstContacts
    prekeys: Prekeys
    contacts: Contacts
    reading: Reading
    conversations: Conversations
    outbox: Outbox
    retirements: Retirements
    receipts: Receipts
    invites: Invites
    invitations: Invitations
    meetings: Meetings
    inbox: Inbox
    comparisons: Comparisons
    introductions: Introductions
    trusting: Trusting
    keys_given: KeysGiven
    vouchers: Vouchers


def set_up(
    vault: Vault,
    identity: Identity,
    parameters: MeshParameters,
    *,
    expected: ExpectedTags,
    posting_keys: PostingKeys,
    standings: Standings,
    telling: Telling,
    entropy: Entropy,
    kem: Kem,
    tell_received: Callable[[MessageRow], None],
    is_tag_stored: Callable[[Tag], bool],
    retire_delay_ms: tuple[int, int],
    mesh_now: UnixSeconds,
    now: Instant,
) -> Desk:
    """Put the parts together over a vault that holds this identity."""
    sessions = Sessions(vault.sessions, expected, entropy=entropy, kem=kem)
    prekeys = Prekeys(vault.sessions, identity, entropy=entropy, kem=kem)
    notes = Notes(vault.trust, telling)

    def tell_renewed(contact: ContactRow, reason: str, mesh_now: UnixSeconds) -> None:
        notes.add(contact.id, "session renewed", f"New keys were begun: {reason}.", mesh_now)
        telling.contact_changed(contact.id)

    contacts = Contacts(vault, notes, telling)
    history = History(vault)
    first_contacts = FirstContacts(
        vault,
        identity,
        sessions=sessions,
        prekeys=prekeys,
        is_tag_stored=is_tag_stored,
        entropy=entropy,
        kem=kem,
    )
    sealing = Sealing(
        vault,
        sessions=sessions,
        first_contacts=first_contacts,
        posting_keys=posting_keys,
        is_tag_stored=is_tag_stored,
        tell_renewed=tell_renewed,
        entropy=entropy,
    )
    retirements = Retirements(
        vault.retirements,
        delay_ms=retire_delay_ms,
        entropy=entropy,
        mesh_now=mesh_now,
        now=now,
    )
    keys_given = KeysGiven(vault, posting_keys=posting_keys, sessions=sessions, entropy=entropy)
    outbox = Outbox(
        vault,
        identity,
        sealing=sealing,
        sessions=sessions,
        prekeys=prekeys,
        keys_given=keys_given,
        history=history,
        retirements=retirements,
        telling=telling,
    )
    invites = Invites(
        vault,
        identity,
        parameters,
        expected=expected,
        prekeys=prekeys,
        sealing=sealing,
        outbox=outbox,
        telling=telling,
        entropy=entropy,
    )
    invitations = Invitations(
        vault,
        identity,
        parameters,
        contacts=contacts,
        sessions=sessions,
        expected=expected,
        outbox=outbox,
        telling=telling,
        entropy=entropy,
        kem=kem,
    )
    meetings = Meetings(
        vault, identity, contacts=contacts, invites=invites, invitations=invitations
    )
    renewals = Renewals(
        vault,
        sessions=sessions,
        first_contacts=first_contacts,
        invitations=invitations,
        outbox=outbox,
        tell_renewed=tell_renewed,
    )
    inbox = Inbox(
        vault,
        identity,
        expected=expected,
        sessions=sessions,
        prekeys=prekeys,
        contacts=contacts,
        invites=invites,
        invitations=invitations,
        history=history,
        outbox=outbox,
        retirements=retirements,
        telling=telling,
        entropy=entropy,
        kem=kem,
        renewals=renewals,
        tell_received=tell_received,
    )
    receipts = Receipts(vault, outbox=outbox, telling=telling)
    inbox.handle((READ,), receipts)
    vouchers = Vouchers(vault, standings)
    inbox.handle((POSTING_KEYS,), vouchers)
    reading = Reading(vault, identity, contacts=contacts, telling=telling)
    conversations = Conversations(
        vault,
        identity,
        contacts=contacts,
        history=history,
        reading=reading,
        telling=telling,
    )
    comparisons = Comparisons(
        vault,
        identity,
        contacts=contacts,
        notes=notes,
        outbox=outbox,
        telling=telling,
        entropy=entropy,
    )
    inbox.handle((COMPARE_COMMIT, COMPARE_ANSWER, COMPARE_REVEAL, COMPARE_VERDICT), comparisons)
    introductions = Introductions(
        vault,
        identity,
        contacts=contacts,
        notes=notes,
        invites=invites,
        invitations=invitations,
        outbox=outbox,
        telling=telling,
        entropy=entropy,
    )
    inbox.handle((INTRODUCE_ASK, INTRODUCE_GRANT, INTRODUCE), introductions)
    trusting = Trusting(
        vault,
        identity,
        contacts=contacts,
        notes=notes,
        comparisons=comparisons,
        sessions=sessions,
        invitations=invitations,
        keys_given=keys_given,
        outbox=outbox,
        telling=telling,
    )
    return Desk(
        identity=identity,
        sessions=sessions,
        first_contacts=first_contacts,
        prekeys=prekeys,
        contacts=contacts,
        reading=reading,
        conversations=conversations,
        outbox=outbox,
        retirements=retirements,
        receipts=receipts,
        invites=invites,
        invitations=invitations,
        meetings=meetings,
        inbox=inbox,
        comparisons=comparisons,
        introductions=introductions,
        trusting=trusting,
        keys_given=keys_given,
        vouchers=vouchers,
    )
