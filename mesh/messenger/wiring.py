"""The parts of the messenger, put together, and the features that are registered."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mesh.commands.identity import AskIdentity
from mesh.ids import Instant
from mesh.messenger.account import Account, Environment
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.notes import Notes
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.history import History
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.messages import Messages
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.conversations.receipts import Receipts
from mesh.messenger.feature import Chore, CommandHandler, Feature, Task, command
from mesh.messenger.identity import Identity, identity_answer
from mesh.messenger.inbox.inbound_sessions import InboundSessions
from mesh.messenger.inbox.inbox import Inbox
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.onboarding.introductions import Introductions
from mesh.messenger.onboarding.invites import Invites
from mesh.messenger.onboarding.invites_accepted import InvitesAccepted
from mesh.messenger.onboarding.leaving import Leaving
from mesh.messenger.onboarding.nearby_contacts import NearbyContacts
from mesh.messenger.onboarding.session_recovery import SessionRecovery
from mesh.messenger.onboarding.trust import TrustDecisions
from mesh.messenger.onboarding.verification import Verification
from mesh.messenger.pending_events import PendingEvents
from mesh.messenger.sessions.contact_bundles import ContactBundles
from mesh.messenger.sessions.posting_key_sharing import PostingKeySharing
from mesh.messenger.sessions.posting_keys import PostingKeys
from mesh.messenger.sessions.prekeys import Prekeys
from mesh.messenger.sessions.retirements import Retirements
from mesh.messenger.sessions.sealed_mail import SealedMail
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.session_setup import SessionSetup
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.messenger.sessions.transit import Transit
from mesh.messenger.sessions.vouches import Vouches
from mesh.storage.vault.vault import Vault

_Key = TypeVar("_Key")
_Handler = TypeVar("_Handler")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that need no identity; without one they are empty.

    All but the posting keys and the counts of what was `dropped` are made anew when a contact has
    gone, so nobody keeps one of them.
    """

    posting_keys: PostingKeys
    dropped: Counter[str]
    tag_index: TagIndex
    sessions: Sessions
    notes: Notes
    contacts: Contacts
    history: History
    retirements: Retirements
    transit: Transit
    posting_key_sharing: PostingKeySharing
    vouches: Vouches


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an identity: who they are, and what they can do."""

    identity: Identity
    message_pages: MessagePages
    outbox: Outbox
    inbox: Inbox
    introductions: Introductions
    nearby_contacts: NearbyContacts
    commands: Mapping[type[object], CommandHandler]
    chores: Sequence[Chore]
    cleanups: Sequence[Task]


def open_parts(
    vault: Vault,
    environment: Environment,
    *,
    posting_keys: PostingKeys,
    dropped: Counter[str],
    tag_index: TagIndex,
    pending_events: PendingEvents,
    now: Instant,
) -> Parts:
    """Read into memory what the parts need of a vault."""
    entropy, kem = environment.entropy, environment.kem
    sealed_mail = SealedMail(
        vault.sealed,
        tag_index,
        is_tag_stored=environment.is_tag_stored,
        has_body=environment.has_body,
    )
    sessions = Sessions(
        vault.sessions, tag_index, sealed_mail=sealed_mail, entropy=entropy, kem=kem
    )
    notes = Notes(vault.trust, pending_events)
    contacts = Contacts(vault, notes, pending_events, let_in=sealed_mail.let_in)
    retirements = Retirements(
        vault.retirements, delay_ms=environment.retire_delay_ms, entropy=entropy, now=now
    )
    return Parts(
        posting_keys=posting_keys,
        dropped=dropped,
        tag_index=tag_index,
        sessions=sessions,
        notes=notes,
        contacts=contacts,
        history=History(vault),
        retirements=retirements,
        transit=Transit(vault, retirements, pending_events),
        posting_key_sharing=PostingKeySharing(
            vault, posting_keys=posting_keys, sessions=sessions, entropy=entropy
        ),
        vouches=Vouches(vault, environment.distances),
    )


def wired(
    account: Account,
    environment: Environment,
    parts: Parts,
    reload: Callable[[Instant], Contacts],
) -> Person:
    """Put together what an identity can do. `reload` does so anew, after a contact has gone."""
    ties = _tie(account, environment, parts)
    message_pages = MessagePages(account, parts.contacts)
    introductions = Introductions(
        account,
        contacts=parts.contacts,
        notes=parts.notes,
        invites=ties.invites,
        invites_accepted=ties.invites_accepted,
        outbox=ties.outbox,
    )
    features = _features(account, parts, ties, message_pages, introductions, reload)
    return Person(
        identity=account.identity,
        message_pages=message_pages,
        outbox=ties.outbox,
        inbox=_inbox(account, parts, ties, message_pages, features),
        introductions=introductions,
        nearby_contacts=NearbyContacts(
            account,
            contacts=parts.contacts,
            invites=ties.invites,
            invites_accepted=ties.invites_accepted,
        ),
        commands=table_of(entry for feature in features for entry in feature.commands),
        chores=[chore for feature in features for chore in feature.chores],
        cleanups=[task for feature in features for task in feature.cleanups],
    )


@dataclass(frozen=True, slots=True)
class _Ties:
    """The ties to contacts, on which the features stand."""

    prekeys: Prekeys
    bundles: ContactBundles
    outbox: Outbox
    invites: Invites
    invites_accepted: InvitesAccepted
    session_recovery: SessionRecovery


def _tie(account: Account, environment: Environment, parts: Parts) -> _Ties:
    """From keys to what is sealed with them, and to invites, ours and theirs."""
    contacts, sessions = parts.contacts, parts.sessions
    is_tag_stored = environment.is_tag_stored
    prekeys = Prekeys(
        account.vault.prekeys, account.identity, entropy=account.entropy, kem=account.kem
    )
    session_setup = SessionSetup(
        account, sessions=sessions, prekeys=prekeys, is_tag_stored=is_tag_stored
    )
    sealing = Sealing(
        account,
        contacts=contacts,
        sessions=sessions,
        session_setup=session_setup,
        posting_keys=parts.posting_keys,
        is_tag_stored=is_tag_stored,
    )
    outbox = Outbox(
        account,
        sealing=sealing,
        sessions=sessions,
        prekeys=prekeys,
        posting_key_sharing=parts.posting_key_sharing,
        history=parts.history,
        transit=parts.transit,
    )
    invites = Invites(
        account,
        tag_index=parts.tag_index,
        prekeys=prekeys,
        posting_keys=parts.posting_keys,
        sealing=sealing,
        transit=parts.transit,
    )
    invites_accepted = InvitesAccepted(
        account, contacts=contacts, sessions=sessions, tag_index=parts.tag_index, outbox=outbox
    )
    session_recovery = SessionRecovery(
        account,
        contacts=contacts,
        sessions=sessions,
        session_setup=session_setup,
        invites_accepted=invites_accepted,
        outbox=outbox,
    )
    bundles = ContactBundles(account, parts.notes)
    return _Ties(prekeys, bundles, outbox, invites, invites_accepted, session_recovery)


def _features(
    account: Account,
    parts: Parts,
    ties: _Ties,
    message_pages: MessagePages,
    introductions: Introductions,
    reload: Callable[[Instant], Contacts],
) -> list[Feature]:
    """All features, in the order in which their chores are done."""
    contacts, notes, outbox = parts.contacts, parts.notes, ties.outbox
    receipts = Receipts(account, contacts=contacts, outbox=outbox, transit=parts.transit)
    verification = Verification(account, contacts=contacts, notes=notes, outbox=outbox)
    trust = TrustDecisions(
        account,
        contacts=contacts,
        notes=notes,
        verification=verification,
        sessions=parts.sessions,
        invites_accepted=ties.invites_accepted,
        posting_key_sharing=parts.posting_key_sharing,
        outbox=outbox,
    )
    conversations = Conversations(
        account, contacts=contacts, history=parts.history, message_pages=message_pages
    )
    messages = Messages(
        account,
        contacts=contacts,
        conversations=conversations,
        check_reachable=ties.invites_accepted.check_reachable,
        outbox=outbox,
        message_pages=message_pages,
        receipts=receipts,
    )
    leaving = Leaving(account, contacts=contacts, notes=notes, outbox=outbox, reload=reload)
    return [
        Feature(commands=[command(AskIdentity, lambda *_: identity_answer(account.identity))]),
        parts.posting_keys.feature(is_public_due=ties.invites.has_open),
        outbox.feature(),
        parts.vouches.feature(),
        ties.invites_accepted.feature(),
        introductions.feature(),
        ties.invites.feature(),
        verification.feature(),
        contacts.feature(),
        trust.feature(),
        leaving.feature(),
        ties.session_recovery.feature(),
        ties.bundles.feature(),
        receipts.feature(),
        Feature(
            chores=[Chore(parts.sessions.sealed_mail.forget_gone)],
            cleanups=[ties.prekeys.erase_old, parts.sessions.erase_old],
        ),
        conversations.feature(),
        messages.feature(),
        Feature(cleanups=[parts.transit.expire]),
    ]


def _inbox(
    account: Account,
    parts: Parts,
    ties: _Ties,
    message_pages: MessagePages,
    features: Sequence[Feature],
) -> Inbox:
    reception = Reception(
        account,
        contacts=parts.contacts,
        history=parts.history,
        message_pages=message_pages,
        retirements=parts.retirements,
        session_recovery=ties.session_recovery,
        controls=table_of(entry for feature in features for entry in feature.controls.items()),
        dropped=parts.dropped,
    )
    inbound = InboundSessions(
        account,
        contacts=parts.contacts,
        sessions=parts.sessions,
        prekeys=ties.prekeys,
        invites=ties.invites,
        session_recovery=ties.session_recovery,
        bundles=ties.bundles,
        reception=reception,
    )
    return Inbox(
        account,
        tag_index=parts.tag_index,
        sessions=parts.sessions,
        invites_accepted=ties.invites_accepted,
        session_recovery=ties.session_recovery,
        inbound=inbound,
        reception=reception,
        dropped=parts.dropped,
    )


def table_of(entries: Iterable[tuple[_Key, _Handler]]) -> Mapping[_Key, _Handler]:
    """Return who handles what; no two features handle the same."""
    table: dict[_Key, _Handler] = {}
    for key, handler in entries:
        assert key not in table, "two features handle the same"
        table[key] = handler
    return table
