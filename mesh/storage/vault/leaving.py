"""The rows of a contact who goes, or who becomes another one.

Every table that speaks of contacts is named here; a test holds the list against the schema.
"""

from typing import Final

from mesh.database import Connection
from mesh.ids import ContactId, ConversationId, UnixSeconds
from mesh.storage.vault.files import TABLES
from mesh.storage.vault.rows import ContactRow

# In the order that foreign keys ask for.
_KEYS: Final = (
    # Invites for them alone bear their key and name; their prekeys go with the others below.
    "UPDATE prekeys SET contact = ?1 WHERE id IN (SELECT prekey FROM invites "
    "WHERE bound_to = (SELECT verify_key FROM contacts WHERE id = ?1))",
    "UPDATE introductions SET invite = NULL WHERE invite IN (SELECT id FROM invites "
    "WHERE bound_to = (SELECT verify_key FROM contacts WHERE id = ?1))",
    "DELETE FROM closed_answers WHERE author = (SELECT verify_key FROM contacts WHERE id = ?1)",
    "DELETE FROM invites WHERE bound_to = (SELECT verify_key FROM contacts WHERE id = ?1)",
    "DELETE FROM payloads WHERE contact = ?1",
    "UPDATE outbox SET contact = NULL WHERE contact = ?1",
    "DELETE FROM first_contacts WHERE contact = ?1",
    "DELETE FROM openings WHERE prekey IN (SELECT id FROM prekeys WHERE contact = ?1)",
    "DELETE FROM prekeys WHERE contact = ?1",
    "DELETE FROM awaiting WHERE session IN (SELECT id FROM sessions WHERE contact = ?1)",
    "DELETE FROM skipped WHERE session IN (SELECT id FROM sessions WHERE contact = ?1)",
    "DELETE FROM generations WHERE session IN (SELECT id FROM sessions WHERE contact = ?1)",
    "DELETE FROM rendezvous WHERE session IN (SELECT id FROM sessions WHERE contact = ?1)",
    "DELETE FROM sessions WHERE contact = ?1",
    "DELETE FROM sealed_mail WHERE contact = ?1",
    "DELETE FROM opened_apart WHERE contact = ?1",
    "DELETE FROM invitations WHERE contact = ?1",
    "DELETE FROM comparisons WHERE contact = ?1",
    "DELETE FROM keys_given WHERE contact = ?1",
    "DELETE FROM contact_keys WHERE contact = ?1",
    "DELETE FROM vouches WHERE contact = ?1",
)
_FILES: Final = (
    "SELECT files.number FROM files JOIN entries ON entries.number = files.entry "
    "WHERE entries.conversation = ?1"
)
# A direct conversation bears the number of its contact.
_CONVERSATION: Final = (
    "DELETE FROM carriers WHERE message IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM message_steps "
    "WHERE message IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM outbox WHERE message IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM heads WHERE conversation = ?1",
    "DELETE FROM gaps WHERE conversation = ?1",
    "DELETE FROM reordering WHERE conversation = ?1",
    "DELETE FROM texts WHERE entry IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM contents WHERE entry IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM polls WHERE entry IN (SELECT number FROM entries WHERE conversation = ?1)",
    *(f"DELETE FROM {table} WHERE file IN ({_FILES})" for table in TABLES),
    "DELETE FROM files WHERE entry IN (SELECT number FROM entries WHERE conversation = ?1)",
    "DELETE FROM register_values WHERE conversation = ?1",
    "DELETE FROM named WHERE conversation = ?1",
    "DELETE FROM entries WHERE conversation = ?1",
    "DELETE FROM deleted_messages WHERE conversation = ?1",
    "DELETE FROM drafts WHERE conversation = ?1",
    "DELETE FROM scheduled WHERE conversation = ?1",
    "DELETE FROM authors WHERE conversation = ?1",
    "DELETE FROM conversations WHERE number = ?1",
    "DELETE FROM exchanges WHERE contact = ?1",
)
_PERSON: Final = (
    "DELETE FROM contact_notes WHERE contact = ?1",
    "DELETE FROM introductions WHERE voucher = ?1",
    "DELETE FROM introductions WHERE verify_key = (SELECT verify_key FROM contacts WHERE id = ?1)",
    "DELETE FROM introductions_made WHERE guest = ?1 OR host = ?1",
    "UPDATE invites SET vouched_by = NULL WHERE vouched_by = ?1",
    "UPDATE contacts SET introduced_by = NULL WHERE introduced_by = ?1",
    "DELETE FROM group_invited WHERE contact = ?1",
    "DELETE FROM group_accepts WHERE contact = ?1",
    "DELETE FROM group_other_invites WHERE contact = ?1",
    "UPDATE group_members SET contact = NULL WHERE contact = ?1",
    "DELETE FROM member_letters WHERE contact = ?1 "
    "OR key = (SELECT verify_key FROM contacts WHERE id = ?1)",
    "UPDATE group_here SET inviter = NULL WHERE inviter = ?1",
    "DELETE FROM contacts WHERE id = ?1",
)
# Of the second contact to the first.
_MOVE: Final = (
    # Whether they are told what is read goes with the keys, all other settings with the label.
    "UPDATE conversations SET read_position = max(read_position, (SELECT read_position "
    "FROM conversations WHERE number = ?2)), sends_read_receipts = (SELECT sends_read_receipts "
    "FROM conversations WHERE number = ?2) WHERE number = ?1",
    "UPDATE scheduled SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE OR IGNORE drafts SET conversation = ?1 WHERE conversation = ?2",
    "DELETE FROM drafts WHERE conversation = ?2",
    "UPDATE entries SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE register_values SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE at_hand SET conversation = ?1 WHERE conversation = ?2",
    # Both may have had last words in one register: that of the timer.
    "UPDATE register_values SET is_last = 0 WHERE conversation = ?1 AND ?1 <> ?2 "
    "AND is_last = 1 AND EXISTS "
    "(SELECT 1 FROM register_values AS other WHERE other.conversation = ?1 AND other.is_last = 1 "
    "AND (other.target, other.field, other.holder, other.author) = (register_values.target, "
    "register_values.field, register_values.holder, register_values.author) "
    "AND (other.clock, other.id) > (register_values.clock, register_values.id))",
    "UPDATE OR REPLACE named SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE deleted_messages SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE heads SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE gaps SET conversation = ?1 WHERE conversation = ?2",
    # What was behind in either is behind in both together: the whole is compared again.
    "UPDATE OR REPLACE reordering SET conversation = ?1, position = 0, id = x'' "
    "WHERE conversation IN (?1, ?2)",
    "DELETE FROM conversations WHERE number = ?2",
    "DELETE FROM exchanges WHERE contact = ?1 AND contact <> ?2",
    "UPDATE exchanges SET contact = ?1 WHERE contact = ?2",
    "UPDATE payloads SET contact = ?1 WHERE contact = ?2",
    "UPDATE outbox SET contact = ?1 WHERE contact = ?2",
    "UPDATE first_contacts SET contact = ?1 WHERE contact = ?2",
    "UPDATE prekeys SET contact = ?1 WHERE contact = ?2",
    "UPDATE sessions SET contact = ?1 WHERE contact = ?2",
    "UPDATE sealed_mail SET contact = ?1 WHERE contact = ?2",
    # Who replaces a contact waits apart no longer.
    "DELETE FROM opened_apart WHERE contact = ?2",
    "UPDATE invitations SET contact = ?1 WHERE contact = ?2",
    "UPDATE comparisons SET contact = ?1 WHERE contact = ?2",
    "UPDATE keys_given SET contact = ?1 WHERE contact = ?2",
    "UPDATE contact_keys SET contact = ?1 WHERE contact = ?2",
    "UPDATE vouches SET contact = ?1 WHERE contact = ?2",
    "UPDATE contact_notes SET contact = ?1 WHERE contact = ?2",
    "UPDATE OR REPLACE introductions SET voucher = ?1 WHERE voucher = ?2",
    "UPDATE OR REPLACE introductions_made SET guest = ?1 WHERE guest = ?2",
    "UPDATE OR REPLACE introductions_made SET host = ?1 WHERE host = ?2",
    "DELETE FROM introductions_made WHERE guest = host AND guest IN (?1, ?2)",
    "UPDATE invites SET vouched_by = ?1 WHERE vouched_by = ?2",
    "UPDATE contacts SET introduced_by = ?1 WHERE introduced_by = ?2",
    "UPDATE contacts SET introduced_by = NULL WHERE introduced_by = id AND id IN (?1, ?2)",
    "UPDATE OR REPLACE group_invited SET contact = ?1 WHERE contact = ?2",
    "UPDATE OR REPLACE group_accepts SET contact = ?1 WHERE contact = ?2",
    "UPDATE OR REPLACE group_other_invites SET contact = ?1 WHERE contact = ?2",
    "UPDATE group_members SET contact = ?1 WHERE contact = ?2",
    "UPDATE member_letters SET contact = ?1 WHERE contact = ?2",
    "UPDATE group_here SET inviter = ?1 WHERE inviter = ?2",
    "DELETE FROM contacts WHERE id = ?2",
)


class LeavingRows:
    """Removes contacts, or gives one the keys of another. Memory must be read anew after it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def remove(self, contact: ContactId) -> None:
        """Everything of a contact goes, but the envelopes without a message on their way."""
        for statement in (*_KEYS, *_CONVERSATION, *_PERSON):
            self._connection.execute(statement, (contact,))

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Everything that was said in a group goes, and the group's conversation."""
        for statement in _CONVERSATION:
            self._connection.execute(statement, (conversation,))

    def replace(self, contact: ContactId, by: ContactRow, at: UnixSeconds) -> None:
        """`contact` goes on with the keys and everything else of `by`, under its own label."""
        for statement in _KEYS:
            self._connection.execute(statement, (contact,))
        for statement in _MOVE:
            self._connection.execute(statement, (contact, by.id))
        self._connection.execute(
            "UPDATE contacts SET name = ?, verify_key = ?, agreement_key = ?, bundle = ?, "
            "state = ?, trust = 'first seen', first_trust = 'first seen', is_request = 0, "
            "unconfirmed = 0, identity_changed = ? WHERE id = ?",
            (by.name, by.verify_key, by.agreement_key, by.bundle, by.state, at, contact),
        )
