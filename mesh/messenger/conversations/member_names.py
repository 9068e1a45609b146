"""The names of members: what each calls himself in a group, and called himself before.

Implements `docs/protocol/groups.md`, section "Names". A name is a register of the group that its
bearer alone writes: his last word that counts holds, and until there is one his record does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mesh.content.entry import decode_entry
from mesh.content.kinds import Place, content_of
from mesh.content.name import Name
from mesh.group.membership import STRANGERS, Membership, payer
from mesh.ids import ConversationId, VerifyKey
from mesh.limits.storage import NAMED_GROUPS_KEPT_MAX
from mesh.messenger.looks import looks_of
from mesh.messenger.names import member_name
from mesh.storage.vault.authors import AuthorRows
from mesh.storage.vault.member_names import LastName, MemberNameRows
from mesh.storage.vault.rows import EntryRow


@dataclass(frozen=True, slots=True)
class _Bearers:
    """The bearers of names in a group, by the looks of these; and what they were found by."""

    last: Mapping[bytes, LastName]
    acts: int
    by_looks: Mapping[str, list[VerifyKey]]


class MemberNames:
    """Says what members call themselves."""

    def __init__(self, rows: MemberNameRows, authors: AuthorRows) -> None:
        self._rows = rows
        self._authors = authors
        self._bearers: dict[ConversationId, _Bearers] = {}

    def of(self, conversation: ConversationId, membership: Membership, key: VerifyKey) -> str:
        """Return what somebody calls himself here, made safe, also if he is out; empty: he never
        was in, as far as it is known.
        """
        return _shown(self.told(conversation, membership, key), key)

    def told(self, conversation: ConversationId, membership: Membership, key: VerifyKey) -> str:
        """Return that as he told it himself, or who added him did."""
        last = self._rows.find(conversation, key)
        return _named(None if last is None else last.data) or recorded(membership, key)

    def is_like_another(
        self, conversation: ConversationId, membership: Membership, key: VerifyKey
    ) -> bool:
        """Say whether somebody else who is or was in, or of whom something is shown here, is called
        so that a reader could take the one for the other.
        """
        name = self.of(conversation, membership, key)
        bearers = self._all(conversation, membership)
        return any(one != key for form in looks_of(name) for one in bearers.get(form, ()))

    def _all(
        self, conversation: ConversationId, membership: Membership
    ) -> Mapping[str, list[VerifyKey]]:
        """Return who is called how. It is found anew where a name or an operation came: to look at
        all names for each that is shown would take as long again as there are members.
        """
        last, acts = self._rows.last_of(conversation), membership.graph.all
        known = self._bearers.get(conversation)
        if known is not None and known.acts == acts:
            # The rows are read anew with each piece of work: they are compared once in it.
            if known.last is not last and known.last == last:
                known = self._bearers[conversation] = replace(known, last=last)
            if known.last is last:
                return known.by_looks
        by_looks: dict[str, list[VerifyKey]] = {}
        for key in self._seen(conversation, membership):
            name = self.of(conversation, membership, key)
            for form in dict.fromkeys(looks_of(name)) if name else ():
                by_looks.setdefault(form, []).append(key)
        if len(self._bearers) >= NAMED_GROUPS_KEPT_MAX:
            self._bearers.clear()
        self._bearers[conversation] = _Bearers(last, acts, by_looks)
        return by_looks

    def _seen(self, conversation: ConversationId, membership: Membership) -> list[VerifyKey]:
        """Return who is in, stands in an add that counts, or is shown as an author. Of whom alone a
        void operation tells, nothing is: any member could add a thousand of any name so.
        """
        written = dict.fromkeys(self._authors.shown(conversation))
        return [
            key
            for key in membership.graph.people
            if key in written or payer(membership, key) != STRANGERS
        ]

    def drop(self, conversation: ConversationId) -> None:
        """A group is forgotten, or somebody writes there for the first time."""
        self._bearers.pop(conversation, None)

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
