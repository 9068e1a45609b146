"""A terminal with a screen, before which a program runs as it does for a person."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte

WITHIN_S = 90.0
"""Machines are shared: on a busy one a node that was locked goes on in half a minute."""

SHOWS_OTHER_SCREEN = b"\x1b[?1049h"
SHOWS_FIRST_SCREEN = b"\x1b[?1049l"

ENTER, ESCAPE, TAB, PAGE_UP, PAGE_DOWN, END = "\r", "\x1b", "\t", "\x1b[5~", "\x1b[6~", "\x1b[F"
CTRL_C, CTRL_D = "\x03", "\x04"


class ScreenTerminal:
    """A program at a terminal, and what stands on its screen."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path,
        columns: int = 100,
        rows: int = 24,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.written = b""
        """All that the program ever wrote to the terminal."""

        # What a shell started in the background ignores SIGINT, and so would all that it starts.
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._process = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm-256color"},
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # A terminal of its own, whose keys and size reach the program as signals.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        signal.signal(signal.SIGINT, former)
        os.close(slave)

    @property
    def lines(self) -> list[str]:
        """The rows of the screen, without the spaces at their ends."""
        return [row.rstrip() for row in self._screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line + ENTER)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_until(self, holds: Callable[[str], bool], what: str) -> str:
        """Wait until the screen is such, and return it.

        It is drawn while its cursor is hidden: what came of a drawing by then is not all of it.
        """
        ends = time.monotonic() + WITHIN_S
        while self._screen.cursor.hidden or not holds(self.text):
            assert time.monotonic() < ends, f"{what}: the screen shows\n{self.text}"
            assert self._read(), f"{what}: the program ended; the screen shows\n{self.text}"
        return self.text

    def wait_for(self, words: str) -> str:
        """Wait until these words are on the screen."""
        return self.wait_until(lambda text: words in text, words)

    def wait_for_any(self, *words: str) -> str:
        """Wait until one of these is on the screen."""
        return self.wait_until(lambda text: any(map(text.__contains__, words)), " or ".join(words))

    def wait_without(self, words: str) -> str:
        """Wait until these words are not on the screen."""
        return self.wait_until(lambda text: words not in text, f"no {words}")

    def ended(self) -> int:
        """Read to the end, and return the exit code."""
        ends = time.monotonic() + WITHIN_S
        while self._read():
            assert time.monotonic() < ends, f"it does not end; the screen shows\n{self.text}"
        return self._process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        """Take what comes within a moment; False if nothing will come any more."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return True
        try:
            piece = os.read(self._master, 65_536)
        except OSError:
            # The other end is closed.
            return False
        self.written += piece
        self._stream.feed(piece)
        return bool(piece)


@contextlib.contextmanager
def before_terminal(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[ScreenTerminal]:
    """Run a program at a terminal, and end it at last."""
    terminal = ScreenTerminal(command, environment, folder=folder)
    try:
        yield terminal
    finally:
        terminal.close()
