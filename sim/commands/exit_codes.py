"""Exit codes that several commands share."""

from typing import Final

BROKEN_INVARIANT: Final = 1

INTERRUPTED: Final = 130
"""By Ctrl-C or SIGTERM, as a shell has it: 128 and the number of the signal."""
