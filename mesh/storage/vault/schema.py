"""The schema of the vault, one tuple of statements for each version.

Implements `docs/protocol/storage.md`, section "The vault". The vault holds what is ours: the
identity, contacts, keys, messages, and what was sealed here and is not yet in the store. A version
that was ever released never changes; the next one is appended.
"""

from typing import Final

from mesh.storage.vault.at_hand import AT_HAND
from mesh.storage.vault.authors import AUTHORS
from mesh.storage.vault.conversations import DRAFT_REPLIES
from mesh.storage.vault.direct_files import DIRECT_FILES
from mesh.storage.vault.entries import WAS_SEALED
from mesh.storage.vault.entries_schema import ENTRIES
from mesh.storage.vault.files import FILE_LOOKS, FILES
from mesh.storage.vault.first_schema import VERSION_1
from mesh.storage.vault.group_files import GROUP_FILES
from mesh.storage.vault.group_keys import GROUP_KEYS, GROUP_WRAP_SECRETS
from mesh.storage.vault.group_links import GROUP_LINKS, GROUP_WELCOMED
from mesh.storage.vault.group_losses import GROUP_LOSSES
from mesh.storage.vault.group_needs import GROUP_NEEDS, GROUP_NEEDS_MISSED
from mesh.storage.vault.group_people import ACCEPTS, GROUP_HAD, GROUP_PEOPLE, OTHER_INVITES
from mesh.storage.vault.group_receipts import GROUP_RECEIPTS, GROUP_TELLERS
from mesh.storage.vault.groups import GROUPS
from mesh.storage.vault.member_letters import MEMBER_LETTERS
from mesh.storage.vault.registers import HIDDEN_SINCE
from mesh.storage.vault.scheduled import SCHEDULED
from mesh.storage.vault.sealed import OPENED_IN_DAY
from mesh.storage.vault.search import TEXT_INDEX
from mesh.storage.vault.timers import TIMERS_BEGUN_EARLY, TIMERS_OF_SHOWN

# When something was last opened on a session after it was over: its author still writes there.
_VERSION_2: Final = ("ALTER TABLE sessions ADD COLUMN heard INTEGER NOT NULL DEFAULT 0",)

# Posting keys get numbers, and what contacts and we told each other of posting keys is kept: all of
# it is forgotten some days after the day of its keys.
_VERSION_3: Final = (
    """
    CREATE TABLE numbered_keys (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        public BLOB NOT NULL UNIQUE,
        seed BLOB,
        audience INTEGER NOT NULL,
        day INTEGER NOT NULL,
        stamp BLOB,
        uses INTEGER NOT NULL
    ) STRICT
    """,
    """
    INSERT INTO numbered_keys (public, seed, audience, day, stamp, uses)
        SELECT public, seed, audience, day, stamp, uses FROM posting_keys ORDER BY day, public
    """,
    "DROP TABLE posting_keys",
    "ALTER TABLE numbered_keys RENAME TO posting_keys",
    """
    CREATE TABLE keys_given (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        until_day INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        sent_day INTEGER NOT NULL,
        seen_count INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE contact_keys (
        contact INTEGER NOT NULL REFERENCES contacts (id),
        day INTEGER NOT NULL,
        public BLOB NOT NULL,
        PRIMARY KEY (contact, day, public)
    ) STRICT, WITHOUT ROWID
    """,
    # Hashes of 8 bytes, one behind the other.
    """
    CREATE TABLE vouches (
        contact INTEGER NOT NULL REFERENCES contacts (id),
        day INTEGER NOT NULL,
        vouched BLOB NOT NULL,
        far BLOB NOT NULL,
        PRIMARY KEY (contact, day)
    ) STRICT
    """,
)

# Messages belong to conversations. What is counted of sessions stands apart from them
# (`exchanges`), and a message's state is a short code. What refers to messages is made anew: a
# table that others refer to cannot be replaced while foreign keys hold.
_CONVERSATIONS: Final = (
    "ALTER TABLE conversations RENAME TO exchanges",
    # A direct one bears the number of its contact; the others take numbers beyond all contacts.
    """
    CREATE TABLE conversations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        contact INTEGER UNIQUE REFERENCES contacts (id),
        read_position INTEGER NOT NULL,
        sends_read_receipts INTEGER NOT NULL,
        muted_until INTEGER NOT NULL,
        is_pinned INTEGER NOT NULL,
        is_archived INTEGER NOT NULL,
        is_marked_unread INTEGER NOT NULL,
        CHECK (contact IS NULL OR contact = number)
    ) STRICT
    """,
    """
    INSERT INTO conversations SELECT contact, 'direct', contact, read_position,
        sends_read_receipts, 0, 0, 0, 0 FROM exchanges ORDER BY contact
    """,
    "ALTER TABLE exchanges DROP COLUMN read_position",
    "ALTER TABLE exchanges DROP COLUMN sends_read_receipts",
    "CREATE UNIQUE INDEX conversation_with_oneself ON conversations (kind) WHERE kind = 'self'",
    """
    INSERT INTO conversations
        SELECT 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'contacts'), 0), 'self',
            NULL, 0, 0, 0, 0, 0, 0 FROM identity
    """,
    """
    CREATE TABLE drafts (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        text TEXT NOT NULL
    ) STRICT
    """,
)

_MESSAGES_OF_CONVERSATIONS: Final = (
    "ALTER TABLE messages RENAME TO former_messages",
    "ALTER TABLE unsealed RENAME TO former_unsealed",
    "ALTER TABLE outbox RENAME TO former_outbox",
    "ALTER TABLE carriers RENAME TO former_carriers",
    """
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        is_mine INTEGER NOT NULL,
        text TEXT NOT NULL,
        parents BLOB NOT NULL,
        clock INTEGER NOT NULL,
        position INTEGER NOT NULL,
        received INTEGER NOT NULL,
        state TEXT NOT NULL,
        carriers INTEGER NOT NULL,
        lapses INTEGER,
        is_read INTEGER NOT NULL,
        is_late INTEGER NOT NULL,
        send_key TEXT
    ) STRICT
    """,
    """
    INSERT INTO messages SELECT number, contact, id, is_mine, text, parents, clock, position,
        received, CASE state WHEN 'waiting for their key' THEN 'awaiting-key'
            WHEN 'queued here' THEN 'queued'
            WHEN 'delivered before it was withdrawn' THEN 'delivered-then-withdrawn'
            ELSE state END,
        carriers, lapses, is_read, is_late, send_key FROM former_messages ORDER BY number
    """,
    """
    CREATE TABLE unsealed (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        contact INTEGER NOT NULL REFERENCES contacts (id),
        message INTEGER REFERENCES messages (number),
        payload BLOB NOT NULL
    ) STRICT
    """,
    "INSERT INTO unsealed SELECT number, contact, message, payload FROM former_unsealed",
    """
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        message INTEGER REFERENCES messages (number),
        lapses INTEGER NOT NULL,
        read_hash BLOB NOT NULL,
        withdraw_token BLOB NOT NULL,
        data BLOB
    ) STRICT
    """,
    """
    INSERT INTO outbox SELECT number, id, message, lapses, read_hash, withdraw_token, data
        FROM former_outbox ORDER BY number
    """,
    """
    CREATE TABLE carriers (
        message INTEGER NOT NULL REFERENCES messages (number),
        link BLOB NOT NULL,
        PRIMARY KEY (message, link)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO carriers SELECT message, link FROM former_carriers",
    # A number that was ever given is not given again, though its row is gone.
    "DELETE FROM sqlite_sequence WHERE name IN ('messages', 'unsealed', 'outbox')",
    """
    UPDATE sqlite_sequence SET name = substr(name, length('former_') + 1)
        WHERE name IN ('former_messages', 'former_unsealed', 'former_outbox')
    """,
    "DROP TABLE former_carriers",
    "DROP TABLE former_outbox",
    "DROP TABLE former_unsealed",
    "DROP TABLE former_messages",
    "CREATE UNIQUE INDEX messages_by_id ON messages (conversation, id)",
    "CREATE INDEX messages_by_position ON messages (conversation, position, id)",
    "CREATE INDEX messages_unread ON messages (conversation) WHERE is_read = 0",
    "CREATE INDEX messages_on_their_way ON messages (lapses) WHERE lapses IS NOT NULL",
    "CREATE UNIQUE INDEX messages_by_send_key ON messages (send_key) WHERE send_key IS NOT NULL",
    "CREATE INDEX unsealed_by_contact ON unsealed (contact, number)",
    "CREATE INDEX unsealed_by_message ON unsealed (message) WHERE message IS NOT NULL",
    "CREATE INDEX outbox_by_message ON outbox (message) WHERE message IS NOT NULL",
    "CREATE INDEX outbox_by_lapses ON outbox (lapses)",
    "CREATE INDEX outbox_unposted ON outbox (number) WHERE data IS NOT NULL",
    "ALTER TABLE heads RENAME COLUMN contact TO conversation",
    "ALTER TABLE gaps RENAME COLUMN contact TO conversation",
)

_VERSION_4: Final = (*_CONVERSATIONS, *_MESSAGES_OF_CONVERSATIONS)

_SEALED: Final = (
    """
    CREATE TABLE sealed_mail (
        number INTEGER PRIMARY KEY,
        contact INTEGER NOT NULL REFERENCES contacts (id),
        tag BLOB NOT NULL,
        UNIQUE (contact, tag)
    ) STRICT
    """,
    "CREATE INDEX sealed_mail_by_tag ON sealed_mail (tag)",
    """
    CREATE TABLE opened_apart (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        messages INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT
    """,
    # What was opened before there was a bound counts too.
    """
    INSERT INTO opened_apart SELECT contacts.id, count(messages.number),
        coalesce(sum(length(CAST(messages.text AS BLOB))), 0) FROM contacts
        LEFT JOIN messages ON messages.conversation = contacts.id AND NOT messages.is_mine
        WHERE contacts.is_request GROUP BY contacts.id
    """,
)

_CLOSED_INVITES: Final = (
    # Since when their invite is used, and what became of it.
    "ALTER TABLE invitations ADD COLUMN since INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE invitations ADD COLUMN is_unanswered INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE invitations ADD COLUMN is_closed INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE invitations SET since = coalesce((SELECT sessions.created FROM first_contacts
        JOIN sessions ON sessions.id = first_contacts.session
        WHERE first_contacts.contact = invitations.contact), 0)
    """,
    "ALTER TABLE first_contacts ADD COLUMN closed_key BLOB",
    # Who took an invite back, or blocked somebody, was promised that nobody would hear of it.
    "ALTER TABLE invites ADD COLUMN tells_closed INTEGER NOT NULL DEFAULT 1",
    """
    UPDATE invites SET tells_closed = 0
        WHERE is_revoked OR EXISTS (SELECT 1 FROM contacts WHERE is_blocked)
    """,
    """
    CREATE TABLE closed_answers (
        invite INTEGER NOT NULL REFERENCES invites (id),
        author BLOB NOT NULL,
        key BLOB,
        due_ms INTEGER NOT NULL,
        lapses INTEGER,
        PRIMARY KEY (invite, author)
    ) STRICT, WITHOUT ROWID
    """,
)

_CARRIED_BY_HAND: Final = (
    # For whom an envelope without a message is; and when it was first written into a carry file.
    "ALTER TABLE outbox ADD COLUMN contact INTEGER REFERENCES contacts (id)",
    "ALTER TABLE outbox ADD COLUMN exported INTEGER",
    "CREATE INDEX outbox_by_contact ON outbox (contact) WHERE contact IS NOT NULL",
)

# What was written is kept until it is known to be opened, so that it can be sealed again. Of what
# was sealed before, nothing is left but the text, of which no payload can be made again.
_KEPT: Final = (
    "ALTER TABLE unsealed RENAME TO payloads",
    "ALTER TABLE payloads ADD COLUMN lifetime_class INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE payloads ADD COLUMN kept_until INTEGER",
    "ALTER TABLE payloads ADD COLUMN posts_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE payloads ADD COLUMN is_waiting INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE payloads ADD COLUMN is_hello INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE payloads SET kept_until = 2592000 + (SELECT received FROM messages
        WHERE messages.number = payloads.message) WHERE message IS NOT NULL
    """,
    "ALTER TABLE exchanges ADD COLUMN their_seen INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN keep_for TEXT NOT NULL DEFAULT '30d'",
    "DROP INDEX unsealed_by_contact",
    "DROP INDEX unsealed_by_message",
    "CREATE INDEX payloads_by_contact ON payloads (contact, number)",
    "CREATE INDEX payloads_by_message ON payloads (message) WHERE message IS NOT NULL",
    "ALTER TABLE awaiting ADD COLUMN envelope BLOB",
    "ALTER TABLE awaiting ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE outbox ADD COLUMN payload INTEGER",
    "CREATE INDEX outbox_by_payload ON outbox (payload) WHERE payload IS NOT NULL",
)

_HEARD_AND_STEPS: Final = (
    "ALTER TABLE exchanges ADD COLUMN heard INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE exchanges ADD COLUMN heard_clock INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE message_steps (
        message INTEGER NOT NULL REFERENCES messages (number),
        state TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (message, state)
    ) STRICT, WITHOUT ROWID
    """,
)

_REORDERING: Final = (
    # From where on the messages of a conversation are still to be compared with their parents.
    """
    CREATE TABLE reordering (
        conversation INTEGER PRIMARY KEY REFERENCES conversations (number),
        position INTEGER NOT NULL,
        id BLOB NOT NULL
    ) STRICT
    """,
)

# A stamp says how much it admits. Those of before are made again, which takes a second; in a mesh
# without stamps there is nothing to make.
_GRADED_STAMPS: Final = (
    "ALTER TABLE posting_keys ADD COLUMN stamp_bits INTEGER NOT NULL DEFAULT 0",
    "UPDATE posting_keys SET stamp = NULL WHERE stamp != zeroblob(12)",
)

# Contacts name their keys by hashes. All are told anew: there are more keys a day than before.
_HASHED_KEYS: Final = (
    "DELETE FROM contact_keys",
    "ALTER TABLE contact_keys RENAME COLUMN public TO hash",
    "DELETE FROM keys_given",
)

# What a person deleted of a conversation: it is known again when it comes again, or when another
# message names it, and stands where it stood.
_DELETED: Final = (
    """
    CREATE TABLE deleted_messages (
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        id BLOB NOT NULL,
        position INTEGER NOT NULL,
        is_mine INTEGER NOT NULL,
        PRIMARY KEY (conversation, id)
    ) STRICT, WITHOUT ROWID
    """,
)

# By which tags a session is renewed and contacts recognise each other grows anew with each
# generation; `number` is the order in which they were born. What stood until now is that of the
# beginning of a session, which both sides have. Superseded prekeys lived for 60 days, now for 8.
_HEALING: Final = (
    """
    CREATE TABLE rendezvous (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session BLOB NOT NULL REFERENCES sessions (id),
        generation INTEGER NOT NULL,
        key_out BLOB NOT NULL,
        key_in BLOB NOT NULL,
        used INTEGER NOT NULL,
        link_key BLOB NOT NULL,
        closed INTEGER,
        UNIQUE (session, generation)
    ) STRICT
    """,
    """
    INSERT INTO rendezvous (session, generation, key_out, key_in, used, link_key)
        SELECT id, generation, rendezvous_out, rendezvous_in, rendezvous_used, link_key
        FROM sessions ORDER BY created, id
    """,
    "ALTER TABLE sessions DROP COLUMN rendezvous_out",
    "ALTER TABLE sessions DROP COLUMN rendezvous_in",
    "ALTER TABLE sessions DROP COLUMN rendezvous_used",
    "ALTER TABLE sessions DROP COLUMN link_key",
    # Which session the other side says, on this one, to have begun in its place.
    "ALTER TABLE sessions ADD COLUMN successor BLOB",
    "ALTER TABLE first_contacts ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0",
    # Since when nothing of before confirms the keys of a contact whom our person had verified.
    "ALTER TABLE contacts ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0",
    # Since when this vault was found to be older than what was written with it.
    "ALTER TABLE exchanges ADD COLUMN unreached INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE prekeys SET erase_after = erase_after - 4492800
        WHERE contact IS NOT NULL AND erase_after IS NOT NULL
    """,
)

# Before which time, in Unix milliseconds, an envelope is not to leave; 0: it may at once.
_PAUSED: Final = ("ALTER TABLE outbox ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0",)

# What the signature of a short invite is of. Bundles on the mesh bear one from now on, so those of
# open invites are posted anew.
_SIGNED_INVITES: Final = (
    "ALTER TABLE invitations ADD COLUMN text_hash BLOB",
    "UPDATE invites SET posted_until = 0 WHERE secret IS NOT NULL",
)

# Probes are counted apart from renewals: what is noticed meanwhile begins new keys at once.
_PROBES: Final = ("ALTER TABLE exchanges ADD COLUMN probed INTEGER NOT NULL DEFAULT 0",)

# Changes of the timer (kind 69) stand in the stream from now on. They are nothing to be read.
_TIMERS_SHOWN: Final = (
    "UPDATE entries SET place = 1, is_read = 1 WHERE kind = 69 AND verdict = 'valid' "
    "AND number IN (SELECT entry FROM contents)",
)

# Each message writes a mark, and each that is opened a token for the mesh: each stands in one tree
# now, and not in a table and its index. What the store has not yet is asked for at the start alone,
# when all of the outbox is read.
_FEWER_PAGES: Final = (
    # Not by another name: a trigger of the index of words reads it, and would follow it there.
    "CREATE TABLE former_marks (name TEXT, value INTEGER) STRICT",
    "INSERT INTO former_marks SELECT name, value FROM marks",
    "DROP TABLE marks",
    """
    CREATE TABLE marks (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO marks SELECT name, value FROM former_marks",
    "DROP TABLE former_marks",
    "DROP INDEX outbox_unposted",
    "ALTER TABLE retirements RENAME TO former_retirements",
    """
    CREATE TABLE retirements (
        envelope BLOB NOT NULL,
        token BLOB NOT NULL,
        due_ms INTEGER NOT NULL,
        PRIMARY KEY (envelope, token)
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO retirements SELECT envelope, token, due_ms FROM former_retirements",
    "DROP TABLE former_retirements",
)

# Nobody asks for entries by when they lapse: the outbox knows that of each envelope.
_NO_LAPSES: Final = ("DROP INDEX entries_on_their_way",)

VAULT_MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _SEALED,
    _CARRIED_BY_HAND,
    _KEPT,
    _CLOSED_INVITES,
    _HEARD_AND_STEPS,
    _REORDERING,
    _GRADED_STAMPS,
    _HASHED_KEYS,
    _DELETED,
    _HEALING,
    ENTRIES,
    TEXT_INDEX,
    SCHEDULED,
    _PAUSED,
    _SIGNED_INVITES,
    _PROBES,
    FILES,
    FILE_LOOKS,
    DIRECT_FILES,
    GROUPS,
    GROUP_KEYS,
    GROUP_PEOPLE,
    AUTHORS,
    GROUP_NEEDS,
    GROUP_FILES,
    GROUP_HAD,
    GROUP_LOSSES,
    GROUP_LINKS,
    OTHER_INVITES,
    AT_HAND,
    GROUP_RECEIPTS,
    GROUP_WELCOMED,
    OPENED_IN_DAY,
    DRAFT_REPLIES,
    _TIMERS_SHOWN,
    GROUP_TELLERS,
    TIMERS_OF_SHOWN,
    HIDDEN_SINCE,
    TIMERS_BEGUN_EARLY,
    ACCEPTS,
    WAS_SEALED,
    _FEWER_PAGES,
    MEMBER_LETTERS,
    _NO_LAPSES,
    GROUP_NEEDS_MISSED,
    GROUP_WRAP_SECRETS,
)
