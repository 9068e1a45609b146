"""Bounds of the door for browsers and programs on loopback: its codes, sessions and files."""

SIGN_IN_CODE_MS = 60_000
"""A page that was just opened brings its code within a second; a code that lies about is void."""

SIGN_IN_CODES_MAX = 16
"""Codes that wait to be used; a further one takes the place of the oldest."""

SESSION_IDLE_SECONDS = 12 * 3_600
"""A session ends so long after its last use: a page that is left open overnight still works."""

SESSION_LIFE_SECONDS = 30 * 86_400
"""No session lives longer, however often it is used."""

SESSIONS_MAX = 32
"""Sessions at once; a further one ends the one that was not used for longest."""

DOOR_SAVE_SECONDS = 600
"""How old the note of a session's last use may get on the disk: a write for each use would wake
the disk for nothing."""

SECRET_BYTES = 32
"""Of codes and tokens: nobody guesses one, however fast they try."""

CHALLENGE_BYTES = 32
"""Of what a command line asks the door to prove itself by: no answer to it is known before."""

SECRET_CHARACTERS_MAX = 128
"""What is longer is no code and no token, and is not looked at."""

DOOR_FILE_BYTES_MAX = 256 * 1024
"""The file of sessions and tokens, with all places taken."""

STATIC_FILE_BYTES_MAX = 4 * 1024 * 1024
"""A file of the page; the largest is the decoder of QR codes."""

TOKENS_MAX = 64
"""Tokens of programs; a person who has more has lost sight of them."""

TOKEN_NAME_CHARACTERS_MAX = 64
"""A name of a token is a word or two."""

WRONG_TOKENS_BURST = 10
"""Wrong tokens and codes that are answered at once; a page that was signed out brings a few."""

WRONG_TOKENS_PER_SECOND = 1
"""How fast these come back."""

WRONG_TOKEN_WAIT_MS = 1_000
"""How long a further wrong one waits for its answer."""

WRONG_TOKENS_WAITING_MAX = 16
"""Of those at once; more are told at once that it is too many. A right token never waits."""

QR_TEXT_CHARACTERS_MAX = 2_953
"""The bytes that the largest QR code holds."""
