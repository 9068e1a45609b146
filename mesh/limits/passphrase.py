"""The cost of a passphrase, and when it is asked for again."""

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
