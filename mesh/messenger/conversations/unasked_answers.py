"""Answers that a contact has us give, without our person: each once, and so many a day.

Implements `docs/protocol/trust.md`, section "Unasked answers". Each costs an envelope of the
posting key that our person writes with, and room in the store. Whoever could ask for any number of
them could take all of that away; so all kinds together have one bound for each contact and day.
"""

from mesh.crypto.hashing import blake2b_128
from mesh.ids import ContactId, Instant
from mesh.limits.messages import UNASKED_ANSWERS_PER_DAY_MAX
from mesh.storage.vault.vault import Vault
from mesh.wire.envelope import SECONDS_PER_DAY

_COUNTS = 1 << 16
"""A mark holds the day and the count of that day in one number."""


class UnaskedAnswers:
    """The answers given today. A restart forgets what they were for, but not how many they were."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._day = -1
        self._causes: dict[tuple[ContactId, bytes], None] = {}

    def grant(self, asker: ContactId, cause: bytes, now: Instant) -> bool:
        """Say whether what a contact asks for is done now, and count it then.

        `cause`: what is answered but once a day.
        """
        day = now.mesh // SECONDS_PER_DAY
        if day != self._day:
            self._day, self._causes = day, {}
        key = asker, blake2b_128(cause)
        name = f"unasked {asker}"
        counted, count = divmod(self._vault.mark(name), _COUNTS)
        if counted != day:
            count = 0
        if key in self._causes or count >= UNASKED_ANSWERS_PER_DAY_MAX:
            return False
        self._causes[key] = None
        self._vault.set_mark(name, day * _COUNTS + count + 1)
        return True
