"""The schema of the vault, one tuple of statements for each version.

Implements `docs/protocol/storage.md`, section "The vault". The vault holds what is ours: the
identity, contacts, keys, messages, and what was sealed here and is not yet in the store. A version
that was ever released never changes; the next one is appended.
"""

from typing import Final

_PEOPLE: Final = (
    """
    CREATE TABLE identity (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        seed BLOB NOT NULL,
        name TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    """
    CREATE TABLE contacts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        verify_key BLOB NOT NULL UNIQUE,
        agreement_key BLOB,
        trust TEXT NOT NULL,
        state TEXT NOT NULL,
        bundle BLOB,
        first_trust TEXT NOT NULL,
        is_request INTEGER NOT NULL,
        is_blocked INTEGER NOT NULL DEFAULT 0,
        introduced_by INTEGER REFERENCES contacts (id),
        identity_changed INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    # Their invite, from the moment it is added until their first answer is opened.
    """
    CREATE TABLE invitations (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        secret BLOB NOT NULL,
        bundle_hash BLOB NOT NULL,
        expires INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE prekeys (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        contact INTEGER REFERENCES contacts (id),
        bundle BLOB NOT NULL,
        private BLOB NOT NULL,
        made INTEGER NOT NULL,
        erase_after INTEGER
    ) STRICT
    """,
    "CREATE INDEX prekeys_by_contact ON prekeys (contact)",
    # The secret and the private halves go when the invite can no longer be used by anybody.
    """
    CREATE TABLE invites (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        secret BLOB,
        prekey INTEGER REFERENCES prekeys (id),
        hint TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        uses_max INTEGER NOT NULL,
        is_revoked INTEGER NOT NULL,
        erase_after INTEGER NOT NULL,
        posts_count INTEGER NOT NULL,
        posted_until INTEGER NOT NULL,
        bound_to BLOB,
        is_met INTEGER NOT NULL,
        vouched_by INTEGER REFERENCES contacts (id)
    ) STRICT
    """,
)

_TRUST: Final = (
    """
    CREATE TABLE contact_notes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        contact INTEGER NOT NULL REFERENCES contacts (id),
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        sentence TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX contact_notes_by_contact ON contact_notes (contact, number)",
    # The live comparison with a contact, and how many there have been.
    """
    CREATE TABLE comparisons (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        state BLOB NOT NULL
    ) STRICT
    """,
    # Whom contacts introduce to us. Without a link we are asked for an invite, else we are given
    # one; `invite` is the one of ours that was given.
    """
    CREATE TABLE introductions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL,
        voucher INTEGER NOT NULL REFERENCES contacts (id),
        verify_key BLOB NOT NULL,
        name TEXT NOT NULL,
        link TEXT,
        invite INTEGER REFERENCES invites (id),
        state TEXT NOT NULL,
        came INTEGER NOT NULL,
        UNIQUE (voucher, verify_key)
    ) STRICT
    """,
    # Whom we introduce to each other: `host` is asked for an invite for `guest`.
    """
    CREATE TABLE introductions_made (
        id BLOB PRIMARY KEY,
        guest INTEGER NOT NULL REFERENCES contacts (id),
        host INTEGER NOT NULL REFERENCES contacts (id),
        made INTEGER NOT NULL,
        UNIQUE (guest, host)
    ) STRICT
    """,
)

_SESSIONS: Final = (
    # The ratchet, in two parts by how often they change, and the tags of what we write. `out_next`
    # is the tag key of the next generation, until the other side is known to have it.
    """
    CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        contact INTEGER NOT NULL REFERENCES contacts (id),
        is_begun_here INTEGER NOT NULL,
        is_known INTEGER NOT NULL,
        is_over INTEGER NOT NULL,
        created INTEGER NOT NULL,
        ratchet BLOB NOT NULL,
        post_quantum BLOB NOT NULL,
        generation INTEGER NOT NULL,
        out_key BLOB NOT NULL,
        out_index INTEGER NOT NULL,
        out_before INTEGER NOT NULL,
        out_next BLOB,
        rendezvous_out BLOB NOT NULL,
        rendezvous_start INTEGER NOT NULL,
        rendezvous_count INTEGER NOT NULL,
        rendezvous_in BLOB NOT NULL,
        rendezvous_used INTEGER NOT NULL,
        link_key BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX sessions_by_contact ON sessions (contact)",
    # The tags of what the other side writes, by generation: the key of the lowest step that is
    # still open, which indices from its first one on were opened (a bit each), and one beyond the
    # highest index expected.
    """
    CREATE TABLE generations (
        session BLOB NOT NULL REFERENCES sessions (id),
        number INTEGER NOT NULL,
        key BLOB NOT NULL,
        step INTEGER NOT NULL,
        opened BLOB NOT NULL,
        expected INTEGER NOT NULL,
        used BLOB NOT NULL,
        ends INTEGER,
        superseded INTEGER,
        PRIMARY KEY (session, number)
    ) STRICT, WITHOUT ROWID
    """,
    # Keys of messages that have not come yet.
    """
    CREATE TABLE skipped (
        session BLOB NOT NULL REFERENCES sessions (id),
        public BLOB NOT NULL,
        number INTEGER NOT NULL,
        key BLOB NOT NULL,
        erase_after INTEGER NOT NULL,
        PRIMARY KEY (session, public, number)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX skipped_by_age ON skipped (erase_after)",
    # Tags of messages that are in the store and wait for a post-quantum step.
    """
    CREATE TABLE awaiting (
        tag BLOB PRIMARY KEY,
        session BLOB NOT NULL REFERENCES sessions (id)
    ) STRICT, WITHOUT ROWID
    """,
    # What our repetitions of a first contact share, until the first answer is opened. Their tags
    # are those of an invite, or of the rendezvous of the session that is renewed.
    """
    CREATE TABLE first_contacts (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        session BLOB NOT NULL REFERENCES sessions (id),
        opening BLOB NOT NULL,
        header_key BLOB NOT NULL,
        renewed BLOB REFERENCES sessions (id),
        tags_start INTEGER NOT NULL,
        sent_count INTEGER NOT NULL
    ) STRICT
    """,
    # Which session an opening (by its E) has founded here, and the key of the headers in its
    # repetitions; it goes with the private half that could open the same again.
    """
    CREATE TABLE openings (
        prekey INTEGER NOT NULL,
        ephemeral BLOB NOT NULL,
        session BLOB NOT NULL,
        header_key BLOB NOT NULL,
        PRIMARY KEY (prekey, ephemeral)
    ) STRICT, WITHOUT ROWID
    """,
    # A seed goes with its day; that the key is ours is remembered as long as its envelopes live.
    """
    CREATE TABLE posting_keys (
        public BLOB PRIMARY KEY,
        seed BLOB,
        audience INTEGER NOT NULL,
        day INTEGER NOT NULL,
        stamp BLOB,
        uses INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

_MESSAGES: Final = (
    # What changes with each message stands apart from the contact, whose row is long.
    """
    CREATE TABLE conversations (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id),
        sent_count INTEGER NOT NULL DEFAULT 0,
        read_position INTEGER NOT NULL DEFAULT 0,
        sends_read_receipts INTEGER NOT NULL DEFAULT 0,
        seen_count INTEGER NOT NULL DEFAULT 0,
        keys_told INTEGER NOT NULL DEFAULT 0,
        lapsed_count INTEGER NOT NULL DEFAULT 0,
        renewed INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    # `position` is the effective clock that orders a conversation, together with the id.
    """
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        contact INTEGER NOT NULL REFERENCES contacts (id),
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
    "CREATE UNIQUE INDEX messages_by_id ON messages (contact, id)",
    "CREATE INDEX messages_by_position ON messages (contact, position, id)",
    "CREATE INDEX messages_unread ON messages (contact) WHERE is_read = 0",
    "CREATE INDEX messages_on_their_way ON messages (lapses) WHERE lapses IS NOT NULL",
    "CREATE UNIQUE INDEX messages_by_send_key ON messages (send_key) WHERE send_key IS NOT NULL",
    # Messages that no known message names as its parent.
    """
    CREATE TABLE heads (
        contact INTEGER NOT NULL,
        position INTEGER NOT NULL,
        id BLOB NOT NULL,
        PRIMARY KEY (contact, position, id)
    ) STRICT, WITHOUT ROWID
    """,
    # Parents that are named and not here.
    """
    CREATE TABLE gaps (
        contact INTEGER NOT NULL,
        parent BLOB NOT NULL,
        child INTEGER NOT NULL,
        PRIMARY KEY (contact, parent, child)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX gaps_by_child ON gaps (child)",
    # Written here and not yet sealed. A hello has no message.
    """
    CREATE TABLE unsealed (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        contact INTEGER NOT NULL REFERENCES contacts (id),
        message INTEGER REFERENCES messages (number),
        payload BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX unsealed_by_contact ON unsealed (contact, number)",
    "CREATE INDEX unsealed_by_message ON unsealed (message) WHERE message IS NOT NULL",
    # Sealed here. The bytes go when the store has them, the row when the envelope is known to be
    # opened, or expires. By the hash a token tells that, by the other token we take it back.
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
    "CREATE INDEX outbox_by_message ON outbox (message) WHERE message IS NOT NULL",
    "CREATE INDEX outbox_by_lapses ON outbox (lapses)",
    "CREATE INDEX outbox_unposted ON outbox (number) WHERE data IS NOT NULL",
    """
    CREATE TABLE carriers (
        message INTEGER NOT NULL REFERENCES messages (number),
        link BLOB NOT NULL,
        PRIMARY KEY (message, link)
    ) STRICT, WITHOUT ROWID
    """,
    # Tokens that the store has not yet, in the order in which they were made.
    """
    CREATE TABLE retirements (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        envelope BLOB NOT NULL,
        token BLOB NOT NULL,
        due_ms INTEGER NOT NULL,
        UNIQUE (envelope, token)
    ) STRICT
    """,
)

_VERSION_1: Final = (*_PEOPLE, *_TRUST, *_SESSIONS, *_MESSAGES)

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

VAULT_MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _SEALED,
)
