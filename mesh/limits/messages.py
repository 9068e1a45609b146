"""Bounds of messages, the outbox and the history."""

TEXT_BYTES_MAX = 60_000
"""One message's text; fits the largest size class in every form."""

OUTBOX_MESSAGES_MAX = 100_000
"""Messages of ours not known to be delivered; more is refused in words."""

KEPT_SECONDS = {"1d": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "until-delivered": None}
"""From writing on, how long a message is sealed again whenever it lapses without proof. A month
where nobody wishes otherwise: people are away for weeks, and the keys of an invite live as long."""

TIMERS_NOTED_SECONDS = 300
"""Between notes of how late it is for timers: of a node that is never on for so long at a time
nothing counts until its clock is steady."""

TIMERS_IN_MEMORY_MAX = 10_000
"""Items whose time to disappear is counted by the clock of this run; of more, by expiry time."""

ENTRIES_MAX = 16
"""Entries of one payload: what one press writes into a register with more than 100 values."""

RECEIPTS_PER_CONTROL_MAX = 100
"""Message ids in one read receipt: 3,200 bytes."""

UNASKED_ANSWERS_PER_DAY_MAX = 128
"""Answers that one contact has us give in a day without our person, of all kinds together: a
quarter of what one posting key carries, and more than honest nodes need but for receipts."""

SOON_MS = (0, 10_000)
"""Between the shortest and the longest wait of what a node writes by itself and people stand there
waiting for: 5 s in the mean, evenly, so that no delay tells more than another."""

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

HEADS_OF_AUTHOR_MAX = 64
"""Heads of one author that are remembered; who answers to what was said has one."""

MESSAGES_COMPARED_PER_STEP = 2_000
"""Messages that are compared with their parents in one transaction: a tenth of a second."""

REORDERING_PAUSE_MS = 10_000
"""Between two such steps: what a late parent moves takes one part in a hundred of the time."""

SEND_KEYS_KEPT_SECONDS = 30 * 86_400
"""How long an idempotency key is remembered, twice as long at most; nobody repeats a send after so
long."""

CHORES_INTERVAL_MS = 3_600_000
"""Between looks for what expired or is to be posted again; mesh time may have moved meanwhile."""

REMAINING_SECONDS_MIN = 86_400
"""An envelope with less to live is sealed again where the one made after it is of no use: who takes
it now may meet nobody in time, and by a clock that differs it may be over already. Who is met now
may be here for minutes only, and the next one in days."""

EXPIRED_PER_CHORE = 1_000
"""Expired messages settled in one transaction."""

JUDGED_AGAIN_PER_CHORE = 2_000
"""Entries looked through in one transaction for those that this release knows, and none before."""

SEALED_PER_CHORE = 1_000
"""Waiting messages sealed in one transaction: about half a second."""

NEWER_ENVELOPES_MAX = 1_024
"""Envelopes for our person that a later Mesh made and that are kept from being evicted as junk. All
of them are tried again at each start."""
