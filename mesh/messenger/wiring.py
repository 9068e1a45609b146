"""The features of the messenger, registered, and a person who has them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mesh.ids import Instant, Monotonic
from mesh.messenger.account import Account, Environment
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.contacts.own_name import OwnName
from mesh.messenger.conversations.boards import Boards
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.erasing import Erasing
from mesh.messenger.conversations.file_commands import FileCommands
from mesh.messenger.conversations.file_posting import FilePosting
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.item_answers import ItemAnswers
from mesh.messenger.conversations.item_people import ItemPeople
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.messages import Messages
from mesh.messenger.conversations.newer_kinds import NewerKinds
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.conversations.receipts import Receipts
from mesh.messenger.conversations.reminding import Reminding
from mesh.messenger.conversations.room import Room
from mesh.messenger.conversations.scheduled import Scheduled
from mesh.messenger.conversations.search import Searching
from mesh.messenger.conversations.writing import Writing
from mesh.messenger.feature import Chore, CommandHandler, Feature, Task
from mesh.messenger.groups.group_files import GroupFiles
from mesh.messenger.groups.groups import Groups, open_groups
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.messenger.identity import Identity
from mesh.messenger.inbox.inbound_sessions import InboundSessions
from mesh.messenger.inbox.inbox import Inbox
from mesh.messenger.inbox.opened_messages import OpenedMessages
from mesh.messenger.inbox.reception import Reception
from mesh.messenger.member_letters import MemberLetters
from mesh.messenger.onboarding.introductions import Introductions
from mesh.messenger.onboarding.leaving import Leaving
from mesh.messenger.onboarding.machines import Machines
from mesh.messenger.onboarding.nearby_contacts import NearbyContacts
from mesh.messenger.onboarding.trust import TrustDecisions
from mesh.messenger.onboarding.verification import Verification
from mesh.messenger.parts import Parts
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.ties import Ties, tie
from mesh.wire.controls import KEYS_TAKEN

_Key = TypeVar("_Key")
_Handler = TypeVar("_Handler")


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an identity: who they are, and what they can do."""

    identity: Identity
    sealing: Sealing
    message_pages: MessagePages
    answers: ItemAnswers
    conversations: Conversations
    erasing: Erasing
    outbox: Outbox
    inbox: Inbox
    introductions: Introductions
    nearby_contacts: NearbyContacts
    machines: Machines
    groups: Groups
    commands: Mapping[type[object], CommandHandler]
    chores: Sequence[Chore]
    cleanups: Sequence[Task]
    deadlines: Sequence[Callable[[], Monotonic | None]]


def wired(
    account: Account,
    environment: Environment,
    parts: Parts,
    reload: Callable[[Instant], Contacts],
) -> Person:
    """Put together what an identity can do. `reload` does so anew, after a contact has gone."""
    ties = tie(account, environment, parts)
    answers = ItemAnswers(account, contacts=parts.contacts, entries=ties.entries)
    message_pages = MessagePages(account, answers)
    introductions = Introductions(
        account,
        contacts=parts.contacts,
        notes=parts.notes,
        invites=ties.invites,
        invites_accepted=ties.invites_accepted,
        outbox=ties.outbox,
    )
    conversations = Conversations(
        account,
        contacts=parts.contacts,
        history=parts.history,
        entries=ties.entries,
        message_pages=message_pages,
        groups=GroupEntries(
            account, history=parts.history, entries=ties.entries, message_pages=message_pages
        ),
    )
    opened_messages = OpenedMessages(
        account, history=parts.history, entries=ties.entries, message_pages=message_pages
    )
    groups = open_groups(
        account,
        tag_index=parts.tag_index,
        transit=parts.transit,
        sessions=parts.sessions,
        contacts=parts.contacts,
        sealing=ties.sealing,
        outbox=ties.outbox,
        entries=ties.entries,
        group_entries=conversations.groups,
        message_pages=message_pages,
        opened=opened_messages,
        dropped=parts.dropped,
        is_tag_stored=environment.is_tag_stored,
        own_places=OwnPlaces(
            sealed_under=environment.sealed_under, authors_under=environment.authors_under
        ),
    )
    member_letters = MemberLetters(
        account,
        groups=groups,
        contacts=parts.contacts,
        notes=parts.notes,
        invites=ties.invites,
        invites_accepted=ties.invites_accepted,
        outbox=ties.outbox,
    )
    features = [
        *_features(account, parts, ties, introductions, groups, reload),
        *groups.features,
        member_letters.feature(),
        *_talk(account, parts, ties, message_pages, answers, conversations, groups),
        Feature(cleanups=[parts.lapsing.expire]),
    ]
    return Person(
        identity=account.identity,
        sealing=ties.sealing,
        message_pages=message_pages,
        answers=answers,
        conversations=conversations,
        erasing=ties.erasing,
        outbox=ties.outbox,
        inbox=_inbox(account, parts, ties, groups, opened_messages, features),
        introductions=introductions,
        nearby_contacts=NearbyContacts(
            account,
            contacts=parts.contacts,
            invites=ties.invites,
            invites_accepted=ties.invites_accepted,
        ),
        machines=ties.machines,
        groups=groups,
        commands=table_of(entry for feature in features for entry in feature.commands),
        chores=[chore for feature in features for chore in feature.chores],
        cleanups=[task for feature in features for task in feature.cleanups],
        deadlines=[one.deadline for one in features if one.deadline is not None],
    )


def _features(
    account: Account,
    parts: Parts,
    ties: Ties,
    introductions: Introductions,
    groups: Groups,
    reload: Callable[[Instant], Contacts],
) -> list[Feature]:
    """All features, in the order in which their chores are done."""
    contacts, notes, outbox = parts.contacts, parts.notes, ties.outbox
    verification = Verification(account, contacts=contacts, notes=notes, outbox=outbox)
    trust = TrustDecisions(
        account,
        contacts=contacts,
        key_doubts=parts.key_doubts,
        verification=verification,
        sessions=parts.sessions,
        invites_accepted=ties.invites_accepted,
        posting_key_sharing=parts.posting_key_sharing,
        outbox=outbox,
    )
    leaving = Leaving(account, contacts=contacts, notes=notes, outbox=outbox, reload=reload)
    return [
        OwnName(account).feature(),
        parts.posting_keys.feature(
            is_public_due=ties.invites.has_open, groups_written_in=groups.written_in
        ),
        ties.machines.feature(),
        outbox.feature(),
        parts.vouches.feature(),
        ties.invites_accepted.feature(),
        ties.invites_accepted.unanswered.feature(),
        introductions.feature(),
        ties.invites.feature(),
        ties.invites.closed_answers.feature(),
        verification.feature(),
        contacts.feature(),
        trust.feature(),
        leaving.feature(),
        ties.session_recovery.feature(),
        ties.bundles.feature(),
        Feature(
            controls={KEYS_TAKEN: ties.prekeys.taken},
            chores=[
                Chore(parts.sessions.sealed_mail.forget_gone),
                Chore(parts.sessions.sealed_mail.open_due, needs_steady_clock=True),
            ],
            cleanups=[ties.prekeys.erase_old, parts.sessions.erase_old],
        ),
    ]


def _talk(
    account: Account,
    parts: Parts,
    ties: Ties,
    message_pages: MessagePages,
    answers: ItemAnswers,
    conversations: Conversations,
    groups: Groups,
) -> list[Feature]:
    """The features of what people say and do in conversations."""
    contacts, outbox, entries = parts.contacts, ties.outbox, ties.entries
    receipts = Receipts(account, contacts=contacts, outbox=outbox, transit=parts.transit)
    receipts.of_groups = groups.receipts.were_read
    files = ties.erasing.files
    file_posting = FilePosting(account, files, ties.sealing, outbox, parts.transit)
    group_files = GroupFiles(
        account, groups=groups, files=files, file_posting=file_posting, entries=entries
    )
    writing = Writing(
        account,
        contacts=contacts,
        conversations=conversations,
        check_reachable=ties.invites_accepted.check_reachable,
        outbox=outbox,
        entries=entries,
        file_posting=file_posting,
        message_pages=message_pages,
    )
    messages = Messages(
        account,
        conversations=conversations,
        entries=entries,
        writing=writing,
        outbox=outbox,
        message_pages=message_pages,
        receipts=receipts,
    )
    return [
        receipts.feature(),
        NewerKinds(account, entries).feature(),
        entries.at_hand.feature(),
        conversations.feature(),
        Room(account, files, conversations, parts.transit).feature(),
        Boards(account, conversations=conversations, entries=entries, answers=answers).feature(),
        messages.feature(),
        writing.feature(),
        ItemPeople(account, entries=entries, answers=answers).feature(),
        Reminding(account, entries=entries, writing=writing, answers=answers).feature(),
        conversations.groups.feature(),
        files.feature(),
        FileCommands(account, files).feature(),
        file_posting.feature(),
        group_files.feature(),
        Searching(account, conversations=conversations, message_pages=message_pages).feature(),
        Scheduled(
            account,
            contacts=contacts,
            conversations=conversations,
            writing=writing,
            file_posting=file_posting,
            file_answers=files.answers,
        ).feature(),
    ]


def _inbox(
    account: Account,
    parts: Parts,
    ties: Ties,
    groups: Groups,
    opened_messages: OpenedMessages,
    features: Sequence[Feature],
) -> Inbox:
    reception = Reception(
        account,
        contacts=parts.contacts,
        opened_messages=opened_messages,
        retirements=parts.retirements,
        transit=parts.transit,
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
        parts=parts,
        invites_accepted=ties.invites_accepted,
        session_recovery=ties.session_recovery,
        machines=ties.machines,
        inbound=inbound,
        groups=groups.inbox,
        reception=reception,
    )


def table_of(entries: Iterable[tuple[_Key, _Handler]]) -> Mapping[_Key, _Handler]:
    """Return who handles what; no two features handle the same."""
    table: dict[_Key, _Handler] = {}
    for key, handler in entries:
        assert key not in table, "two features handle the same"
        table[key] = handler
    return table
