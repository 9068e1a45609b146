"""The word of contacts whom we asked into a group, and who want to come.

Implements `docs/protocol/groups.md`, section "Coming in". Our node adds who accepts at once, in the
transaction in which the word came. While we may not, as far as is known, the word is kept: of a
removal of ours, or of a role that was taken, it may turn out that it does not count. Those whose
word was kept come in together.
"""

from collections import defaultdict
from collections.abc import Sequence

from mesh.crypto.signing import is_signature_valid
from mesh.errors import PeerError, UserError
from mesh.group.inviting import GroupAccept, decode_accept, stored_accept
from mesh.group.operations import Add
from mesh.group.writing import check_allowed
from mesh.ids import ContactId, ConversationId, Instant, Monotonic, VerifyKey
from mesh.limits.groups import ACCEPTS_AT_ONCE_MAX, INVITED_KEPT_SECONDS
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

_Waiting = tuple[ContactRow, GroupAccept]
"""A contact who wants to come, and their word."""


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
        # More wait than come in with one epoch.
        self._deadline: Monotonic | None = None

    def feature(self) -> Feature:
        """Return what contacts answer, and what is done with it later."""
        return Feature(
            controls={GROUP_ACCEPT: self._accepted},
            chores=[Chore(self._tend)],
            deadline=lambda: self._deadline,
        )

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
        self._invitations.stop_asking(group, contact.id)
        self._rows.put_accept(AcceptRow(group.conversation, contact.id, control.data))
        self._looked.pop(group.conversation, None)
        rows = [row for row in self._rows.accepts() if row.conversation == group.conversation]
        self._tend_group(group, rows, now)

    def _is_asked(self, group: Group, contact: ContactId, now: Instant) -> bool:
        invited = self._rows.find_invited(group.conversation, contact)
        return invited is not None and now.expiry < invited.invited + INVITED_KEPT_SECONDS

    def _tend(self, now: Instant) -> None:
        """Add whom we could not add before. What we may follows from operations alone."""
        self._deadline = None
        by_group: dict[ConversationId, list[AcceptRow]] = defaultdict(list)
        for row in self._rows.accepts():
            by_group[row.conversation].append(row)
        for conversation, rows in by_group.items():
            group = self._groups.find(conversation)
            if group is not None:
                self._tend_group(group, rows, now)

    def _tend_group(self, group: Group, rows: Sequence[AcceptRow], now: Instant) -> None:
        """Add those who wait, so many as come in with one epoch, if they may be added by now."""
        count = _operations_count(group)
        if self._looked.get(group.conversation) == count:
            return
        waiting = self._waiting(group, rows, now)
        if waiting and self._add(group, waiting[:ACCEPTS_AT_ONCE_MAX], now):
            if len(waiting) > ACCEPTS_AT_ONCE_MAX:
                self._deadline = now.monotonic
                return
            count = _operations_count(group)
        self._looked[group.conversation] = count

    def _waiting(self, group: Group, rows: Sequence[AcceptRow], now: Instant) -> list[_Waiting]:
        """Return those who may be added by what is known, each key once."""
        found: dict[bytes, _Waiting] = {}
        for row in rows:
            contact = self._people.contact(row.contact)
            if contact.is_blocked or not self._is_asked(group, contact.id, now):
                continue
            accept = stored_accept(row.data)
            if accept.record.key not in found and _may_add(group, accept):
                found[accept.record.key] = contact, accept
        return list(found.values())

    def _add(self, group: Group, waiting: Sequence[_Waiting], now: Instant) -> bool:
        """Add people with one epoch, as many as there is room for; say whether that could be."""
        records = [accept.record for _, accept in waiting]
        bundles = [accept.bundle for _, accept in waiting]
        try:
            made, count = self._changes.add_all(
                group, records, now, bundles=bundles, pause=Pause.SOON
            )
        except UserError:
            return False
        for contact, accept in waiting[:count]:
            key = VerifyKey(accept.record.key)
            self._rows.remove_invited(group.conversation, contact.id)
            self._invitations.knows(group, key, contact)
            self._invitations.welcome(contact, group, made, key, Pause.SOON, now)
        return True


def _may_add(group: Group, accept: GroupAccept) -> bool:
    """Say whether somebody may be added by what is known; whether he comes alone or with others."""
    if group.membership is None:
        return False
    try:
        check_allowed(group.membership, group.me, Add((accept.record,)))
    except UserError:
        return False
    return True


def _operations_count(group: Group) -> int:
    return 0 if group.membership is None else len(group.membership.graph)
