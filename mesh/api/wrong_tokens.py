"""Slows down who tries tokens and codes that there are not.

Nobody guesses one; this keeps a program gone wild, or another user of the machine, from taking
time and lines of the log. A right token never waits, so that nobody can be locked out by it.
"""

import logging
from dataclasses import dataclass, field

import trio

from mesh.errors import UserError
from mesh.limits.door import (
    WRONG_TOKEN_WAIT_MS,
    WRONG_TOKENS_BURST,
    WRONG_TOKENS_PER_SECOND,
    WRONG_TOKENS_WAITING_MAX,
)
from mesh.node.clock import Clock
from mesh.token_bucket import TokenBucket

LOG = logging.getLogger("mesh.api")


@dataclass(slots=True)
class WrongTokens:
    """The count of wrong tokens, and those that wait for their answer."""

    clock: Clock
    _free: TokenBucket = field(init=False)
    _waiting_count: int = 0
    _is_told: bool = False

    def __post_init__(self) -> None:
        self._free = TokenBucket(
            per_second=WRONG_TOKENS_PER_SECOND, burst=WRONG_TOKENS_BURST, now=self.clock()
        )

    async def slow(self) -> None:
        """Wait before a wrong token is answered; UserError `too-many` where too many wait."""
        if self._free.take(1, self.clock()):
            return
        if not self._is_told:
            # Once in each run: whoever does this is not to fill the log.
            LOG.warning("somebody tries many wrong tokens at the door for browsers")
            self._is_told = True
        if self._waiting_count >= WRONG_TOKENS_WAITING_MAX:
            raise UserError("too-many", "Too many wrong tokens at once: wait a second.")
        self._waiting_count += 1
        try:
            await trio.sleep(WRONG_TOKEN_WAIT_MS / 1_000)
        finally:
            self._waiting_count -= 1
