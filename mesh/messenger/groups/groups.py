"""The parts of groups, put together."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh.content.entry import OperationId
from mesh.events import (
    GroupAdded,
    GroupChanged,
    GroupInvited,
    GroupKnocked,
    GroupLeft,
    GroupNoted,
)
from mesh.ids import ConversationId, Instant, Tag, UnixSeconds
from mesh.limits.group_keys import WRITTEN_IN_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.entries import Entries
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.feature import Feature
from mesh.messenger.groups.acceptances import Acceptances
from mesh.messenger.groups.briefings import Briefings
from mesh.messenger.groups.chains_keeper import ChainsKeeper
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.daily_shares import DailyShares
from mesh.messenger.groups.epochs_keeper import EpochsKeeper
from mesh.messenger.groups.group_answers import GroupAnswers
from mesh.messenger.groups.group_commands import GroupCommands
from mesh.messenger.groups.group_inbox import GroupInbox
from mesh.messenger.groups.group_links import GroupLinks
from mesh.messenger.groups.group_posting import GroupPosting
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.groups.group_sealer import GroupSealer
from mesh.messenger.groups.hands import Hands
from mesh.messenger.groups.hellos import Hellos
from mesh.messenger.groups.invitations import Invitations
from mesh.messenger.groups.joining import Joining
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.groups.knocks import Knocks
from mesh.messenger.groups.leaves_keeper import LeavesKeeper
from mesh.messenger.groups.letters import Letters
from mesh.messenger.groups.link_door import LinkDoor
from mesh.messenger.groups.losses import Losses
from mesh.messenger.groups.membership_keeper import MembershipKeeper
from mesh.messenger.groups.needs import Needs
from mesh.messenger.groups.own_names import OwnNames
from mesh.messenger.groups.own_places import OwnPlaces
from mesh.messenger.groups.repair import Repair
from mesh.messenger.groups.speech import GroupSpeech, OpenedEntries
from mesh.messenger.groups.standing import Standing
from mesh.messenger.groups.supplies import Supplies
from mesh.messenger.groups.upkeep import Upkeep
from mesh.messenger.groups.welcomes import Welcomes
from mesh.messenger.pending_events import GroupNews, PendingEvents
from mesh.messenger.sessions.link_keys import link_keys
from mesh.messenger.sessions.sealing import Sealing
from mesh.messenger.sessions.sessions import Sessions
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.messenger.sessions.transit import Transit


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups of a person."""

    keepers: Keepers
    posting: GroupPosting
    inbox: GroupInbox
    answers: GroupAnswers
    knocks: Knocks
    letters: Letters
    joining: Joining
    standing: Standing
    receipts: GroupReceipts
    features: Sequence[Feature]
    pending_events: PendingEvents

    def expect(self, now: Instant) -> None:
        """Expect what members write, as at a start."""
        self.keepers.chains.expect_all(self.keepers.groups.all, now)

    def written_in(self, mesh_now: UnixSeconds) -> list[ConversationId]:
        """The groups in which our person wrote lately, and may again."""
        return [
            group.conversation
            for group in self.keepers.groups.all
            if group.row.state == "in" and mesh_now - group.here.wrote < WRITTEN_IN_SECONDS
        ]

    def tell_changed(self) -> None:
        """Tell of all groups that changed, each once, and of what happened in them."""
        happened, changed = self.pending_events.take_groups()
        for conversation, news in happened:
            self._tell(conversation, news)
        for conversation in changed:
            group = self.keepers.groups.find(conversation)
            if group is not None:
                self.pending_events.tell(GroupChanged(self.answers.group(group)))

    def _tell(self, conversation: ConversationId, news: GroupNews) -> None:
        group = self.keepers.groups.find(conversation)
        if group is None:
            return
        answer = self.answers.group(group)
        match news.kind:
            case "invited":
                self.pending_events.tell(GroupInvited(answer))
            case "added":
                self.pending_events.tell(GroupAdded(answer))
            case "left":
                self.pending_events.tell(GroupLeft(answer))
            case "knock":
                knock = self.knocks.find_knock(group, news.number)
                if knock is not None:
                    self.pending_events.tell(GroupKnocked(answer, knock))
            case "noted":
                told = self.answers.find_operation(group, OperationId(news.operation))
                assert told is not None
                self.pending_events.tell(GroupNoted(answer, told))


def open_groups(
    account: Account,
    *,
    tag_index: TagIndex,
    transit: Transit,
    sessions: Sessions,
    contacts: Contacts,
    sealing: Sealing,
    outbox: Outbox,
    entries: Entries,
    group_entries: GroupEntries,
    message_pages: MessagePages,
    opened: OpenedEntries,
    dropped: Counter[str],
    is_tag_stored: Callable[[Tag], bool],
    own_places: OwnPlaces,
) -> Groups:
    """Read into memory what the vault has of groups."""
    keeper = MembershipKeeper(account, transit, tag_index)
    leaves = LeavesKeeper(account)
    chains = ChainsKeeper(account, tag_index)
    epochs = EpochsKeeper(account, groups=keeper, leaves=leaves, chains=chains)
    shares = DailyShares(account, tag_index)
    keepers = Keepers(keeper, leaves, chains, epochs, shares)
    sealer = GroupSealer(
        account,
        keepers=keepers,
        sealing=sealing,
        transit=transit,
        own_places=own_places,
    )
    posting = GroupPosting(account, keepers=keepers, sealer=sealer)
    people = account.vault.contacts
    hellos = Hellos(
        account,
        leaves=leaves,
        sealer=sealer,
        link_keys=lambda: link_keys(people, sessions)[0],
    )
    answers = GroupAnswers(account, contacts=contacts, leaves=leaves)
    receipts = GroupReceipts(account, keepers=keepers, posting=posting, answers=answers)
    sealer.riding = receipts.riding
    speech = GroupSpeech(
        account,
        keepers=keepers,
        posting=posting,
        answers=answers,
        entries=entries,
        group_entries=group_entries,
        opened=opened,
        dropped=dropped,
    )
    speech.came = receipts.came
    speech.told, speech.words = receipts.told, receipts.words
    standing = Standing(
        account,
        keepers=keepers,
        posting=posting,
        hellos=hellos,
        speech=speech,
        link_keys=lambda: link_keys(people, sessions)[1],
    )
    briefings = Briefings(
        account,
        posting=posting,
        speech=speech,
        group_entries=group_entries,
    )
    letters = Letters(account, leaves=leaves, sealing=sealing, transit=transit)
    changes = Changes(
        keepers=keepers,
        posting=posting,
        standing=standing,
        briefings=briefings,
        letters=letters,
    )
    losses = Losses(
        account,
        keepers=keepers,
        changes=changes,
        posting=posting,
        is_tag_stored=is_tag_stored,
    )
    speech.own_is_lost = losses.own_entry
    invitations = Invitations(
        account,
        keepers=keepers,
        changes=changes,
        standing=standing,
        outbox=outbox,
    )
    acceptances = Acceptances(account, keepers=keepers, changes=changes, invitations=invitations)
    door = LinkDoor(tag_index=tag_index, sealing=sealing, transit=transit)
    links = GroupLinks(account, keepers=keepers, door=door)
    knocks = Knocks(
        account,
        keepers=keepers,
        changes=changes,
        posting=posting,
        letters=letters,
        contacts=contacts,
    )
    welcomes = Welcomes(account, keepers=keepers, changes=changes, letters=letters)
    links.closed = knocks.close
    joining = Joining(
        account,
        keepers=keepers,
        invitations=invitations,
        letters=letters,
        standing=standing,
        answers=answers,
        tag_index=tag_index,
    )
    commands = GroupCommands(
        account,
        keepers=keepers,
        changes=changes,
        invitations=invitations,
        standing=standing,
        contacts=contacts,
        answers=answers,
        known_entries=speech.known,
    )
    repair = Repair(
        leaves,
        needs=Needs(account, keepers=keepers, posting=posting),
        supplies=Supplies(account, keepers=keepers, posting=posting, group_entries=group_entries),
        losses=losses,
        hands=Hands(account, keepers=keepers, posting=posting, hellos=hellos),
    )
    upkeep = Upkeep(
        account,
        keepers=keepers,
        posting=posting,
        hellos=hellos,
        changes=changes,
        standing=standing,
        repair=repair,
        known_entries=speech.known,
    )
    own_names = OwnNames(
        account,
        keepers=keepers,
        names=answers.names,
        group_entries=group_entries,
        message_pages=message_pages,
    )
    inbox = GroupInbox(
        account,
        keepers=keepers,
        speech=speech,
        standing=standing,
        repair=repair,
        knocks=knocks,
        joining=joining,
        receipts=receipts,
    )
    return Groups(
        keepers=keepers,
        posting=posting,
        inbox=inbox,
        answers=answers,
        knocks=knocks,
        letters=letters,
        joining=joining,
        standing=standing,
        receipts=receipts,
        features=[
            commands.feature(),
            invitations.feature(),
            acceptances.feature(),
            links.feature(),
            knocks.feature(),
            joining.feature(),
            receipts.feature(),
            welcomes.feature(),
            upkeep.feature(),
            own_names.feature(),
            shares.feature(),
        ],
        pending_events=account.pending_events,
    )
