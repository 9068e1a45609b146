"""Marks are reached where something happens, and change nothing of what happens."""

import re
from pathlib import Path

import msgspec
import pytest

from mesh.ids import EnvelopeId
from mesh.ratchet.double_ratchet import Ratchet
from mesh.replication.retiring import Retiring
from mesh.timekeeping.mesh_time import MeshClock
from mesh.wire.retirement import Retirement
from sim.commands.compare import _goals
from sim.observers.coverage import Coverage
from sim.run.report import sometimes_text
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.coverage_goals import COVERAGE_GOALS, FRAMES, SITUATIONS, never_reached
from sim.schema.scenario import load_scenario, scenario_names
from sim.schema.settings import Value, with_settings
from sim.sweeps.records import Record, sometimes_of
from tests.sim.test_hardships import HEALING, USERS_CROSSING, fault, outcome

pytestmark = pytest.mark.xdist_group("hardships")

PAGE = Path(__file__).parents[3] / "docs" / "simulator-tools.md"


class _Zeros:
    """Entropy that is none."""

    def draw(self, length: int) -> bytes:
        return bytes(length)


def _id() -> EnvelopeId:
    return EnvelopeId(bytes(32))


def _record(sometimes: dict[str, int] | None) -> Record:
    report = outcome("").report
    return Record(
        scenario="small",
        scenario_hash="",
        settings={},
        seed=1,
        bug=None,
        is_crypto_real=False,
        commit="",
        python="",
        verdict="dead" if sometimes is None else "pass",
        report=None if sometimes is None else msgspec.structs.replace(report, sometimes=sometimes),
    )


@pytest.mark.world
def test_what_befalls_a_small_world_reaches_its_marks() -> None:
    ran = outcome(
        fault("lost-fsyncs", between_s=[30, 90], share=0.6, commits=[2, 20]), head=HEALING, seed=1
    )
    assert ran.broken is None
    found = ran.report.sometimes
    assert list(found) == list(COVERAGE_GOALS)
    for goal in ("post-quantum-step", "frame-Push", "crash-without-a-word"):
        assert found[goal] > 0, goal
    for goal in ("rolled-back", "bits-flipped", "frame-NearbyCard"):
        assert found[goal] == 0, goal


@pytest.mark.world
def test_people_who_use_each_others_invites_cross() -> None:
    crossing = USERS_CROSSING + fault("halves", at_s=5, for_s=20)
    assert outcome(crossing).report.sometimes["first-contacts-crossed"] > 0
    assert outcome("").report.sometimes["first-contacts-crossed"] == 0


@pytest.mark.world
def test_crashes_within_transactions_and_before_effects_are_told_apart() -> None:
    faults = fault("crashes", between_s=[20, 90], share=1, within_batch_share=1)
    faults += fault("crashes", between_s=[20, 90], share=1, within_batch_share=1)
    faults += fault("slow-disks", between_s=[9, 10], for_s=[90, 90], share=1)
    faults += '\ncommit = { law = "constant", ms = 400 }'
    faults += fault("crashes", between_s=[20, 90], share=1, within_batch_share=0)
    found = outcome(faults).report.sometimes
    for goal in ("crash-within-store", "crash-within-vault", "crash-before-effects"):
        assert found[goal] > 0, goal


@pytest.mark.world
def test_where_posting_keys_cost_work_more_come_at_once_than_may_be_checked() -> None:
    stamped = msgspec.structs.replace(load_scenario("stamps"), nodes=4)
    report = run_scenario(stamped, Options(seed=1, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    assert report.sometimes["deferred"] > 0
    assert report.messages_delivered == report.messages_written > 0


def test_people_who_look_for_others_nearby_send_the_frames_for_it() -> None:
    found: list[dict[str, int]] = []
    for share in (1, 0):
        settings: dict[str, Value] = {
            "nodes": 4,
            "workload.contacts": 1,
            "workload.messages_per_second": 0.2,
            "workload.nearby_share": share,
        }
        party = with_settings(load_scenario("lan-party"), settings)
        report = run_scenario(party, Options(seed=1, is_crypto_real=False)).report
        assert report.verdict == "pass", report.broken
        found.append(report.sometimes)
    for kind in ("Ask", "Card", "Sealed"):
        assert found[0][f"frame-Nearby{kind}"] > 0 == found[1][f"frame-Nearby{kind}"], kind


def test_while_nobody_watches_engines_are_as_they_were() -> None:
    before = (Ratchet.receive, MeshClock.take_notices, Retiring.orphaned)
    sometimes = Coverage()
    with sometimes.observing():
        assert Retiring.orphaned is not before[2]
        retiring = Retiring(delay_ms_max=0, entropy=_Zeros())
        retiring.orphaned(Retirement(_id(), bytes(32)))
        assert len(retiring.take_orphans(_id())) == 1
    assert (Ratchet.receive, MeshClock.take_notices, Retiring.orphaned) == before
    assert sometimes.counts == {"retired-before-body": 1}


def test_a_sweep_counts_runs_and_names_what_none_has_reached() -> None:
    report = outcome("").report
    records = [_record(report.sometimes), _record(dict.fromkeys(COVERAGE_GOALS, 0)), _record(None)]
    runs = sometimes_of(records)
    assert runs["frame-Push"] == 1
    assert "rolled-back" in never_reached(runs)
    unbroken = " ".join(sometimes_text(runs).split())
    assert unbroken.endswith(", ".join(name for name in SITUATIONS if not runs[name]))
    rows = _goals(records).splitlines()
    assert rows[0].startswith("     1  ")
    assert rows[-1].startswith(" never  ")
    all_reached = sometimes_text(dict.fromkeys(COVERAGE_GOALS, 1))
    assert all_reached.endswith(f" {len(COVERAGE_GOALS)} of {len(COVERAGE_GOALS)} marks reached")


@pytest.mark.world
def test_the_worst_day_reaches_what_few_worlds_do() -> None:
    options = Options(seed=1, is_crypto_real=False)
    report = run_scenario(load_scenario("worst-day"), options).report
    assert report.broken == []
    found = report.sometimes
    for goal in ("crash-within-store", "crash-before-effects", "disk-stop", "author-away"):
        assert found[goal] > 0, goal
    for goal in ("asked-while-locked", "withdrawn-too-late", "late-message"):
        assert found[goal] > 0, goal


def test_the_docs_name_a_scenario_that_reaches_each_mark() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| .+ \| `([a-z-]+)` \| \d+ \|", text, re.M)
    assert [name for name, _ in rows] == list(SITUATIONS)
    assert {scenario for _, scenario in rows} <= set(scenario_names())


def test_every_mark_is_a_sentence_and_in_the_docs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, sentence in SITUATIONS.items():
        assert sentence.endswith("."), name
        assert f"`{name}`" in text, name
    assert not set(SITUATIONS) & set(FRAMES)
    assert len(SITUATIONS) >= 25
