"""The chance of a real node: the operating system's generator."""

import os


class SystemEntropy:
    """Draws from the operating system; it is what the daemon gives to its engine."""

    def draw(self, length: int) -> bytes:
        """Return `length` unpredictable bytes."""
        return os.urandom(length)
