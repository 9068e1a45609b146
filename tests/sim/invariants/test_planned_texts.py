"""Texts for later are sent at their time, and none is lost, between two and in groups."""

from typing import Final

import pytest
from msgspec.structs import replace

from mesh.commands.items import ItemAnswer
from mesh.commands.messages import AuthorAnswer
from mesh.commands.scheduled import ScheduledAnswer
from mesh.ids import Instant
from mesh.messenger.conversations.scheduled import Scheduled
from mesh.storage.connection import transaction
from mesh.storage.vault.scheduled import ScheduledRow, ScheduledRows
from sim.bugs.bugs import BUGS
from sim.bugs.injection import Bug
from sim.hosts.databases import MemoryDatabase
from sim.invariants.invariants import S13, S25, BrokenInvariant, Invariant
from sim.invariants.message_log import MessageLog
from sim.invariants.planned_texts import Planned, PlannedTexts
from sim.patching import Patch
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario

ANN: Final = 1
TEXT: Final = "0000007g marker later"
SECOND: Final = 1_000_000


def item(text: str = TEXT) -> ItemAnswer:
    return ItemAnswer(
        number=1,
        conversation=3,
        id="07",
        kind="text",
        author=AuthorAnswer(key="aa", label="", is_mine=True),
        sent=0,
        received=0,
        state="",
        carriers=0,
        is_late=False,
        missing_count=0,
        clock="",
        text=text,
    )


def listed(text: str = TEXT) -> ScheduledAnswer:
    return ScheduledAnswer(number=1, conversation=3, title="", text=text, reply=0, at=9, failure="")


def vault(*send_keys: str, conversation: int = 3) -> MemoryDatabase:
    database = MemoryDatabase()
    with transaction(database):
        database.execute("CREATE TABLE entries (send_key TEXT)")
        database.execute("CREATE TABLE conversations (number INTEGER)")
        database.execute("INSERT INTO conversations VALUES (?)", (conversation,))
        database.executemany("INSERT INTO entries VALUES (?)", [(key,) for key in send_keys])
    return database


def planned(*, at_s: int = 9) -> PlannedTexts:
    texts = PlannedTexts()
    texts.plan(ANN, TEXT, Planned(3, "key", SECOND, at_s * SECOND))
    return texts


def broken_by(texts: PlannedTexts, at_s: int) -> Invariant:
    with pytest.raises(BrokenInvariant) as caught:
        texts.sent(ANN, item(), at_s * SECOND)
    return caught.value.invariant


def test_a_text_that_is_sent_before_its_time_breaks_s25() -> None:
    planned().sent(ANN, item(), 8 * SECOND)
    assert broken_by(planned(), 6) is S25
    # As it was put off, and written anew.
    put_off = planned()
    put_off.plan(ANN, TEXT + " again", Planned(3, "key", SECOND, 13 * SECOND))
    assert broken_by(put_off, 9) is S25
    # Sent in the batch that keeps it, so that its person reads first that it is sent.
    at_once = PlannedTexts()
    at_once.sent(ANN, item(), SECOND)
    with pytest.raises(BrokenInvariant, match="8 s before"):
        at_once.plan(ANN, TEXT, Planned(3, "key", SECOND, 9 * SECOND))
    at_once.plan(ANN, TEXT, Planned(3, "key", 2 * SECOND, 9 * SECOND))
    # Of another node, or what was never planned, nobody was told when.
    planned().sent(ANN + 1, item(), 0)
    planned().sent(ANN, item("0000008g marker now"), 0)
    forgotten = planned()
    forgotten.forget(ANN, 0)
    forgotten.sent(ANN, item(), 0)


def test_whoever_planned_a_text_is_told_when_it_is_sent() -> None:
    told: list[ItemAnswer] = []
    texts = PlannedTexts()
    texts.plan(ANN, TEXT, Planned(3, "key", SECOND, 9 * SECOND, told.append))
    texts.sent(ANN, item(), 9 * SECOND)
    texts.sent(ANN, item(), 9 * SECOND)
    assert told == [item()]


def test_a_text_that_is_neither_listed_nor_written_breaks_s13() -> None:
    texts = planned()
    assert texts.has(ANN)
    texts.require_kept(ANN, [listed()], vault())
    texts.require_kept(ANN, [], vault("key"))
    # It went with its conversation.
    texts.require_kept(ANN, [], vault(conversation=4))
    for others in ([], [listed("0000008g marker other")]):
        with pytest.raises(BrokenInvariant) as caught:
            texts.require_kept(ANN, others, vault("other"))
        assert caught.value.invariant is S13
    texts.forget(ANN, 2 * SECOND)
    assert texts.has(ANN)
    texts.call_off(ANN, TEXT)
    texts.require_kept(ANN, [], vault())
    assert not texts.has(ANN)


def test_a_vault_that_was_put_back_behind_it_need_not_have_it() -> None:
    message_log = MessageLog()
    message_log.planned.plan(ANN, TEXT, Planned(3, "key", SECOND, 9 * SECOND))
    message_log.forget(ANN, SECOND)
    message_log.planned.require_kept(ANN, [], vault())


# --- Worlds -------------------------------------------------------------------------------------


def _sent_at_once(scheduled: Scheduled, row: ScheduledRow, now: Instant) -> ScheduledAnswer:
    """A programmer may think: what waits is due."""
    answer = _KEPT(scheduled, row, now)
    scheduled._send(row, now)
    return answer


_KEPT: Final = Scheduled._kept


def _gone_when_due(scheduled: Scheduled, row: ScheduledRow, now: Instant) -> None:
    """A programmer may think: what is taken from the list is as good as sent."""
    vars(scheduled)["_rows"].delete(row.number)


def _kept_in_words(rows: ScheduledRows, row: ScheduledRow) -> ScheduledRow:
    """The answer is right, and nothing is kept."""
    added = _ADD(rows, row)
    rows.delete(added.number)
    return added


_ADD: Final = ScheduledRows.add


def ran(monkeypatch: pytest.MonkeyPatch, bug: Bug | None) -> Report:
    """A small group writes for later, and so do two people of it."""
    scenario = load_scenario("crews")
    groups = scenario.workload.groups
    assert groups is not None
    groups = replace(groups, crowd=None, members=(3, 3), per_second=2, extras_share=1)
    workload = replace(scenario.workload, groups=groups, write_between_s=(10, 60))
    scenario = replace(scenario, nodes=3, workload=workload, faults=scenario.faults[1:])
    if bug is not None:
        monkeypatch.setitem(BUGS, "planted", bug)
    options = Options(1, bug=None if bug is None else "planted", is_crypto_real=False)
    return run_scenario(scenario, options).report


@pytest.mark.world
@pytest.mark.parametrize(
    "patch, broken_id",
    [
        (Patch(Scheduled, "_kept", _sent_at_once), "S25"),
        (Patch(Scheduled, "_send", _gone_when_due), "S13"),
        (Patch(ScheduledRows, "add", _kept_in_words), "S13"),
    ],
)
def test_a_group_notices_texts_that_are_sent_early_or_lost(
    monkeypatch: pytest.MonkeyPatch, patch: Patch, broken_id: str
) -> None:
    (broken,) = ran(monkeypatch, Bug("It is planted.", patches=(patch,))).broken
    assert broken.id == broken_id
    assert "g is sent" in broken.detail or "g was to be sent" in broken.detail


@pytest.mark.world
def test_a_group_whose_texts_are_sent_in_time_keeps_every_invariant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = ran(monkeypatch, None)
    assert report.broken == []
