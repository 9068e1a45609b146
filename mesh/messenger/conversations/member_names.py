"""The names of members: what each calls himself in a group, and called himself before.

Implements `docs/protocol/groups.md`, section "Names". A name is a register of the group that its
bearer alone writes: his last word that counts holds, and until there is one his record does.
"""

from mesh.content.entry import decode_entry
from mesh.content.kinds import Place, content_of
from mesh.content.name import Name
from mesh.group.membership import Membership
from mesh.ids import ConversationId, VerifyKey
from mesh.messenger.names import member_name
from mesh.storage.vault.member_names import MemberNameRows
from mesh.storage.vault.rows import EntryRow


class MemberNames:
    """Says what members call themselves."""

    def __init__(self, rows: MemberNameRows) -> None:
        self._rows = rows

    def of(self, conversation: ConversationId, membership: Membership, key: VerifyKey) -> str:
        """Return what somebody calls himself here, made safe, also if he is out; empty: he never
        was in, as far as it is known.
        """
        return _shown(self.told(conversation, membership, key), key)

    def told(self, conversation: ConversationId, membership: Membership, key: VerifyKey) -> str:
        """Return that as he told it himself, or who added him did."""
        last = self._rows.find(conversation, key)
        return _named(None if last is None else last.data) or recorded(membership, key)

    def before(self, row: EntryRow, membership: Membership, key: VerifyKey) -> str:
        """Return what the author of a name called himself before it, made safe."""
        data = self._rows.find_before(row.conversation, key, row.author, (row.clock, row.id))
        return _shown(_named(data) or recorded(membership, key), key)


def recorded(membership: Membership, key: VerifyKey) -> str:
    """Return the name in the record by which somebody is a member, or first was to be one."""
    member = membership.members.get(key)
    if member is not None:
        return member.record.name
    records = membership.graph.records(key)
    return records[0][0].record.name if records else ""


def _named(data: bytes | None) -> str:
    content = None if data is None else content_of(decode_entry(data), Place.GROUP)
    return content.name if isinstance(content, Name) else ""


def _shown(name: str, key: VerifyKey) -> str:
    return member_name(name, key) if name else ""
