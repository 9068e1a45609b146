"""The cost of a passphrase, and when it is asked for again."""

PASSPHRASE_BYTES_MAX = 1_024
"""A passphrase is read whole; a mistaken file is not."""

IDLE_LOOK_MS = 5_000
"""Between looks whether nobody is there any more; a timer would stand still during sleep."""

PASSPHRASE_ATTEMPTS_WAITING_MAX = 16
"""Attempts to unlock that wait for their turn: the last is answered before a client's 30 s end."""

PASSPHRASE_MEMORY_BYTES = 256 * 1024 * 1024
"""Argon2id's memory for the vault and the psk of a closed mesh: what a small laptop can spare
for a second, and what makes a guess costly on other hardware."""

PASSPHRASE_PASSES = 3
"""Argon2id's passes over that memory."""

PASSPHRASE_MEMORY_BYTES_MAX = 1024 * 1024 * 1024
"""A key file that asks for more is damaged; believing it would take the machine's memory."""

PASSPHRASE_PASSES_MAX = 32
"""A key file that asks for more is damaged; believing it would take minutes."""

PASSPHRASE_GUESSES_MIN = 10**12
"""Below it a passphrase is called weak: a thousand graphics cards try so many in a month."""

PASSPHRASE_GUESSES_PER_SECOND = 500
"""What one graphics card tries: a guess moves 1.5 GiB of memory, and a card 0.8 TiB a second."""

PASSPHRASE_ESTIMATED_CHARACTERS = 72
"""The estimate takes longer than linear; what follows these can only make a guess harder."""

PASSPHRASE_KNOWN_WORDS_MAX = 8
"""Words of a person that a thief would try first, such as their name."""

STRENGTH_TIMEOUT_MS = 10_000
"""An estimate takes half a second, most of it to read lists of words."""

WRONG_PASSPHRASES_FREE = 3
"""Wrong passphrases in a row after which nobody has to wait: a person mistypes."""

WRONG_PASSPHRASE_WAIT_SECONDS_MAX = 60
"""The wait doubles up to this. It is for who sits at an unlocked screen; who has the disk guesses
without us."""
