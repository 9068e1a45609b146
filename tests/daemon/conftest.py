"""The common parts of the daemon's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.processes import Household


@pytest.fixture
def household(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Household]:
    """Return a home without any profile."""
    made = Household(tmp_path / "home", monkeypatch)
    yield made
    made.close()
