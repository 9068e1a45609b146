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

MAIL_LIVES_SECONDS = 8 * 86_400
"""How long mail of a session can be on its way: its longest lifetime, and a day of clocks. So long
what opens it outlives what took its place."""

SKIPPED_KEPT_SECONDS = MAIL_LIVES_SECONDS
"""How long a kept key outlives the message that skipped it, which was sealed later."""

POST_QUANTUM_CHAINS = 16
"""Chains between post-quantum steps: each costs 2.3 kB in some messages."""

POST_QUANTUM_SECONDS = 86_400
"""Or so long between them, where people write little."""

STEP_REPEATED_SECONDS = 86_400
"""So long after a message bore the post-quantum step of its chain the next one bears it again: an
envelope lives for a week, so that most of what is found then can be opened with what is found."""

UNOPENED_TOLD_MAX = 64
"""Messages that can never open named in one payload, 8 bytes each; as far as there is room."""

POSTS_ON_WORD_MAX = 16
"""So often a message may have been sealed before its reader's word has it sealed once more: who
claims to open nothing shall not cost the mesh without end."""

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
which it was sealed live until their owner hears that we have later ones."""

EXPIRED_BEFORE_PROBE = 3
"""Messages in a row that expired unopened; from here on one now and then goes as a first contact
too: who restored an old vault may expect none of the tags that are in use."""

PROBE_INTERVAL_SECONDS = 3 * 86_400
"""Between such probes; one is away more often than one loses a disk."""

UNHEARD_SECONDS = 86_400
"""A message without proof for so long, and nothing heard since: where there is more than one
session by which the other side may be met, the others are tried too."""

UNHEARD_PROBE_SECONDS = 64_800
"""Between these probes: the seven sessions that may be known beside the one that is begun are tried
within five and a half days of that day, so within a week."""

UNHEARD_PROBED_SECONDS = 7 * 86_400
"""So long after the first such message; then the slower probes go on, as to anybody who is away."""

PROBE_RENDEZVOUS_TAGS = 12
"""Probes leave the last tags of a session for when a loss is certain, or somebody asks."""

SESSIONS_PER_CONTACT_MAX = 8
"""Sessions with one contact, each with 256 tags in memory; for another one others go."""

TAGS_UNOPENED_MAX = 8_192
"""Tags expected of one chain, mostly below the highest index opened; the oldest step goes first.
After a long absence 5,000 messages may come in any order."""

PREKEY_FRESH_SECONDS = 7 * 86_400
"""A contact is given a new bundle after so long: what a thief of keys can open ends there."""

PREKEY_KEPT_SECONDS = 60 * 86_400
"""So long beyond its week a bundle says to be valid. Its private halves go when its successor is
known; they live longer where a contact is away who has no other."""

PREKEYS_PER_CONTACT_MAX = 8
"""Bundles of which a contact never said that a later one came. Another is made after a week, and if
he was heard: so for two months what he wrote came here, and nothing of ours, or not his word."""

PREKEY_CACHED_MAX = 512
"""Contacts whose bundles are held in memory, opened and decoded; about 5 kB each."""

SIGNATURES_REMEMBERED = 4_096
"""Valid signatures of identities and bundles that are not checked again; 100 bytes each."""

KEM_KEYS_CACHED = 256
"""ML-KEM keys kept expanded: expanding costs twice what using one does. The oldest goes first."""
