"""The parts of the messenger, put together, and the features that are registered."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mesh.commands import AskIdentity
from mesh.ids import Instant, UnixSeconds
from mesh.messenger.account import Account, Environment
from mesh.messenger.comparisons import Comparisons
from mesh.messenger.contact_bundles import ContactBundles
from mesh.messenger.contacts import Contacts
from mesh.messenger.conversations import Conversations
from mesh.messenger.expected import ExpectedTags
from mesh.messenger.feature import Chore, CommandHandler, Feature, Task, command
from mesh.messenger.first_contacts import FirstContacts
from mesh.messenger.history import History
from mesh.messenger.identity import Identity, identity_answer
from mesh.messenger.inbound_sessions import InboundSessions
from mesh.messenger.inbox import Inbox
from mesh.messenger.introductions import Introductions
from mesh.messenger.invitations import Invitations
from mesh.messenger.invites import Invites
from mesh.messenger.keys_given import KeysGiven
from mesh.messenger.leaving import Leaving
from mesh.messenger.meetings import Meetings
from mesh.messenger.messages import Messages
from mesh.messenger.notes import Notes
from mesh.messenger.outbox import Outbox
from mesh.messenger.posting_keys import PostingKeys
from mesh.messenger.prekeys import Prekeys
from mesh.messenger.reading import Reading
from mesh.messenger.receipts import Receipts
from mesh.messenger.reception import Reception
from mesh.messenger.renewals import Renewals
from mesh.messenger.retirements import Retirements
from mesh.messenger.sealing import Sealing
from mesh.messenger.sessions import Sessions
from mesh.messenger.telling import Telling
from mesh.messenger.transit import Transit
from mesh.messenger.trusting import Trusting
from mesh.messenger.vouchers import Vouchers
from mesh.storage.vault import Vault

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
    expected: ExpectedTags
    sessions: Sessions
    notes: Notes
    contacts: Contacts
    history: History
    retirements: Retirements
    transit: Transit
    keys_given: KeysGiven
    vouchers: Vouchers


@dataclass(frozen=True, slots=True)
class Person:
    """What there is besides once somebody has an identity: who they are, and what they can do."""

    identity: Identity
    reading: Reading
    outbox: Outbox
    inbox: Inbox
    introductions: Introductions
    meetings: Meetings
    commands: Mapping[type[object], CommandHandler]
    chores: Sequence[Chore]
    cleanups: Sequence[Task]


def open_parts(
    vault: Vault,
    environment: Environment,
    *,
    posting_keys: PostingKeys,
    dropped: Counter[str],
    expected: ExpectedTags,
    telling: Telling,
    mesh_now: UnixSeconds,
    now: Instant,
) -> Parts:
    """Read into memory what the parts need of a vault."""
    entropy, kem = environment.entropy, environment.kem
    sessions = Sessions(vault.sessions, expected, entropy=entropy, kem=kem)
    notes = Notes(vault.trust, telling)
    contacts = Contacts(vault, notes, telling)
    retirements = Retirements(
        vault.retirements,
        delay_ms=environment.retire_delay_ms,
        entropy=entropy,
        mesh_now=mesh_now,
        now=now,
    )
    return Parts(
        posting_keys=posting_keys,
        dropped=dropped,
        expected=expected,
        sessions=sessions,
        notes=notes,
        contacts=contacts,
        history=History(vault),
        retirements=retirements,
        transit=Transit(vault, retirements, telling),
        keys_given=KeysGiven(vault, posting_keys=posting_keys, sessions=sessions, entropy=entropy),
        vouchers=Vouchers(vault, environment.standings),
    )


def set_up(
    account: Account,
    environment: Environment,
    parts: Parts,
    reload: Callable[[UnixSeconds, Instant], Contacts],
) -> Person:
    """Put together what an identity can do. `reload` does so anew, after a contact has gone."""
    ties = _tie(account, environment, parts)
    reading = Reading(account, parts.contacts)
    introductions = Introductions(
        account,
        contacts=parts.contacts,
        notes=parts.notes,
        invites=ties.invites,
        invitations=ties.invitations,
        outbox=ties.outbox,
    )
    features = _features(account, parts, ties, reading, introductions, reload)
    return Person(
        identity=account.identity,
        reading=reading,
        outbox=ties.outbox,
        inbox=_inbox(account, parts, ties, reading, features),
        introductions=introductions,
        meetings=Meetings(
            account,
            contacts=parts.contacts,
            invites=ties.invites,
            invitations=ties.invitations,
        ),
        commands=table_of(entry for feature in features for entry in feature.commands),
        chores=[chore for feature in features for chore in feature.chores],
        cleanups=[task for feature in features for task in feature.cleanups],
    )


@dataclass(frozen=True, slots=True)
class _Ties:
    """What ties us to contacts, on which the features stand."""

    prekeys: Prekeys
    bundles: ContactBundles
    outbox: Outbox
    invites: Invites
    invitations: Invitations
    renewals: Renewals


def _tie(account: Account, environment: Environment, parts: Parts) -> _Ties:
    """From keys to what is sealed with them, and to invites, ours and theirs."""
    contacts, sessions = parts.contacts, parts.sessions
    is_tag_stored = environment.is_tag_stored
    prekeys = Prekeys(
        account.vault.prekeys, account.identity, entropy=account.entropy, kem=account.kem
    )
    first_contacts = FirstContacts(
        account, sessions=sessions, prekeys=prekeys, is_tag_stored=is_tag_stored
    )
    sealing = Sealing(
        account,
        contacts=contacts,
        sessions=sessions,
        first_contacts=first_contacts,
        posting_keys=parts.posting_keys,
        is_tag_stored=is_tag_stored,
    )
    outbox = Outbox(
        account,
        sealing=sealing,
        sessions=sessions,
        prekeys=prekeys,
        keys_given=parts.keys_given,
        history=parts.history,
        transit=parts.transit,
    )
    invites = Invites(
        account,
        expected=parts.expected,
        prekeys=prekeys,
        posting_keys=parts.posting_keys,
        sealing=sealing,
        transit=parts.transit,
    )
    invitations = Invitations(
        account, contacts=contacts, sessions=sessions, expected=parts.expected, outbox=outbox
    )
    renewals = Renewals(
        account,
        contacts=contacts,
        sessions=sessions,
        first_contacts=first_contacts,
        invitations=invitations,
        outbox=outbox,
    )
    bundles = ContactBundles(account, parts.notes)
    return _Ties(prekeys, bundles, outbox, invites, invitations, renewals)


def _features(
    account: Account,
    parts: Parts,
    ties: _Ties,
    reading: Reading,
    introductions: Introductions,
    reload: Callable[[UnixSeconds, Instant], Contacts],
) -> list[Feature]:
    """All features, in the order in which their chores are done."""
    contacts, notes, outbox = parts.contacts, parts.notes, ties.outbox
    receipts = Receipts(account, contacts=contacts, outbox=outbox, transit=parts.transit)
    comparisons = Comparisons(account, contacts=contacts, notes=notes, outbox=outbox)
    trusting = Trusting(
        account,
        contacts=contacts,
        notes=notes,
        comparisons=comparisons,
        sessions=parts.sessions,
        invitations=ties.invitations,
        keys_given=parts.keys_given,
        outbox=outbox,
    )
    conversations = Conversations(
        account, contacts=contacts, history=parts.history, reading=reading
    )
    messages = Messages(
        account,
        contacts=contacts,
        conversations=conversations,
        invitations=ties.invitations,
        outbox=outbox,
        reading=reading,
        receipts=receipts,
    )
    leaving = Leaving(account, contacts=contacts, notes=notes, outbox=outbox, reload=reload)
    return [
        Feature(commands=[command(AskIdentity, lambda *_: identity_answer(account.identity))]),
        parts.posting_keys.feature(is_public_due=ties.invites.has_open),
        outbox.feature(),
        parts.vouchers.feature(),
        ties.invitations.feature(),
        introductions.feature(),
        ties.invites.feature(),
        comparisons.feature(),
        contacts.feature(),
        trusting.feature(),
        leaving.feature(),
        ties.renewals.feature(),
        ties.bundles.feature(),
        receipts.feature(),
        Feature(cleanups=[ties.prekeys.erase_old, parts.sessions.erase_old]),
        conversations.feature(),
        messages.feature(),
        Feature(cleanups=[parts.transit.expire]),
    ]


def _inbox(
    account: Account, parts: Parts, ties: _Ties, reading: Reading, features: Sequence[Feature]
) -> Inbox:
    reception = Reception(
        account,
        contacts=parts.contacts,
        history=parts.history,
        reading=reading,
        retirements=parts.retirements,
        renewals=ties.renewals,
        controls=table_of(entry for feature in features for entry in feature.controls.items()),
        dropped=parts.dropped,
    )
    inbound = InboundSessions(
        account,
        contacts=parts.contacts,
        sessions=parts.sessions,
        prekeys=ties.prekeys,
        invites=ties.invites,
        renewals=ties.renewals,
        bundles=ties.bundles,
        reception=reception,
    )
    return Inbox(
        account,
        expected=parts.expected,
        sessions=parts.sessions,
        invitations=ties.invitations,
        renewals=ties.renewals,
        inbound=inbound,
        reception=reception,
        dropped=parts.dropped,
    )


def table_of(entries: Iterable[tuple[_Key, _Handler]]) -> Mapping[_Key, _Handler]:
    """Who handles what; no two features handle the same."""
    table: dict[_Key, _Handler] = {}
    for key, handler in entries:
        assert key not in table, "two features handle the same"
        table[key] = handler
    return table
