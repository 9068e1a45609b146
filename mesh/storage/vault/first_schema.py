"""The vault as it was made first: every other version is a step from this one (`schema.py`).

Implements `docs/protocol/storage.md`, section "The vault". It was released and never changes.
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

VERSION_1: Final = (*_PEOPLE, *_TRUST, *_SESSIONS, *_MESSAGES)
