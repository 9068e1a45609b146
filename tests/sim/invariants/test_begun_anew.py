"""A node is held against another engine over copies of its databases (S29)."""

import pytest

from mesh.messenger.sessions.transit import Transit
from mesh.storage.vault.rows import OutboxRow
from sim.bugs.bugs import BUGS
from sim.bugs.injection import Bug
from sim.observers import beginning_anew
from sim.patching import Patch
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario

pytestmark = pytest.mark.world


def ran(monkeypatch: pytest.MonkeyPatch, bug: str | None) -> Report:
    """The report of a short world in which every node has a look at each minute and at the end."""
    monkeypatch.setattr(beginning_anew, "EVENTS_PER_LOOK", 1)
    scenario = load_scenario("shrunk/taken-back-and-sent")
    return run_scenario(scenario, Options(1, bug=bug, is_crypto_real=False)).report


def test_what_only_memory_says_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def still_counted(transit: Transit, row: OutboxRow) -> None:
        """The rows are right, and what is in memory is not told."""
        transit._let_bytes_go(row.id)

    stale = Bug("It is stale.", patches=(Patch(Transit, "never_leaves", still_counted),))
    monkeypatch.setitem(BUGS, "stale", stale)
    (broken,) = ran(monkeypatch, "stale").broken
    assert broken.id == "S29"
    assert "outbox_count" in broken.detail


def test_where_nothing_is_stale_all_is_answered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ran(monkeypatch, None)
    assert report.broken == []
    assert report.watched["asked_anew"] > 20
