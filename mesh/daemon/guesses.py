"""Lets who brings wrong passphrases wait a little longer each time."""

from collections.abc import Iterator
from contextlib import contextmanager

from mesh.errors import UserError
from mesh.limits.passphrase import WRONG_PASSPHRASE_WAIT_SECONDS_MAX, WRONG_PASSPHRASES_FREE
from mesh.node.clock import Clock


class Guesses:
    """The wrong passphrases in a row since a right one, or since the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong_count = 0
        self._free_at = 0

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Try a passphrase within the block; UserError `too-soon` before its time has come."""
        left_us = self._free_at - self._clock().monotonic
        if left_us > 0:
            seconds = -(-left_us // 1_000_000)
            raise UserError(
                "too-soon",
                f"After so many wrong passphrases the next is tried in {seconds} s.",
                wait_seconds=seconds,
            )
        try:
            yield
        except UserError as error:
            if error.kind != "wrong-passphrase":
                raise
            self._wrong_count += 1
            wait_seconds = self._wait_seconds()
            self._free_at = self._clock().monotonic + wait_seconds * 1_000_000
            raise UserError(error.kind, str(error), wait_seconds=wait_seconds) from None
        self._wrong_count = 0

    def _wait_seconds(self) -> int:
        doublings = self._wrong_count - WRONG_PASSPHRASES_FREE
        if doublings < 0:
            return 0
        # Beyond some doublings the bound counts, and a large number costs time.
        return min(1 << min(doublings, 10), WRONG_PASSPHRASE_WAIT_SECONDS_MAX)
