"""Our own name, told in each group that calls us otherwise.

Implements `docs/protocol/groups.md`, section "Names". Nothing waits in a queue: what a group calls
us is compared with what we call ourselves, so a name that was not told yet is told by whatever
comes after a crash.
"""

from mesh.content.entry import EntryId, Kind
from mesh.content.kinds import Field
from mesh.content.name import Name
from mesh.crypto.entropy import uniform_below
from mesh.group.rights import Deed, may
from mesh.ids import ConversationId, Instant, Monotonic, VerifyKey
from mesh.limits.content import OVER_MAX
from mesh.limits.group_names import NAME_TOLD_AFTER_MS
from mesh.messenger.account import Account
from mesh.messenger.conversations.entries import Statement
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.member_names import MemberNames
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.names import is_name


class OwnNames:
    """Tells the members of our groups what we call ourselves."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        names: MemberNames,
        group_entries: GroupEntries,
        message_pages: MessagePages,
    ) -> None:
        self._conversations = account.vault.conversations
        self._registers = account.vault.registers
        self._identity = account.identity
        self._entropy = account.entropy
        self._groups = keepers.groups
        self._names = names
        self._group_entries = group_entries
        self._message_pages = message_pages
        # What was compared last: the name, and whether it was chosen for groups too.
        self._looked_for = "", False
        # When each group is told which name, and what each was told last: a word that does not
        # count there is not said again and again.
        self._dues: dict[ConversationId, tuple[Monotonic, str]] = {}
        self._said: dict[VerifyKey, str] = {}
        group_entries.before_writing = self._before_writing

    def feature(self) -> Feature:
        """Return what is done by itself."""
        return Feature(chores=[Chore(self._tend)], deadline=self._next)

    def _next(self) -> Monotonic | None:
        if self._chosen() != self._looked_for and self._groups.all:
            return Monotonic(0)
        return min((due for due, _ in self._dues.values()), default=None)

    def _chosen(self) -> tuple[str, bool]:
        """Return our name, and whether our person chose it since groups are told it."""
        return self._identity.name, self._identity.is_name_chosen

    def _tend(self, now: Instant) -> None:
        """Look which groups call us otherwise; tell those whose time has come."""
        self._looked_for = name, _ = self._chosen()
        dues: dict[ConversationId, tuple[Monotonic, str]] = {}
        for group in self._groups.all:
            # Without keys in use it would wait, and another name be told behind it.
            if not self._is_untold(group) or group.chosen() is None:
                continue
            due, waiting = self._dues.get(group.conversation, (Monotonic(0), ""))
            if waiting != name:
                due = self._drawn(now)
            if due <= now.monotonic:
                self._tell(group, now)
            else:
                dues[group.conversation] = due, name
        self._dues = dues

    def _drawn(self, now: Instant) -> Monotonic:
        shortest_ms, longest_ms = NAME_TOLD_AFTER_MS
        span_ms = longest_ms - shortest_ms + 1
        return now.after(shortest_ms + uniform_below(self._entropy, span_ms))

    def _before_writing(self, conversation: ConversationId, now: Instant) -> None:
        """Our person says something in a group: who reads that shall know who says it."""
        group = self._groups.find(conversation)
        if group is not None and conversation in self._dues and self._is_untold(group):
            del self._dues[conversation]
            self._tell(group, now)

    def _is_untold(self, group: Group) -> bool:
        """Say whether a group that is not closed calls us otherwise."""
        membership, (name, is_chosen) = group.membership, self._chosen()
        if not is_chosen or not is_name(name):
            return False
        if membership is None or group.row.state != "in" or not group.is_in:
            return False
        if self._said.get(group.me) == name or not may(membership.view, group.me, Deed.CHANGE):
            return False
        return self._names.told(group.conversation, membership, group.me) != name

    def _tell(self, group: Group, now: Instant) -> None:
        self._said[group.me] = self._identity.name
        replaced = self._registers.to_replace(group.conversation, b"", Field.NAME.value, group.me)
        statement = Statement(
            Kind.NAME,
            Name(self._identity.name),
            over=tuple(EntryId(id_) for id_ in replaced[:OVER_MAX]),
        )
        conversation = self._conversations.conversation(group.conversation)
        row = self._group_entries.write(conversation, statement, now=now)
        self._message_pages.tell_added(row)
