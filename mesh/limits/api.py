"""Bounds of the local API."""

API_SOCKET_PATH_BYTES_MAX = 103
"""The shortest `sun_path` of the systems we run on (macOS: 104 bytes with its final zero)."""

API_CONNECTIONS_MAX = 128
"""Programs of one person that talk to one node at once; beyond it is a program gone wild. The one
that was idle for longest makes room, and who comes while all are busy is told so."""

API_REFUSAL_MS = 1_000
"""How long who is refused may write on before it is cut off, so that it reads the answer."""

API_REFUSALS_MAX = 32
"""Of those at once; further ones are cut off at once, so that they hold no place of their own."""

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

API_WRITES_PER_TURN = 16
"""Writes on one connection, for which nothing was waited, before others have their turn."""

API_WRITE_TIMEOUT_MS = 5_000
"""A client that reads nothing for so long is cut off, so that it holds nothing for ever."""

API_GRACE_MS = 1_000
"""How long a stop waits for requests that are being answered, and for clients that do not read."""

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

API_FRAME_BYTES_MAX = 128 * 1024
"""A command that comes as a frame: the longest text, with each of its 60,000 bytes escaped by
another one. What is longer is asked over HTTP, which reads it in pieces."""

API_ANSWER_FRAME_BYTES_MAX = 1_000_000
"""An answer to it. It leaves in one write with its time, and libraries take frames of 1 MiB."""

API_STREAM_COMMANDS_MAX = 8
"""Commands of one stream in hand. Of each stream 9 frames are read ahead (7 that wait, one on its
way to them, and one that is being read): 72 MiB of all streams, if each is as long as it may be. To
those come 8 commands that are being done: a text may take four bytes a character, so 4 MiB of a
stream and 256 MiB of all at the very most."""

API_ASK_ID_CHARACTERS_MAX = 64
"""The id of a command: a number, or a UUID as text."""

API_HEARTBEAT_MS = 20_000
"""A stream with nothing to say says so; a client takes 45 s of silence for a dead daemon."""

API_CLIENT_SILENCE_MS = 45_000
"""Two heartbeats and a bit: the client opens its stream of events again."""

API_CLIENT_KEPT_MS = 30_000
"""A client keeps a connection for its next question so long: half the time that the node does."""

API_CLIENT_BACK_MS = 10_000
"""How long a client waits for the next program of a node that was locked; on a busy machine it
starts in two seconds."""

NUMBER_MAX = 2**63 - 1
"""What a column of the database holds; a larger number can name nothing."""

SETTING_CHARACTERS_MAX = 4_096
"""The name or the value of a setting as text: a path, or the names of some interfaces."""

SETTING_NUMBER_MAX = 2**53 - 1
"""A setting that is a number: what every reader of JSON has exactly."""

SETTINGS_CHANGED_MAX = 64
"""Settings in one change: more than there are."""

REPLY_CHARACTERS_SHOWN = 200
"""Of what is replied to, so much is told with the reply: a line or two."""

PEOPLE_NAMED_MAX = 8
"""People, and values that stand side by side, that an item names of each kind: a card is drawn with
a few, and a page of 50 check-ins of a thousand would have 8 MB. The others stand in pages."""

PEOPLE_PER_PAGE_MAX = 100
"""People in one page of those: some 30 kB with notes and places. The members of any group stand in
ten pages; who reacted or voted, and left, stands there too."""

BOARD_ITEMS_MAX = 50
"""Pins, or notices, polls, check-ins and tasks of a conversation in one answer."""
