"""A person at a terminal of their own, before whom `mesh` runs as it does for everybody."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MESH = [sys.executable, "-m", "mesh.cli.main"]


class Typist:
    """A person at a terminal: waits for words, then types."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, slave = pty.openpty()
        # What a shell started in the background ignores SIGINT, and so would all that it starts.
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._process = subprocess.Popen(
            [*MESH, *arguments],
            stdin=slave,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            start_new_session=True,
        )
        signal.signal(signal.SIGINT, former)
        os.close(slave)
        self.seen = ""

    def answer(self, question: str, text: str) -> None:
        """Wait until a question stands at the end of what was written, and answer it."""
        while not self.seen.rstrip().endswith(question):
            self.seen += os.read(self._terminal, 4096).decode()
        os.write(self._terminal, text.encode() + b"\n")
        # The next question is another one, also if its words are the same.
        self.seen += "\n"

    def interrupt(self, words: str) -> None:
        """Press Ctrl-C as soon as these words are seen."""
        while words not in self.seen:
            self.seen += os.read(self._terminal, 4096).decode()
        self._process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Read to the end and return the exit code."""
        while True:
            try:
                self.seen += os.read(self._terminal, 4096).decode()
            except OSError:
                # The other end is closed.
                os.close(self._terminal)
                return self._process.wait()
