"""Groups of a vault that was saved: where something of them is lost, we are out of all.

Implements `docs/protocol/storage.md`, section "Salvage". Nobody can tell what a damaged page held:
it may have been that somebody was removed, and whoever went on writing would write to him. So who
we were in each group ends here, with its keys, and all that is written and known stays. Whoever
asks us in again asks somebody new, as after we left.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from mesh.content.entry import ID_BYTES, OperationId
from mesh.crypto.hashing import blake2b_256
from mesh.database import Connection
from mesh.group.operations import Create
from mesh.ids import ContactId, ConversationId
from mesh.ratchet.identity import IdentityKeys
from mesh.storage.salvage import TableRead
from mesh.storage.vault.authors import AuthorRows
from mesh.storage.vault.group_people import GroupHereRow, GroupMemberRow, GroupPeopleRows
from mesh.storage.vault.groups import MEMBERSHIP_KIND, GroupRow, GroupRows

APART_FROM_GROUPS: Final = frozenset(
    (
        "awaiting",
        "carriers",
        "closed_answers",
        "comparisons",
        "contact_keys",
        "contact_notes",
        "direct_files",
        "direct_leaves",
        "drafts",
        "dropped_files",
        "exchanges",
        "first_contacts",
        "generations",
        "introductions",
        "introductions_made",
        "invitations",
        "invites",
        "keys_given",
        "member_letters",
        "member_letters_written",
        "message_steps",
        "opened_apart",
        "opened_in_day",
        "openings",
        "outbox",
        "payloads",
        "prekeys",
        "rendezvous",
        "retirements",
        "scheduled",
        "sessions",
        "skipped",
        "texts",
        "vouches",
    )
)
"""Tables whose loss hides of nobody that he is out of a group, and nothing that counts there."""

_STAY: Final = ("group_operations", "group_receipts", "group_postings")
"""Of the tables of groups those that hold no keys and nothing that is under way: who was in, what a
person chose to let others know, and which envelopes hold the blocks of a file."""

_GROUP_TABLES: Final = """
    SELECT name, EXISTS (SELECT 1 FROM pragma_table_info(list.name) WHERE name = 'conversation')
        FROM pragma_table_list AS list WHERE schema = 'main' AND name GLOB 'group_*' ORDER BY name
"""
_JUST_ASKED_IN: Final = """
    SELECT conversation FROM groups WHERE state = 'invited'
        AND conversation NOT IN (SELECT conversation FROM group_operations)
"""
"""Groups of which nothing was here yet, so nothing is lost."""

_NEVER_LEFT: Final = """
    UPDATE entries SET state = 'expired', lapses = NULL WHERE is_mine AND conversation = ?
        AND state IN ('awaiting-key', 'waiting-for-keys', 'queued')
        AND number NOT IN (SELECT message FROM outbox WHERE message IS NOT NULL)
"""
_BLOCKS: Final = """
    DELETE FROM postings WHERE file IN (SELECT number FROM files WHERE entry IN
        (SELECT number FROM entries WHERE conversation IN (SELECT conversation FROM groups)))
"""
_LETTERS: Final = """
    UPDATE invites SET secret = NULL, is_revoked = is_revoked OR uses < uses_max
        WHERE is_in_letter = 1
"""
"""A member whom we asked to become a contact comes by an invite of ours, which ends as we leave."""

_SHOWN: Final = f"""
    kind = {MEMBERSHIP_KIND}
        AND substr(id, 1, length(id) - 1) NOT IN (SELECT id FROM group_operations)
"""
"""Rows by which operations are shown that are not here."""
_BY_NOBODY: Final = """
    author > 0 AND author NOT IN (SELECT number FROM authors)
        AND conversation IN (SELECT conversation FROM groups)
"""
_NAMING: Final = """
    SELECT number, conversation, ops FROM entries
        WHERE verdict IN ('valid', 'unknown') AND ops <> x''
        AND conversation IN (SELECT conversation FROM groups)
"""


def is_out_of_groups(tables: Sequence[TableRead]) -> bool:
    """Say whether there was a group, and something was lost by which it may be another one than it
    seems.
    """
    were_there = any(one.name == "groups" and (one.copied or not one.is_whole) for one in tables)
    lost = [one.name for one in tables if not one.is_whole]
    return were_there and any(name not in APART_FROM_GROUPS for name in lost)


def end_groups(vault: Connection) -> dict[str, int]:
    """Be out of all groups; return how many rows of each table that could be read had to go, as
    others hang on them that could not. Foreign keys have to be off.
    """
    before = {name: _count(vault, name) for name in ("groups", "group_operations", "entries")}
    here = vault.execute("SELECT conversation, name FROM group_here").fetchall()
    names = {conversation: str(name) for conversation, name in here}
    query = "SELECT conversation, member, contact FROM group_members WHERE contact IS NOT NULL"
    contacts = {(of, member): contact for of, member, contact in vault.execute(query).fetchall()}
    just_asked = [of for (of,) in vault.execute(_JUST_ASKED_IN).fetchall()]
    marks = ", ".join("?" for _ in just_asked)
    for table, has_conversation in vault.execute(_GROUP_TABLES).fetchall():
        if table not in _STAY:
            where = f"conversation NOT IN ({marks})" if has_conversation else "1"
            # Names of our own schema, as below.
            sql = f'DELETE FROM "{table}" WHERE {where}'
            vault.execute(sql, just_asked if has_conversation else ())
    vault.execute("UPDATE group_receipts SET due = NULL")
    vault.execute(_BLOCKS)
    vault.execute(_LETTERS)
    for group in GroupRows(vault).all():
        if group.conversation not in just_asked:
            _keep_what_hangs_together(vault, group.conversation)
            _end(vault, group, names.get(group.conversation, ""), contacts)
    for where in (_SHOWN, _BY_NOBODY):
        vault.execute(f"DELETE FROM entries WHERE {where}")
    _let_entries_wait(vault)
    vault.execute("UPDATE conversations SET run = 0, written_count = 0 WHERE kind = 'group'")
    gone = {name: count - _count(vault, name) for name, count in before.items()}
    return {name: count for name, count in gone.items() if count}


def _count(vault: Connection, table: str) -> int:
    ((count,),) = vault.execute(f"SELECT count(*) FROM {table}").fetchall()
    assert isinstance(count, int)
    return count


def _keep_what_hangs_together(vault: Connection, conversation: ConversationId) -> None:
    """Let go of operations whose parents were lost: by them nobody can tell who is in."""
    known: dict[OperationId, None] = {}
    for row in GroupRows(vault).operations(conversation):
        operation = row.operation
        is_whole = all(parent in known for parent in operation.parents)
        if is_whole and (known or isinstance(operation.action, Create)):
            known[operation.id] = None
        else:
            vault.execute("DELETE FROM group_operations WHERE number = ?", (row.number,))


def _end(
    vault: Connection,
    group: GroupRow,
    name: str,
    contacts: Mapping[tuple[object, object], object],
) -> None:
    """Be nobody in a group any more: what we wrote there is by who we were."""
    groups, conversation = GroupRows(vault), group.conversation
    membership = groups.membership(conversation)
    if membership is None:
        # Without its beginning nothing of a group can be told.
        groups.forget(conversation)
        return
    me = IdentityKeys.from_seed(group.seed).verify_key
    records = membership.graph.records(me)
    called = records[0][0].record.name if records else ""
    vault.execute(_NEVER_LEFT, (conversation,))
    AuthorRows(vault).part_from(conversation, me, called)
    seed = blake2b_256(group.seed)
    groups.begin_anew(GroupRow(conversation, group.id, seed, "left", group.joined, False))
    people = GroupPeopleRows(vault)
    people.put(GroupHereRow(conversation, name=name))
    for member in membership.members:
        contact = contacts.get((conversation, member))
        assert contact is None or isinstance(contact, int)
        known = None if contact is None else ContactId(contact)
        people.add_member(GroupMemberRow(0, conversation, member, known))


def _let_entries_wait(vault: Connection) -> None:
    """Note of what names operations that were lost for the first of which it waits. It was judged
    when they were here, and counts so until they are again: who asks us in brings them.
    """
    known: dict[object, set[object]] = defaultdict(set)
    here = vault.execute("SELECT conversation, id FROM group_operations").fetchall()
    for conversation, id_ in here:
        known[conversation].add(id_)
    for number, conversation, ops in vault.execute(_NAMING).fetchall():
        assert isinstance(ops, bytes)
        ids = (ops[at : at + ID_BYTES] for at in range(0, len(ops), ID_BYTES))
        lost = next((id_ for id_ in ids if id_ not in known[conversation]), None)
        if lost is not None:
            vault.execute("UPDATE entries SET waits = ? WHERE number = ?", (lost, number))
