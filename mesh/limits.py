"""Every bound of the node, each with its reason. Units stand last in the names."""

# --- Link -------------------------------------------------------------------------------------
FRAME_BYTES_MAX = 66 * 1024
"""One envelope of 64 KiB and its frame around it; nothing larger is ever sent."""

RECORD_PLAINTEXT_BYTES_MAX = 16 * 1024
"""A record is decrypted whole: small enough to bound latency and memory of a link."""

RECORDS_PER_KEY = 2**16
"""Records of one direction under one key: at most 1 GiB, far below the cipher's bound, and a
stolen key reads no more than that. Counted, never timed, so that both ends agree."""

HANDSHAKE_MESSAGE_BYTES_MAX = 4 * 1024
"""The largest handshake message is about 1.3 kB; an unknown peer may not make us buffer more."""

HANDSHAKE_TIMEOUT_MS = 5_000
"""A handshake costs three messages on a local network; who takes longer is not there."""

HANDSHAKES_PENDING_MAX = 32
"""Accepted connections that have not proved themselves; a flood of dials costs no more."""

LINKS_MAX = 64
"""Open links and handshakes together; 50 links must work, file descriptors are finite."""

LINK_PING_IDLE_MS = 15_000
"""A link that sent nothing for so long sends a ping (SYNC.md H.4)."""

LINK_PING_GRACE_MS = 1_000
"""The side that was dialled waits so much longer: two sides that ask at once ask for nothing."""

LINK_DEAD_MS = 40_000
"""A link that heard nothing for so long is dead: two pings and a half were lost."""

LINK_CHECK_MS = 2_000
"""A link in doubt, as after sleep, is pinged, and so long may pass without a byte of it until the
answer is there (SYNC.md H.4)."""

LINK_WAITING_MS = 10_000
"""A second link to a node waits so long at most beside the first: twice a handshake's time, so a
busy node has chosen by then, and nobody holds more than one link for longer."""

LINKS_WAITING_MAX = 3
"""Links that wait beside one: two nodes that meet know each other by so many addresses at most."""

LINK_SENDING_BYTES_MAX = 1024 * 1024
"""Bytes handed to the driver and not yet written; beyond it bodies wait as ids, not as bytes."""

LINK_RECEIVE_FRAMES_PER_SECOND = 20_000
"""Each frame costs us at least a decode; honest nodes send a tenth of this."""

LINK_RECEIVE_FRAMES_BURST = 60_000
"""Frames at once, such as the backlog of a whole day on a fast network."""

HELLO_VERSIONS_MAX = 8
"""Versions a Hello may name."""

HELLO_FEATURES_MAX = 32
"""Features a Hello may name."""

FIRST_MESSAGES_REMEMBERED = 4_096
"""Ephemeral keys of valid first handshake messages kept against replay (PROTOCOL.md 1)."""

LINK_KEY_AGE_MIN_MS = 3_600_000
"""A link key younger than this is kept when the day changes, as when a clock is corrected."""

LINK_KEYS_REMEMBERED = 8
"""Our own former link keys, so that a stale announcement of ourselves is recognised."""

# --- Peering ----------------------------------------------------------------------------------
LINKS_DIALLED_TARGET = 3
"""Of many nodes in sight so many are dialled; as many dial us (SYNC.md H.6)."""

LINKS_FULL_MESH_MAX = 8
"""With at most so many others in sight a node links to all of them."""

LINKS_ACTIVE_MAX = 8
"""Links that no person asked for, with few in sight (SYNC.md E). Who comes later takes the place
of one of them."""

LINKS_HOSTILE_SHARE = 3
"""One in so many of those in sight may call everybody and hold on, and there is still room for
who calls once: so many links more than the least may stand. Without that the hostile ones of a
network fill all places before the last of the honest ones has started."""

LINKS_ROOM_MAX = 24
"""However many announce themselves; each link is a queue and a session of comparing."""

LINKS_ACTIVE_MIN = 6
"""With fewer than this, further nodes are dialled: of those in sight, and those told of."""

LINKS_FILL_PAUSE_MS = 1_000
"""How long a node with fewer waits for others to call before it dials one more, or up to twice
that: where all wake at once, links arise in a second."""

LINKS_KEPT_DIALLED = 2
"""Links that never yield: the two that this node itself dialled the longest ago."""

LINKS_KEPT_CALLED = 2
"""And the two that called the longest ago: each link was dialled by one side only, and is as safe
as the less safe of its ends."""

LINK_TURNED_AWAY_MS = 60_000
"""Who gave up a link to us has enough: the pause before dialling it again, or up to twice that."""

SWAP_SOON_MS = 5_000
"""The next swap after one that showed two parts of the mesh to be apart, or up to twice that."""

BACKLOG_SHOWS_PARTITION = 16
"""Envelopes fetched from one link alone; a few are only mail that was faster on another way."""

LINK_SWAP_INTERVAL_MS = 600_000
"""Between swaps of one link for another: two groups of ten find each other within a minute, and a
swap costs one more list of ids than each link asks for in this time anyway."""

LINKS_PER_NETWORK_MIN = 2
"""A node on several networks keeps at least so many links on each: it may be the only bridge."""

LINK_SETTLED_MS = 10_000
"""A link that ends sooner counts as a failed dial, or two nodes could dial in a circle."""

REMEMBERED_FAILURES_MAX = 3
"""Dials of an address of an earlier run before it is forgotten."""

DIALS_CONCURRENT_MAX = 4
"""Dials under way at once (SYNC.md H.4)."""

DIALS_BLIND_MAX = 2
"""Those of them to addresses where nobody says that he is there now: on another network each hangs
until its time is up, and the peers who do announce themselves shall not wait for that."""

CANDIDATES_MAX = 1_024
"""Peers seen and remembered; the oldest unseen one goes first."""

ADDRESSES_PER_PEER_MAX = 8
"""Addresses of one announced peer that are tried."""

OWN_ADDRESSES_MAX = 16
"""Addresses that turned out to be our own; some are its peers' too."""

DIAL_BACKOFF_FIRST_MS = 2_000
"""The pause after the first failed dial; doubled, with jitter of half, per failure."""

DIAL_BACKOFF_MAX_MS = 300_000
"""The longest pause between dials of one address."""

DIAL_TIMEOUT_MS = 4_000
"""A TCP connection on a local network opens in milliseconds; after two packets that were lost it
is tried a third time within three seconds. Who sleeps but was announced holds a dial for all of
it, and a laptop that wakes for seconds among sleeping ones has no time for that."""

REMEMBERED_ADDRESSES_MAX = 16
"""Addresses that worked, kept over a restart; twice the links of a node."""

DIAL_JITTER_MS = 300
"""First dials are spread, so that most pairs do not dial each other at once."""

CONFIGURED_PEERS_MAX = 256
"""Addresses typed by a person."""

PEX_RECORDS_MAX = 8
"""Nodes in one answer of a peer exchange (SYNC.md H.5)."""

PEX_ADDRESSES_PER_RECORD_MAX = 4
"""Addresses of one node in it."""

PEX_INTERVAL_MS = 60_000
"""Between two requests of a node, and between two that one link is answered."""

PEX_RECORDS_PER_HOUR_MAX = 16
"""Records taken from one link in an hour: who invents addresses fills no cache with them."""

PEX_FRESH_MS = 86_400_000
"""An address is passed on for so long after it led to a link."""

PASSIVE_ADDRESSES_MAX = 128
"""Nodes known besides those that are linked or announced, from which lost links are replaced.

When 19 of 20 nodes fail at once, nobody in a full cache lives in 1 of 700 cases (64: 1 of 27)."""

PASSIVE_PER_PREFIX_MAX = 8
"""Of those in one IPv4 /16 or IPv6 /32 of the internet, where addresses are cheap."""

PASSIVE_PORT_MIN = 1_024
"""Below it other services live; a peer may not make us knock at their doors."""

WHO_ENTRIES_MAX = 5_056
"""Proofs in one frame, 40 kB: one for each contact that may be, filled to a multiple of 64."""

WHO_INTERVAL_MS = 600_000
"""Between two lists of proofs over one link, as when a contact was added meanwhile."""

WHO_FRAMES_PER_HOUR_MAX = 12
"""Lists of one link that are read; each costs us a look at every entry."""

TIMES_PER_LINK_MAX = 4
"""How often each side of a link may say anew what time it is. A clock is corrected once or twice in
the life of a link; beyond it two groups, or a liar, could have nodes change their time for ever."""

TIME_INTERVAL_MS = 10_000
"""Between two of these: while links are opened a correction is often followed by another one."""

# --- Spreading --------------------------------------------------------------------------------
IDS_PER_FRAME_MAX = 512
"""Ids in one frame: 17 KiB, a quarter of the largest frame."""

WANTS_PER_LINK_MAX = 512
"""Bodies asked of one link and not yet here."""

WANTS_PER_LINK_BYTES_MAX = 1024 * 1024
"""Bytes of bodies asked of one link and not yet here."""

WANT_TIMEOUT_MS = 3_000
"""An asked body that has not come goes to the next peer that has it."""

ANNOUNCERS_PER_ID_MAX = 8
"""Peers remembered as having an id that we lack."""

MISSING_IDS_MAX = 20_000
"""Ids announced and not yet here; beyond it the oldest are left to the next exchange."""

OFFERED_IDS_PER_LINK_MAX = 2_048
"""Missing ids of one link: four pages. A link that floods us with ids leaves room for others."""

ANNOUNCED_IDS_PER_SECOND = 2_000
"""Ids that a link may announce; more are passed over and found by comparing (SYNC.md D)."""

ANNOUNCED_IDS_BURST = 20_000
"""The same at once: what one link's queue holds after a partition has healed."""

EAGER_LINKS_MIN = 3
"""The floor of links that push new mail to us: with three, one that lies and one that sleeps stop
nothing (SYNC.md D)."""

EAGER_LINKS_MAX = 8
"""Beyond twice the floor and two the link that brings least is pruned."""

SCORE_FIRST_MAX = 50
"""Points that a peer can hold for envelopes that it was first to bring: no past is so good
that a broken promise costs nothing."""

BROKEN_PROMISE_COST = 5
"""What it loses for one that it announced and did not give: a peer that is late now and then
brings far more than it owes, and who never gives is doubted after the first."""

SCORE_HALF_LIFE_MS = 600_000
"""After ten minutes half of it is forgotten, good and bad."""

CLOCKS_AGREE_SECONDS = 600
"""Clocks of peers that differ by no more are left as they are (docs/protocol/posting.md)."""

LIVE_SECONDS_MAX = CLOCKS_AGREE_SECONDS + 60
"""Older mail is backlog: announced, never pushed. Mail that comes live is seconds old, but clocks
may differ; with 60 s alone a node that was more than a minute ahead pushed nothing on."""

PRUNE_AGE_MS = 5_000
"""A duplicate of what came so lately shows that another link is the faster one."""

PRUNE_AGAIN_MS = 1_000
"""A lazy link that goes on pushing is told again that it is, after so long: before that, what it
brings was on its way."""

PRUNE_PAUSE_MS = 10_000
"""A pruned link is not grafted again within so long, nor made eager by what was on its way."""

RECENT_IDS_MAX = 10_000
"""Ids whose arrival is remembered for it."""

GRAFT_PAUSE_MS = 20
"""What was announced live is asked for after so long, or half a round trip if that is longer."""

ROUND_TRIP_FIRST_MS = 10
"""What a round trip is taken for where no handshake has told."""

BYTES_PER_SECOND_FIRST = 10_000_000
"""What a link is taken to bring in a second before that was measured: Wi-Fi in one room."""

RATE_MEASURED_MS = 20
"""How long a rate is measured at least: what one batch brought seems to come at one instant."""

GRAFT_PAUSE_MAX_MS = 1_000
"""The same on the slowest link."""

LATE_MS = 20
"""Who looks so late for what did not come waits as long again: whoever is busy has peers that
wait for him, and the bodies may stand in the queues between."""

LATE_PAUSES_MAX_MS = 1_000
"""All such pauses for one body, together: as long as any is waited for on the slowest link."""

ASK_TIMEOUT_MIN_MS = 50
"""A grafted id that has not come goes to the next peer that has it."""

ASK_TIMEOUT_MAX_MS = 3_000
"""The same on the slowest link."""

ASKED_IN_VAIN_MS = 10_000
"""What was asked for so long ago and comes now is announced, and not pushed: a cut has ended, and
all who heard of it get it at the same moment."""

SERVED_PER_MINUTE_MAX = 3
"""How often one link is given the same envelope in a minute: an id of 32 bytes draws 64 KiB. An
honest node asks again when its own tables were full, and then some seconds later."""

SERVED_IDS_REMEMBERED = 20_000
"""Ids that are counted for that at one link; with more the count begins anew. Who cycles through so
many gets them all, which is what everybody may."""

RACES_JUDGED = 50
"""Announcements of a lazy link, the last ones, that are held against the pushes of the others."""

RACE_INTERVAL_MS = 60_000
"""Between two looks at whether a lazy link is faster than those that push (SYNC.md D)."""

RACE_MARGIN_MS = 20
"""An announcement has to be so much earlier than the push, or a round trip, to have been faster:
the body would have taken as long."""

DO_NOT_WANT_BYTES_MIN = 4_096
"""Envelopes from this size on are worth a frame that saves their second copy."""

DO_NOT_WANT_AT_ONCE_BYTES_MIN = 16_384
"""From this size on also where nothing waits: shorter ones are read as soon as word of them."""

DO_NOT_WANT_IDS_MAX = 4_096
"""Such ids remembered for one link."""

DO_NOT_WANT_KEPT_MS = 60_000
"""How long they are."""

UNKNOWN_SIZE_BYTES = 4_096
"""What an id that was learned by reconciling is taken for until it comes."""

RECONCILE_FRAME_BYTES_MAX = 60_000
"""One message of a reconciliation; with the frame around it below the largest frame."""

RECONCILE_MESSAGES_PER_SECOND = 20
"""Messages of one link that are answered: each may cost some milliseconds (SYNC.md B)."""

RECONCILE_SERVED_PER_SECOND_MAX = 80
"""The same of all links together: four at their full rate (SYNC.md B). Others are told to wait."""

RECONCILE_ROUNDS_MAX = 64
"""Messages of one session; a million ids of which a thousand differ need 10. Who needs more begins
anew later."""

RECONCILE_TIMEOUT_MS = 20_000
"""A session whose answer has not come is given up."""

RECONCILE_AFTER_LOSS_MS = 5_000
"""The pause before a link is compared with again when a session was cut, or something of it was
lost: a peer that withholds must not make us compare without end."""

RECONCILE_BUSY_SECONDS_MAX = 60
"""The longest pause that a busy peer may ask for."""

ROOT_INTERVAL_MS = 60_000
"""Between roots told to a random peer, give or take half, while things change."""

ROOT_INTERVAL_MAX_MS = 900_000
"""The same where nothing differs for long."""

ROOT_PAUSE_MS = 10_000
"""A root of a link that told one so lately is passed over; honest ones are half a minute apart."""

AUDIT_IDS_MAX = 16_384
"""Ids in one audit: each is hashed, 20 ms in all; and the sums of all its parts of eight fit one
message, should it fail."""

SENDING_IDS_PER_LINK_MAX = 20_000
"""Bodies waiting for one link, as ids; beyond it the link's next exchange finds them."""

TURN_BYTES = 16 * 1024
"""What a flow of bodies may send when it has its turn, the least of the shares (SYNC.md G)."""

FLOWS_PER_LINK_MAX = 1_024
"""Posting keys that take turns on one link, under a kilobyte each; further ones share a turn."""

SEND_BODIES_PER_BATCH_BYTES_MAX = 256 * 1024
"""Bodies read from disk for one link in one batch, so that links take turns."""

SPARED_PAUSE_MS = 900_000
"""A peer that spares its network or its battery is not asked for backlog for so long."""

REFUSED_IDS_MAX = 4_096
"""Ids refused lately, which are not asked for again when somebody lists them."""

REFUSED_KEPT_MS = 3_600_000
"""A refusal is forgotten after so long: what was created too far ahead may be admitted then."""

CLOCK_JUMP_SECONDS = 600
"""Mesh time that moved so much against the time that passed: refusals may have been wrong."""

RECENT_BODIES_BYTES_MAX = 4 * 1024 * 1024
"""Bodies kept in memory because they are about to go out over several links."""

EVICTION_ROWS_PER_STEP = 256
"""Bodies chosen and looked at together when room is made."""

RETIRE_DELAY_MS = (60_000, 600_000)
"""Between opening a message and telling the mesh so, drawn for each by itself: an instant receipt
would tell who is awake, and a batch of them what belongs to one person (PROTOCOL.md 2)."""

RELAY_DELAY_MS_MAX = 60_000
"""How long each node holds a retirement back at most, so that who had it first does not show."""

RETIREMENTS_GATHERED_MS = 5_000
"""How often what was opened here or held back for long enough is told, all of it together: one by
one, that was half of all frames in a busy mesh, and a transaction each; nobody is in a hurry."""

HELD_GATHERED_MS = 200
"""Between two answers to a peer who brings much: what a person reads of who holds a message
may come that late, and each such frame by itself costs both sides a batch."""

RETIREMENTS_PENDING_MAX = 20_000
"""Retirements held back; more are dropped, and found by comparing."""

RETIREMENTS_PER_BATCH = 512
"""Retirements that enter the store in one batch."""

ORPHANED_RETIREMENTS_MAX = 4_096
"""Retirements remembered that came before the envelopes which they retire."""

MISSING_BODIES_ASKED_MAX = 4_096
"""Bodies that a new link is asked for because only their stubs are here, the newest first."""

STUBS_PER_FRAME_MAX = 256
"""Stubs in one frame: 195 bytes, two tokens and the lengths of all fit the largest frame."""

EXPIRY_INTERVAL_MS = 60_000
"""How often a node looks for envelopes that have outlived their lifetime."""

# --- Envelope and admission -------------------------------------------------------------------
CREATED_AHEAD_SECONDS_MAX = 86_400
"""Mesh time differs between nodes; an envelope may be created a day ahead (PROTOCOL.md 2)."""

STAMP_CHECKS_PER_SECOND = 20
"""A check costs 10 ms: at most a fifth of a core goes to false stamps."""

STAMP_VERDICTS_REMEMBERED = 65_536
"""Keys whose stamp was checked, good or bad, so that each costs us once."""

DEFERRED_PER_LINK_MAX = 64
"""Envelopes of one link that wait for the check of their stamp."""

STORED_BYTES_DEFAULT = 1024 * 1024 * 1024
"""Bytes a node carries unless its config says otherwise."""

STORE_FREE_DISK_PERCENT = 10
"""Of the disk that is free, or taken by the store, at most so much is the store's: a full disk
harms its owner more than mail that others carry too."""

OWN_SHARE_PERCENT = 10
"""Of the store, for what was written here; beyond it writing more is refused (SYNC.md G)."""

CONTACTS_SHARE_PERCENT = 25
"""Of that room, what contacts lose to nobody further away."""

FRIENDS_SHARE_PERCENT = 35
"""The same for authors for whom contacts vouch, and for those one further."""

STRANGERS_SHARE_PERCENT = 20
"""The same for all others, so that a mesh of strangers still carries mail."""

PINNED_SHARE_PERCENT = 50
"""Of that room, for what bears a tag that is expected here and was not opened yet. While the vault
is locked nobody can tell mail from junk under a tag that somebody saw."""

STORE_CROWDED_PERCENT = 70
"""With more of the room in use, a stranger's key may keep less."""

KEY_BODIES_BYTES_MAX = 8 * 1024 * 1024
"""Bodies kept of one posting key and day; half of it for each step further away (SYNC.md G)."""

KEY_BODIES_CROWDED_BYTES_MAX = 1024 * 1024
"""The same for a stranger's key where room is scarce."""

WEIGHT_AGE_SECONDS = 4 * 86_400
"""Younger bodies weigh by their size alone when one has to go; older ones by their age too."""

PEERS_TOLD_APART_MAX = 2 * LINKS_MAX
"""Peers by whom strangers' mail is told apart; who brought least is forgotten first."""

EVICTED_PER_BATCH = 4_096
"""Bodies dropped in one transaction for want of room, or twice as many as came, if that is more."""

KNOWN_IDS_MAX = 2_000_000
"""Envelopes and retirements that a node knows, with or without bodies: 0.32 kB of memory each, so
0.6 GB. A million stored envelopes fit, and a million of which the stub is left."""

KNOWN_IDS_MIN = 16_384
"""However small a store is, it knows so many."""

STUBS_SHARE_PERCENT = 30
"""Of the store, for stubs: more would leave too little for bodies."""

FORGOTTEN_PER_BATCH = 16_384
"""Ids that are forgotten in one transaction for want of room: more than one batch can bring."""

TOLERATED_AHEAD_SECONDS = 600
"""Where ids are too many, what is created further ahead than honest clocks differ has to wait."""

NEAR_ANNOUNCED_MAX = 4_096
"""Envelopes of the near, too old to be compared, of which a new link is told."""

CARRIED_DAYS_MAX = 30
"""No envelope lives longer."""

ARRIVALS_PER_BATCH = 512
"""Stored envelopes looked at in one batch after an unlock, so that links go on meanwhile."""

POSTED_PER_BATCH = 512
"""Envelopes made here that enter the store in one batch."""

# --- Databases --------------------------------------------------------------------------------
DATABASE_CACHE_BYTES = 16 * 1024 * 1024
"""Decrypted pages kept in memory: the busy ends of a store's indexes."""

DATABASE_WAL_BYTES_KEPT = 16 * 1024 * 1024
"""A write-ahead log that grew beyond it (a large batch) is cut back at the next checkpoint."""

VAULT_CHECKPOINT_MS = 60_000
"""How long what was erased may stand in the vault's log; emptying it costs some commits' time."""

VAULT_REBUILT_BYTES_MAX = 64 * 1024 * 1024
"""A vault up to this size is rebuilt when it is closed, for 20 ms a MiB and as much free disk."""

DATABASE_BUSY_TIMEOUT_MS = 2_000
"""One node opens a profile; a passing reader (a backup, an antivirus) is waited for so long."""

STATEMENTS_CACHED = 256
"""Compiled statements of one connection: more than the code has."""

EXPIRED_ROWS_PER_BATCH = 4_000
"""Envelopes that expire in one transaction: a seventh of a second; the rest go a minute later."""

# --- People -----------------------------------------------------------------------------------
TEXT_BYTES_MAX = 60_000
"""One message's text; fits the largest size class in every form (PROTOCOL.md 2)."""

NAME_BYTES_MAX = 64
"""A person's name or a contact's label, in UTF-8."""

CONTACTS_MAX = 5_000
"""Contacts of one profile; each costs 256 tags in memory."""

INVITES_MAX = 64
"""Live invites; each costs 4,096 tags in memory."""

INVITE_TAGS = 4_096
"""Tags of one invite (PROTOCOL.md 4)."""

INVITE_BUNDLE_POSTS_MAX = 64
"""How often an invite's bundle may be posted on the mesh."""

INVITE_TEXT_CHARACTERS_MAX = 4_096
"""A link has about 2,000 characters; a mistaken file is not decoded."""

ADDRESS_HINT_BYTES_MAX = 255
"""HOST:PORT of an invite; a host name has at most 253 characters, a hint's length is one byte."""

INVITE_USES_MAX = 1_000
"""The largest use count of one invite."""

TAG_WINDOW = 256
"""Tags expected of a contact beyond the highest index opened."""

TAG_CHAIN_STEP = 64
"""Messages under one tag key."""

TAG_KEY_KEPT_SECONDS = 31 * 86_400
"""How long a tag key outlives the use of a later one: the longest lifetime and a day of clocks."""

OUTBOX_MESSAGES_MAX = 100_000
"""Messages of ours not known to be delivered; more is refused in words."""

RECEIPTS_PER_CONTROL_MAX = 100
"""Message ids in one read receipt: 3,200 bytes."""

CARRIERS_MAX = 64
"""Peers that are counted as carrying one message: as many as there are links. A peer
that comes back under a new link key each time is not a row each time."""

IDEMPOTENCY_KEY_BYTES_MAX = 128
"""A caller's key that makes a repeated send one message."""

DRAFT_BYTES_MAX = TEXT_BYTES_MAX
"""What was begun to be written; longer than any message it could not be sent."""

MOMENT_MAX = 253_402_300_799
"""The last second of the year 9999, which every calendar can show: muted until then is for good."""

MESSAGES_PER_PAGE_MAX = 1_000
"""Messages in one answer of the local API."""

COMPARISON_SECONDS_MAX = 86_400
"""A live comparison ends after a day: nobody remembers what was on the screen before."""

NOTES_PER_CONTACT_MAX = 100
"""What happened to one contact; the oldest go, as nobody reads more."""

SAFETY_NUMBERS_CACHED = 64
"""Halves of safety numbers in memory: each takes milliseconds, and few are looked at twice."""

INTRODUCTION_SECONDS = 30 * 86_400
"""How long an introduction waits for an answer, and an invite that was given for one lives."""

INTRODUCTIONS_PER_CONTACT_MAX = 16
"""People whom one contact may introduce to us within that time; more would be a flood."""

INTRODUCTIONS_MADE_MAX = 256
"""Pairs of contacts that we introduce to each other within that time."""

CLOCK_AHEAD_SECONDS_SHOWN = 600
"""A message that was written so long after it came here is by a clock that is ahead."""

CLOCK_BEHIND_SECONDS_SHOWN = 31 * 86_400
"""No envelope lives longer: a message that was written before is by a clock that is behind."""

CONTROLS_MAX = 8
"""Controls in one payload; a usual one has none or one."""

CONTROL_BYTES_MAX = 4_096
"""One control; the longest are an invite's bytes and a hundred message ids."""

PARENTS_MAX = 4
"""Heads of a conversation that a message names."""

MESSAGES_REORDERED_MAX = 10_000
"""Messages that a late parent may push down in its conversation; each is one row rewritten."""

CLOCK_AHEAD_MS_MAX = 300_000
"""A clock further ahead than this does not move ours (SYNC.md I)."""

SKIPPED_PER_MESSAGE_MAX = 4_000
"""Keys kept for messages that one message shows to be missing (PROTOCOL.md 4): a millisecond each
thousand, and more than a person writes while an envelope lives."""

SKIPPED_PER_SESSION_MAX = 20_000
"""Keys kept for one session; the oldest go first."""

SKIPPED_KEPT_SECONDS = 31 * 86_400
"""How long a kept key outlives the message that skipped it: the longest lifetime and a day."""

POST_QUANTUM_CHAINS = 16
"""Chains between post-quantum steps (PROTOCOL.md 4): each costs 2.3 kB in some messages."""

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

POSTING_DAYS_AHEAD = 3
"""Stamps are made so many days in advance (PROTOCOL.md 2)."""

POSTING_DAYS_TOLD = 14
"""Contacts are told our posting keys of so many days, today's first (SYNC.md G): who was away for
a week knows them still, and who is blocked knows them no longer than this."""

POSTING_KEYS_TOLD_MAX = 64
"""Keys in one telling: one a day, and more on days on which an author needs several."""

POSTING_KEYS_FRESH_DAYS = 10
"""Where a contact knows our keys of fewer days ahead, the next payload tells them again if it grows
into no larger envelope for it: at most every fourth day, and nobody sees it."""

POSTING_KEYS_SCARCE_DAYS = 4
"""Where they know fewer, any payload tells them; where nothing is written for days, one of its own
does, on a day and hour of chance."""

POSTING_KEYS_PER_CHORE = 16
"""Contacts who are sent our keys for their own sake within an hour: for a thousand silent contacts
four in an hour suffice, and what they cost stays below a posting key's quota."""

POSTING_KEYS_UNHEARD_DAYS = 30
"""Who was sent our keys and was not heard since is sent them for their own sake after so long:
people who are gone cost an envelope a month."""

VOUCH_DAYS_TOLD = 7
"""Over links keys are named for so many days, today's first (SYNC.md G): with the full lists of all
of them a frame is as long as one with the largest envelope."""

VOUCHES_DELAY_MS = (5_000, 60_000)
"""So long after a link proved to be a contact's, or after lists changed, they are told, drawn by
chance: what was learned over one link must not show on another one at the same moment."""

VOUCHES_INTERVAL_MS = 3_600_000
"""Between two tellings to one contact. Lists change when any contact's do; they are for the days to
come, and nothing depends on the hour."""

VOUCHES_SETTLED_MS = 60_000
"""Where a link ends sooner after a telling, the contact is told again over the next one."""

VOUCHES_REPEATED_MS = 86_400_000
"""Over a new link a contact is told all of it again after so long, whatever they were told before:
they may have lost it with a disk."""

VOUCHES_PER_HOUR_MAX = 12
"""Tellings of one contact that are read in an hour: an honest one sends one, and a few where links
end and begin. Each is up to 64 KiB and a write to the vault."""

CONTACT_KEYS_PER_DAY_MAX = 8
"""Posting keys of one contact and day that count as theirs. Each stands for 512 messages; whoever
claims the keys of others for their own gains no more than this."""

VOUCHED_PER_CONTACT_DAY_MAX = 64
"""Keys of their own contacts that one contact may name for a day (SYNC.md G)."""

FAR_PER_CONTACT_DAY_MAX = 1_000
"""Keys of contacts of their contacts that one contact may name for a day (SYNC.md G)."""

VOUCHED_HASHES_PER_DAY_MAX = 16_384
"""Keys of contacts of contacts that are known for a day: the full lists of 256 contacts. Beyond it
all lists are cut to one share. Eight bytes each in what was told and in the joined list."""

FAR_HASHES_PER_DAY_MAX = 32_768
"""The same one step further: half a megabyte a day, eight megabytes in all."""

TRUST_DAYS_KEPT = 32
"""How long the key of a contact is known after its day: until its last envelope has expired."""

VOUCHES_DAYS_KEPT = 8
"""How long a vouch is known after its day: the default lifetime of an envelope and a day. Mail that
lives longer is a stranger's afterwards; knowing it would cost four times the memory."""

TRUST_DAYS_MAX = TRUST_DAYS_KEPT + POSTING_DAYS_TOLD + 2
"""Days of which something is known, with one on either side for clocks that differ."""

PREKEY_FRESH_SECONDS = 7 * 86_400
"""A contact is given a new bundle after so long: what a thief of keys can open ends there."""

PREKEY_KEPT_SECONDS = 60 * 86_400
"""How long private halves outlive their successor (PROTOCOL.md 4)."""

PREKEY_CACHED_MAX = 512
"""Contacts whose bundles are held in memory, opened and decoded; about 5 kB each."""

SIGNATURES_REMEMBERED = 4_096
"""Valid signatures of identities and bundles that are not checked again; 100 bytes each."""

KEM_KEYS_CACHED = 256
"""ML-KEM keys kept expanded: expanding costs twice what using one does. The oldest goes first."""

INVITE_KEPT_SECONDS = 30 * 86_400
"""How long private halves outlive an invite: mail on its way may take that long."""

INVITE_LIFETIME_SECONDS_MAX = 365 * 86_400
"""The longest life of an invite; its bundle can be posted 64 times meanwhile."""

SEND_KEYS_KEPT_SECONDS = 30 * 86_400
"""How long an idempotency key is remembered; nobody repeats a send after so long."""

CHORES_INTERVAL_MS = 3_600_000
"""Between looks for what expired or is to be posted again; mesh time may have moved meanwhile."""

EXPIRED_PER_CHORE = 1_000
"""Expired messages settled in one transaction."""

SEALED_PER_CHORE = 1_000
"""Waiting messages sealed in one transaction: about half a second."""

# --- People nearby ----------------------------------------------------------------------------
NEARBY_PEOPLE_MAX = 64
"""People who offer a card at once: as many as there are links, since each link has one."""

NEARBY_ASK_INTERVAL_MS = 60_000
"""Between two questions for cards over one link; a person who looks again has them already."""

NEARBY_ANSWERS_PER_MINUTE = 4
"""Cards given over one link; an honest peer asks for one."""

NEARBY_STEPS_PER_MINUTE = 32
"""Sealed steps of one link that are opened, each for a key agreement; a comparison takes seven."""

NEARBY_BOX_BYTES_MAX = 4_096
"""One sealed step; the longest holds the link of an invite."""

NEARBY_LINK_CHARACTERS_MAX = 3_072
"""The link of an invite inside a step: about 2,100, with room for two layers of sealing."""

NEARBY_KEY_MS = 3_600_000
"""The life of a card's key: who is met again in the next hour is not recognised by it."""

NEARBY_CARD_KEPT_MS = 3_600_000
"""Whose link ended is remembered for so long; by then their card bears another key."""

NEARBY_WAIT_MS = 180_000
"""How long a comparison waits for the other person to take it up."""

NEARBY_COMPARE_MS = 300_000
"""How long two people may look at what is to be compared."""

NEARBY_STEP_MS = 15_000
"""How long an answer that no person has to give may take over an open link."""

NEARBY_INVITE_SECONDS = 86_400
"""The life of the invite that follows a comparison: it is used within a second, or never."""

# --- Passphrase -------------------------------------------------------------------------------
PASSPHRASE_BYTES_MAX = 1_024
"""A passphrase is read whole; a mistaken file is not."""

IDLE_LOOK_MS = 5_000
"""Between looks whether nobody is there any more; a timer would stand still during sleep."""

PASSPHRASE_MEMORY_BYTES = 256 * 1024 * 1024
"""Argon2id's memory for the vault and the psk of a closed mesh: what a small laptop can spare
for a second, and what makes a guess costly on other hardware."""

PASSPHRASE_PASSES = 3
"""Argon2id's passes over that memory."""

PASSPHRASE_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
"""A key file that asks for more is damaged; believing it would take the machine's memory."""

PASSPHRASE_PASSES_MAX = 32
"""A key file that asks for more is damaged; believing it would take minutes."""

# --- Shell ------------------------------------------------------------------------------------
INPUTS_PER_BATCH_MAX = 512
"""Inputs handled in one batch: large enough to share a commit, small enough to answer soon."""

GATHERED_MS = 4
"""What links bring so soon after the beginning of a batch is handled together: a fifth of the time
that a body is waited for at least (`GRAFT_PAUSE_MS`), and less than a commit on a slow disk."""

INPUTS_HERE_MAX = 16
"""Reads of links in a batch that runs on the event loop: a message makes eight peers speak."""

QUICK_BATCH_MS_MAX = 250
"""By the clock. A batch that takes longer holds up pages and a stop so that a person notices; most
of those on a busy disk take 40."""

QUICK_BATCHES_MIN = 8
"""After one that took longer, so many quick ones in a row come before one runs on the event loop
again: a disk that is slow now and then costs the loop one batch, and not every other one."""

INPUTS_PER_LINK_MAX = 64
"""Reads of one link that wait for the engine; its reader pauses, and so does the peer."""

INPUT_BYTES_PER_LINK_MAX = 256 * 1024
"""Bytes of one link that wait for the engine: four of the largest envelopes."""

HINTS_PENDING_MAX = 256
"""Announcements of peers that wait for the engine; more are dropped, they will be repeated."""

ASKS_PENDING_MAX = 256
"""Commands that wait for their answer; further callers wait for their turn."""

EVENTS_PER_SUBSCRIBER_MAX = 1_024
"""Events kept for a subscriber that does not read; one that falls further behind is let go."""

SUBSCRIBERS_MAX = 128
"""Listeners to events: pages, terminals and programs of one person."""

STREAM_READ_BYTES = 64 * 1024
"""Read from a socket at once: one of the largest envelopes."""

STREAM_WRITE_BYTES = 128 * 1024
"""Written to a socket at once, so that progress of a slow one is reported in steps."""

STREAM_QUEUE_BYTES_MAX = 4 * LINK_SENDING_BYTES_MAX
"""Bytes queued for one socket. The link stops far below; a stream beyond it is cut."""

STREAM_CLOSING_MS = 2_000
"""How long a closing stream may take to write its last bytes and to hear the peer's end."""

DIALS_QUEUED_MAX = 64
"""Dials handed over and not yet begun; the dialing machine asks for four at once."""

STAMPS_QUEUED_MAX = 64
"""Stamps wanted and not yet made: three days ahead for each audience are a handful."""

STREAMS_ACCEPTED_MAX = LINKS_MAX + HANDSHAKES_PENDING_MAX
"""Accepted streams at once; further callers wait in the listener's backlog."""

ACCEPT_PAUSE_MS = 500
"""The pause when the system has no file descriptor or memory left for an accepted stream."""

BATTERY_LOW_PERCENT = 20
"""Below it a laptop that is not being charged carries for its person and contacts only."""

POWER_AND_DISK_LOOK_MS = 60_000
"""Between looks at the battery and at the free disk: neither changes much in a minute."""

DISK_CHANGE_BYTES_MIN = 16 * 1024 * 1024
"""Free disk that changed by less since it was told is not told again."""

# --- Discovery --------------------------------------------------------------------------------
INTERFACES_POLL_MS = 5_000
"""How often interfaces are compared where the system does not tell of a change (SYNC.md H.1)."""

INTERFACES_SETTLE_MS = 300
"""A change comes as several messages of the system; they are taken as one."""

INTERFACES_SCOPES_MAX = 8
"""Interfaces on which a link-local address without a scope is tried (SYNC.md H.1)."""

WAKE_LOOK_MS = 1_000
"""How often the node looks at its clocks, to notice that it slept."""

WAKE_GAP_MS = 10_000
"""A longer pause between two looks was sleep. In a shorter one streams do not die, and a machine
that is only busy must not suspect its links."""

FORMER_NAME_MS = 60_000
"""A former instance name is still answered for so long, for those who are about to dial it."""

DISCOVERY_RETRY_FIRST_MS = 1_000
"""The pause after discovery could not start; doubled each time."""

DISCOVERY_RETRY_MAX_MS = 60_000
"""The longest pause before discovery is started again."""

DISCOVERY_CLOSE_MS = 3_000
"""How long the goodbyes may take when the node stops."""

BEACON_BURST_MS = (0, 1_000, 3_000)
"""When a node that has just come says so: packets of a waking radio are easily lost."""

BEACON_INTERVAL_MS = 30_000
"""Between beacons afterwards; twenty bytes each."""

BEACON_JITTER_MS = 5_000
"""Each interval is so much longer or shorter by chance, so that nodes do not fall into step."""

BEACON_KEPT_MS = 90_000
"""Three beacons in a row were lost, or nobody is there any more."""

BEACON_REPLY_PAUSE_MS = 10_000
"""A name that asks who is here is answered once in so long."""

BEACON_REPLIES_MAX = 64
"""Names answered in that time: whoever invents names gets no more packets out of us than this."""

BEACON_ADDRESSES_MAX = 4
"""Sources of one name's beacons that are kept: IPv4 and IPv6 of two networks."""

RESOLVE_TIMEOUT_MS = 3_000
"""How long an announced instance may take to tell its address."""

RESOLVES_CONCURRENT_MAX = 16
"""Announced instances that are asked for their address at once."""

# --- Local API --------------------------------------------------------------------------------
API_SOCKET_PATH_BYTES_MAX = 103
"""The shortest `sun_path` of the systems we run on (macOS: 104 bytes with its final zero)."""

API_CONNECTIONS_MAX = 128
"""Programs of one person that talk to one node at once; beyond it is a program gone wild."""

API_HEAD_BYTES_MAX = 16 * 1024
"""A request's line and headers; the longest of ours has a few hundred bytes."""

API_BODY_BYTES_MAX = 512 * 1024
"""The longest text with each of its bytes escaped as \\u00XX (6 x 60,000), and some room."""

API_BATCH_MESSAGES_MAX = 500
"""Messages in one request: they fit one batch of the engine, and with it one commit."""

API_BODY_TIMEOUT_MS = 10_000
"""A body comes over a local socket at once; who takes longer is stuck."""

API_CHUNK_BYTES = 64 * 1024
"""An answer is written in pieces of this size, each within the next bound."""

API_WRITE_TIMEOUT_MS = 5_000
"""A client that reads nothing for so long is cut off, so that it can never hold up a stop."""

API_GRACE_MS = 2_000
"""How long a stop waits for requests that are being answered."""

API_IDLE_TIMEOUT_MS = 60_000
"""A connection without a request is kept so long; a bot that asks every minute keeps its own."""

API_EVENTS_MAX = 4_096
"""Events remembered for subscribers that come back; hours of a busy conversation."""

API_EVENTS_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of remembered events: their number alone would allow a quarter of a gigabyte."""

API_EVENTS_PER_WRITE = 64
"""Events handed to one subscriber before others have their turn."""

API_SUBSCRIBERS_MAX = 64
"""Subscribers of events; each holds a connection."""

API_HEARTBEAT_MS = 20_000
"""A stream with nothing to say says so; a client takes 45 s of silence for a dead daemon."""

API_CLIENT_SILENCE_MS = 45_000
"""Two heartbeats and a bit: the client opens its stream of events again."""

# --- Logs -------------------------------------------------------------------------------------
LOG_FILE_BYTES_MAX = 5 * 1024 * 1024
"""One file of logs; then the next one begins."""

LOG_FILES_MAX = 5
"""Files of logs kept: a node that warns without end fills 25 MiB, and no more."""

# --- Daemon -----------------------------------------------------------------------------------
DAEMON_START_TIMEOUT_MS = 60_000
"""A start takes two seconds; on a slow machine the passphrase alone may take ten."""

MULTICAST_TEST_MS = 1_000
"""How long `mesh doctor` waits for its own packets; they come back in less than a millisecond."""

DISK_FREE_BYTES_WARN = 256 * 1024 * 1024
"""Below it `mesh doctor` warns: a quarter of what a node carries by default."""

# --- Sneakernet -------------------------------------------------------------------------------
CARRY_BLOCK_BYTES_MAX = 132 * 1024
"""Payload of one block of a carry file: two of the largest envelopes. It is what one command moves
and what one damaged byte costs; judging it takes about ten milliseconds."""

CARRY_DAMAGE_BYTES_MAX = 64 * 1024 * 1024
"""Unreadable bytes of a file before it is given up: looking for the next block costs time."""

CARRY_ROWS_PER_CHUNK = 2_048
"""Envelopes looked at in one command of an export: ten milliseconds, then links have their turn."""

CARRY_CHUNKS_PENDING_MAX = 2
"""Blocks of imports that wait for stamps: one, and one of a program that has given up."""

CARRY_SILENCE_MS = 120_000
"""How long a slow stick may hold up a stream: its cache is written out in tens of seconds."""

SUMMARY_BUCKET_BITS_MAX = 20
"""Buckets of a summary: a million, of about 16 entries each."""

SUMMARY_BYTES_MAX = 16 * 1024 * 1024
"""A summary is kept in memory while an export runs; five million entries fit."""
