"""Bounds of the shell: queues between sockets, the engine and subscribers."""

from mesh.limits.link import HANDSHAKES_PENDING_MAX, LINK_SENDING_BYTES_MAX, LINKS_MAX

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
"""Bytes of one link that wait for the engine, and so what is read from a socket at once at most:
four of the largest envelopes."""

INPUT_BYTES_ALONE_MAX = 768 * 1024
"""Read at once from a socket while nothing of any link waits: each turn of the engine costs as much
as several blocks of a large file. All links together hold no more than without it but once this."""

HINTS_PENDING_MAX = 256
"""Announcements of peers that wait for the engine; more are dropped, they will be repeated."""

ASKS_PENDING_MAX = 256
"""Commands that wait for their answer; further callers wait for their turn."""

EVENTS_PER_SUBSCRIBER_MAX = 16_384
"""Events kept for a subscriber that does not read; one that falls further behind is let go.

Two who were apart and wrote 1,000 messages each tell 7,000 within a second of meeting, faster
than anybody reads. Subscribers share the events, so a queue costs its places.
"""

EVENTS_PER_TURN = 16
"""Read by a subscriber before others have their turn: a message tells two, a batch hundreds."""

SUBSCRIBERS_MAX = 128
"""Listeners to events: pages, terminals and programs of one person."""

STREAM_WRITE_BYTES = 192 * 1024
"""Written to a socket at once, so that progress of a slow one is reported in steps. Less than this
is written and told by no report that wakes the engine; large files have more than twice as much on
their way (`FILE_SENDING_BYTES`), so that none of them waits for a report that wakes nobody."""

STREAM_UNSENT_BYTES = 128 * 1024
"""Bytes of a socket that the system holds and has not sent, from which on it takes no more for now:
each waking of who writes costs as much as to write so many. 10 ms at 100 Mbit/s."""

STREAM_RETRY_MS = 2_000
"""TCP doubles its pause after each vain try; where the system lets us bound it, it is this at most.
Else mail may wait after a cut as long again as that lasted. A dead neighbour costs 20 packets."""

STREAM_UNACKED_MS = 60_000
"""For so long TCP goes on trying, since the pauses no longer decide it: longer than a silent link
lives (`LINK_DEAD_MS`), so that nobody but the link itself gives it up."""

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

BATTERY_LOOK_MS = 60_000
"""Between looks at the battery: it does not change much in a minute."""

DISK_LOOK_MS = 5_000
"""Between looks at the free disk, which cost microseconds: another program may fill it in seconds,
and whoever has made room for it does not want to wait."""

DISK_AMPLE_BYTES = 8 * 1024 * 1024 * 1024
"""Free disk that no program fills in seconds: it is looked at less often, as each look wakes up two
threads of an idle laptop."""

DISK_AMPLE_LOOK_MS = 30_000
"""Between two looks at so much free disk. What fills up all the same is refused by the disk itself,
and nothing is lost by that."""

DISK_CHANGE_BYTES_MIN = 16 * 1024 * 1024
"""Free disk that changed by less since it was told is not told again, nor one that changed by less
than a quarter."""
