"""Whether a test runs the program as it is: what is kept for other tests is made only then.

A test changes the program by the fixture `monkeypatch`, by a context of it, or by a planted fault.
"""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest


class _Program:
    """The program under test."""

    is_as_it_is = False
    """Outside tests nobody looks, so nothing is said of it."""


PROGRAM = _Program()


def changes_nothing(item: pytest.Item) -> bool:
    """Say whether a test leaves the program as it is."""
    names: list[str] = getattr(item, "fixturenames", [])
    return "monkeypatch" not in names and not _has_contexts(item.path)


@contextlib.contextmanager
def program_changed() -> Iterator[None]:
    """Something is changed in the program for a while."""
    former, PROGRAM.is_as_it_is = PROGRAM.is_as_it_is, False
    try:
        yield
    finally:
        PROGRAM.is_as_it_is = former


@cache
def _has_contexts(path: Path) -> bool:
    """Say whether a file of tests changes something for a part of a test."""
    return "MonkeyPatch" in path.read_text(encoding="utf-8").replace(": pytest.MonkeyPatch", "")
