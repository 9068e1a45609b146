"""The word of contacts whom we asked into a group, and who want to come.

Implements `docs/protocol/groups.md`, section "Coming in". Our node adds who accepts at once, in the
transaction in which the word came. While we may not, as far as is known, the word is kept: of a
removal of ours, or of a role that was taken, it may turn out that it does not count.
"""

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError
from mesh.group.inviting import GroupAccept, decode_accept, stored_accept
from mesh.group.operations import Add
from mesh.group.writing import may_do
from mesh.ids import ContactId, ConversationId, Instant, VerifyKey
from mesh.limits.groups import INVITED_KEPT_SECONDS
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature, ReceivedControl
from mesh.messenger.groups.changes import Changes
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.invitations import Invitations
from mesh.messenger.groups.keepers import Keepers
from mesh.messenger.names import is_fair_name
from mesh.messenger.pauses import Pause
from mesh.storage.vault.group_people import AcceptRow
from mesh.storage.vault.rows import ContactRow
from mesh.wire.controls import GROUP_ACCEPT


class Acceptances:
    """Adds who accepts an invite of ours."""

    def __init__(
        self,
        account: Account,
        *,
        keepers: Keepers,
        changes: Changes,
        invitations: Invitations,
    ) -> None:
        self._rows = account.vault.group_people
        self._people = account.vault.contacts
        self._entropy = account.entropy
        self._kem = account.kem
        self._groups = keepers.groups
        self._changes = changes
        self._invitations = invitations
        # So many operations were here when the words that are kept were looked at last.
        self._looked: dict[ConversationId, int] = {}

    def feature(self) -> Feature:
        """Return what contacts answer, and what is done with it later."""
        return Feature(controls={GROUP_ACCEPT: self._accepted}, chores=[Chore(self._tend)])

    def _accepted(self, control: ReceivedControl, now: Instant) -> None:
        """A contact whom we asked joins: they are added now, or as soon as we may."""
        accept = decode_accept(
            control.data, verify=is_signature_valid, entropy=self._entropy, kem=self._kem
        )[0]
        group, contact = self._groups.find_by_id(accept.gid), control.contact
        if group is None or not (group.is_in or group.row.state == "removed"):
            raise PeerError("an answer about a group in which we are not")
        if not self._is_asked(group, contact.id, now):
            raise PeerError("an answer of somebody whom we did not ask into a group")
        if not is_fair_name(accept.record.name):
            raise PeerError("a member whose name no screen shows")
        if not self._add(group, contact, accept, now):
            self._rows.put_accept(AcceptRow(group.conversation, contact.id, control.data))

    def _is_asked(self, group: Group, contact: ContactId, now: Instant) -> bool:
        invited = self._rows.find_invited(group.conversation, contact)
        return invited is not None and now.expiry < invited.invited + INVITED_KEPT_SECONDS

    def _add(self, group: Group, contact: ContactRow, accept: GroupAccept, now: Instant) -> bool:
        """Add who accepted; say whether that could be."""
        membership, action = group.membership, Add((accept.record,))
        if membership is None or not may_do(membership, group.me, action):
            return False
        key = VerifyKey(accept.record.key)
        self._rows.remove_invited(group.conversation, contact.id)
        self._invitations.knows(group, key, contact)
        made = self._changes.do(group, action, now, bundles=[accept.bundle], pause=Pause.SOON)
        assert made is not None
        self._invitations.welcome(contact, group, made, key, Pause.SOON, now)
        return True

    def _tend(self, now: Instant) -> bool:
        """Add one whom we could not add before; say whether there may be more. Each is an epoch of
        its own, so that nothing else waits for all of them. What we may follows from operations
        alone.
        """
        rows = self._rows.accepts()
        counts = {row.conversation: self._count(row.conversation) for row in rows}
        for row in rows:
            group = self._groups.find(row.conversation)
            if group is None or self._looked.get(row.conversation) == counts[row.conversation]:
                continue
            contact = self._people.contact(row.contact)
            if contact.is_blocked or not self._is_asked(group, contact.id, now):
                continue
            if self._add(group, contact, stored_accept(row.data), now):
                return True
        self._looked = counts
        return False

    def _count(self, conversation: ConversationId) -> int:
        group = self._groups.find(conversation)
        return 0 if group is None or group.membership is None else len(group.membership.graph)
