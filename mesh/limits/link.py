"""Bounds of one link: handshake, records, frames, keepalive."""

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
"""A link that sent nothing for so long sends a ping, at the latest."""

LINK_PING_STEP_MS = 7_500
"""Pings leave at steps of a clock that all links of a link key share, so that a laptop wakes once
for its idle links and not for each. Half of the time above: links that are idle are pinged at every
other step. A finer one would have more groups of links that are never pinged together."""

LINK_PING_GRACE_MS = 1_000
"""The side that was dialled waits so much longer than the whole of that time: two sides that ask at
once ask for nothing."""

LINK_DEAD_MS = 40_000
"""A link that heard nothing for so long is dead: two pings and a half were lost."""

LINK_SILENT_MS = 20_000
"""A link that was silent for so long was cut, or one of its sides slept or stalled: a living side
is heard every 16 s, since it pings or answers ours."""

LINK_CHECK_MS = 2_000
"""A link in doubt, as after sleep, is pinged, and so long may pass without a byte of it until the
answer is there."""

LINK_WAITING_MS = 10_000
"""A second link to a node waits so long at most beside the first: twice a handshake's time, so a
busy node has chosen by then, and nobody holds more than one link for longer."""

LINKS_WAITING_MAX = 3
"""Links that wait beside one: two nodes that meet know each other by so many addresses at most."""

LINKS_WAITING_FURTHER_MAX = 6
"""With so many waiting in all, only one waits beside a link: nodes that meet over several addresses
do so one or two at a time, and whoever names duplicates beside all his links takes no more than
half of the places above."""

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

FIRST_MESSAGE_SECONDS = 3_600
"""In a closed mesh a first message that names nobody is answered for so long after it was made, and
as long before: clocks differ."""

FORMER_INSTANCE_MS = 120_000
"""So long after midnight who calls us by the former name is answered: it is announced for a
minute, and a dial takes seconds."""

FIRST_MESSAGES_REMEMBERED = 4_096
"""Ephemeral keys of valid first handshake messages kept against replay."""

LINK_KEY_AGE_MIN_MS = 3_600_000
"""A link key younger than this is kept when the day changes, as when a clock is corrected."""

LINK_KEYS_REMEMBERED = 8
"""Our own former link keys, so that a stale announcement of ourselves is recognised."""
