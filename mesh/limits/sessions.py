"""Bounds of sessions, their tags and their recovery."""

TAG_WINDOW = 256
"""Tags expected of a contact beyond the highest index opened."""

TAG_CHAIN_STEP = 64
"""Messages under one tag key."""

TAG_KEY_KEPT_SECONDS = 31 * 86_400
"""How long a tag key outlives the use of a later one: the longest lifetime and a day of clocks."""

SKIPPED_PER_MESSAGE_MAX = 4_000
"""Keys kept for messages that one message shows to be missing: a millisecond each
thousand, and more than a person writes while an envelope lives."""

SKIPPED_PER_SESSION_MAX = 20_000
"""Keys kept for one session; the oldest go first."""

SKIPPED_KEPT_SECONDS = 31 * 86_400
"""How long a kept key outlives the message that skipped it: the longest lifetime and a day."""

POST_QUANTUM_CHAINS = 16
"""Chains between post-quantum steps: each costs 2.3 kB in some messages."""

POST_QUANTUM_SECONDS = 86_400
"""Or so long between them, where people write little."""

AWAITING_PER_SESSION_MAX = 1_024
"""Messages of a session that wait for a long header; the store holds them meanwhile."""

RENDEZVOUS_TAGS = 16
"""Tags by which a session can be renewed, per direction; each is used once. Both sides expect all
of them, so each costs a place in the table of tags."""

REPEATED_RENDEZVOUS_TAGS = 8
"""So many of them are for all that is repeated until the answer comes; the others are left to what
begins a renewal, or a talkative copy of a vault would take the last way to the other side."""

RENEWAL_INTERVAL_SECONDS = 86_400
"""Between renewals of one contact's session that nobody asked for: two nodes that both believe
to have lost the other must not answer each other without end."""

EXPIRED_BEFORE_RENEWAL = 200
"""Messages in a row that expired unopened; 56 later the other side would know no tag of ours."""

RENEWAL_REPEATED_SECONDS = 30 * 86_400
"""How long a renewal that nobody answered is repeated before another one is begun: the prekeys to
which it was sealed live 60 days beyond their successors."""

EXPIRED_BEFORE_PROBE = 3
"""Messages in a row that expired unopened; from here on one now and then goes as a first contact
too: who restored an old vault may expect none of the tags that are in use."""

PROBE_INTERVAL_SECONDS = 3 * 86_400
"""Between such probes; one is away more often than one loses a disk."""

PROBE_RENDEZVOUS_TAGS = 12
"""Probes leave the last tags of a session for when a loss is certain, or somebody asks."""

SESSIONS_PER_CONTACT_MAX = 8
"""First contacts of one person that found tags; each costs 256 tags in memory."""

TAGS_UNOPENED_MAX = 8_192
"""Tags expected of one chain, mostly below the highest index opened; the oldest step goes first.
After a long absence 5,000 messages may come in any order."""

PREKEY_FRESH_SECONDS = 7 * 86_400
"""A contact is given a new bundle after so long: what a thief of keys can open ends there."""

PREKEY_KEPT_SECONDS = 60 * 86_400
"""How long private halves outlive their successor."""

PREKEY_CACHED_MAX = 512
"""Contacts whose bundles are held in memory, opened and decoded; about 5 kB each."""

SIGNATURES_REMEMBERED = 4_096
"""Valid signatures of identities and bundles that are not checked again; 100 bytes each."""

KEM_KEYS_CACHED = 256
"""ML-KEM keys kept expanded: expanding costs twice what using one does. The oldest goes first."""
