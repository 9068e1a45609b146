"""Purity guards: on clocks, chance, files and sockets, which no engine may touch (S17).

While an engine handles a batch, reading a clock, drawing chance that is not its own, and opening
anything ends the run. What Python calls by name is exchanged while a world runs; what the
interpreter opens is seen by an audit hook, which stays for ever and looks only while a guard is
set.
"""

import contextlib
import os
import random
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final, Protocol

from nacl import utils as nacl_utils

from sim.invariants.invariants import S17, BrokenInvariant
from sim.patching import Patch, patched

_GUARDED: Final = (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
    (random, ("random", "getrandbits", "randrange", "randint", "choice", "shuffle")),
    (secrets, ("token_bytes", "token_hex", "randbits", "randbelow", "choice")),
    (os, ("urandom",)),
    (nacl_utils, ("random",)),
)
_MODULE: Final = re.compile(r"\.(py|pyc|so|pyc\.\d+)$")
"""The last is what Python writes first where it keeps the bytecode of a module."""

_OPENING: Final = frozenset({"open", "os.system", "socket.__new__", "subprocess.Popen"})


class _Function(Protocol):
    def __call__(self, *positional: object, **named: object) -> object: ...


class PurityGuards:
    """Set by whoever drives an engine: `node` is whose engine is at work just now."""

    node: int | None = None
    is_double = False
    """Whether what is at work repeats what was done already."""

    _thread: int | None = None
    """The one that runs the world; others, such as the loop of a Dask worker, go their own way."""
    _is_hooked = False

    @contextlib.contextmanager
    def laid(self) -> Iterator[None]:
        """While inside, whatever this thread calls while `node` is set breaks S17."""
        self._thread = threading.get_ident()
        if not PurityGuards._is_hooked:
            PurityGuards._is_hooked = True
            sys.addaudithook(self._audit)
        guards = [
            Patch(owner, name, _Guarded(self, name, getattr(owner, name)))
            for owner, names in _GUARDED
            for name in names
        ]
        with patched(*guards):
            yield

    @property
    def _is_ours(self) -> bool:
        return threading.get_ident() == self._thread

    def _audit(self, event: str, details: tuple[object, ...]) -> None:
        if self.node is None or event not in _OPENING or not self._is_ours:
            return
        # A module that is imported late is no file that the engine opens, nor is its bytecode; and
        # who opens a descriptor by its number was seen when that was opened.
        if event == "open" and (isinstance(details[0], int) or _MODULE.search(str(details[0]))):
            return
        self.spring(event)

    def spring(self, words: str) -> None:
        """Something was called; nobody's engine is at work mostly."""
        if not self._is_ours:
            return
        node, self.node = self.node, None
        if node is not None:
            raise BrokenInvariant(S17, f"an engine calls {words}", node)


class _Guarded:
    """A function that springs the guards before it does its work."""

    def __init__(self, traps: PurityGuards, words: str, function: _Function) -> None:
        self._traps = traps
        self._words = words
        self._function = function

    def __call__(self, *positional: object, **named: object) -> object:
        self._traps.spring(self._words)
        return self._function(*positional, **named)


PURITY_GUARDS: Final = PurityGuards()
"""The interpreter has one clock and one audit hook, so there is one of these."""
