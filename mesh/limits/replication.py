"""Bounds of pushing, announcing, asking for and sending bodies."""

from mesh.limits.timekeeping import CLOCKS_AGREE_SECONDS

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
"""Ids that a link may announce; more are passed over and found by comparing."""

ANNOUNCED_IDS_BURST = 20_000
"""The same at once: what one link's queue holds after a partition has healed."""

EAGER_LINKS_MIN = 3
"""The floor of links that push new mail to us: with three, one that lies and one that sleeps stop
nothing."""

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

RESUMED_MS = 2_000
"""What a link brings so soon after a long silence is from before it ended: the megabyte that may
stand in its buffers, at 4 Mbit/s."""

SERVED_PER_MINUTE_MAX = 3
"""How often one link is given the same envelope in a minute: an id of 32 bytes draws 64 KiB. An
honest node asks again when its own tables were full, and then some seconds later."""

SERVED_IDS_REMEMBERED = 20_000
"""Ids that are counted for that at one link; with more the count begins anew. Who cycles through so
many gets them all, which is what everybody may."""

RACES_JUDGED = 50
"""Announcements of a lazy link, the last ones, that are held against the pushes of the others."""

RACE_INTERVAL_MS = 60_000
"""Between two looks at whether a lazy link is faster than those that push."""

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

SENDING_IDS_PER_LINK_MAX = 20_000
"""Bodies waiting for one link, as ids; beyond it the link's next exchange finds them."""

TURN_BYTES = 16 * 1024
"""What a flow of bodies may send when it has its turn, the least of the shares."""

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

RECENT_BODIES_BYTES_MAX = 4 * 1024 * 1024
"""Bodies kept in memory because they are about to go out over several links."""

HELD_GATHERED_MS = 200
"""Between two answers to a peer who brings much: what a person reads of who holds a message
may come that late, and each such frame by itself costs both sides a batch."""

MISSING_BODIES_ASKED_MAX = 4_096
"""Bodies that a new link is asked for because only their stubs are here, the newest first."""

STUBS_PER_FRAME_MAX = 256
"""Stubs in one frame: 195 bytes, two tokens and the lengths of all fit the largest frame."""

GIVEN_PER_LINK_MAX = 8_192
"""Bodies given over a link of which a peer may still say that it holds them, half a megabyte a
link. An answer comes within a second; what is older counts no more."""

SHORT_MAIL_BYTES_MAX = 4_096
"""New mail of this size leaves however low the battery is: a message is no longer."""

SPARED_BYTES_PER_LINK = 1024 * 1024
"""What leaves over a link of what it is spared. By this the mail that one wrote while alone leaves
over a metered network, and nobody's mail is asked whose it is."""
