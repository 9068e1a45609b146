"""The parts of the messenger that need no identity, read from a vault."""

from collections import Counter
from dataclasses import dataclass

from mesh.ids import Instant
from mesh.messenger.account import Environment
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.key_doubts import KeyDoubts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.conversations.history import History
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.cover import Cover
from mesh.messenger.sessions.heard_clocks import lower_heard_clocks
from mesh.messenger.sessions.lapsing import Lapsing
from mesh.messenger.sessions.payloads import Payloads
from mesh.messenger.sessions.posting_key_sharing import PostingKeySharing
from mesh.messenger.sessions.posting_keys import PostingKeys
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.messenger.sessions.vouches import Vouches
from mesh.storage.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that need no identity; without one they are empty.

    All but the posting keys, the cover and the counts of what was `dropped` are made anew when a
    contact has gone, so nobody keeps one of them.
    """

    posting_keys: PostingKeys
    cover: Cover
    dropped: Counter[str]
    tag_index: TagIndex
    sessions: Sessions
    notes: Notes
    contacts: Contacts
    key_doubts: KeyDoubts
    history: History
    retirements: Retirements
    transit: Transit
    lapsing: Lapsing
    posting_key_sharing: PostingKeySharing
    vouches: Vouches


def open_parts(
    vault: Vault,
    environment: Environment,
    *,
    posting_keys: PostingKeys,
    cover: Cover,
    dropped: Counter[str],
    tag_index: TagIndex,
    pending_events: PendingEvents,
    now: Instant,
) -> Parts:
    """Read into memory what the parts need of a vault."""
    if not environment.is_disk_full:
        lower_heard_clocks(vault, now)
    entropy, kem = environment.entropy, environment.kem
    sealed_mail = SealedMail(
        vault.sealed,
        tag_index,
        is_tag_stored=environment.is_tag_stored,
        has_body=environment.has_body,
        tell_changed=pending_events.contact_changed,
    )
    sessions = Sessions(
        vault.sessions, tag_index, sealed_mail=sealed_mail, entropy=entropy, kem=kem
    )
    notes = Notes(vault.trust, pending_events)
    contacts = Contacts(vault, notes, pending_events, let_in=sealed_mail.let_in)
    retirements = Retirements(
        vault.retirements, delay_ms=environment.retire_delay_ms, entropy=entropy, now=now
    )
    transit = Transit(
        vault,
        Payloads(vault.payloads),
        retirements,
        pending_events,
        environment.is_stored,
        pauses=environment.pauses,
        entropy=entropy,
        now=now,
    )
    return Parts(
        posting_keys=posting_keys,
        cover=cover,
        dropped=dropped,
        tag_index=tag_index,
        sessions=sessions,
        notes=notes,
        contacts=contacts,
        key_doubts=KeyDoubts(vault, notes, pending_events),
        history=History(vault),
        retirements=retirements,
        transit=transit,
        lapsing=Lapsing(vault, transit, retirements, pending_events),
        posting_key_sharing=PostingKeySharing(
            vault, posting_keys=posting_keys, sessions=sessions, entropy=entropy
        ),
        vouches=Vouches(vault, environment.distances),
    )
