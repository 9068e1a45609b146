"""Lost disks, second machines, wrong clocks, locks: small worlds pass them.

That they do not with planted bugs is shown in `test_corpus.py`.
"""

from dataclasses import dataclass
from functools import lru_cache

import pytest

from sim.invariants.invariants import BrokenInvariant
from sim.run.report import Report, make_report
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

# One process runs all tests that ask for an `outcome`, since it keeps them.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("hardships")]

USERS = """
schema = 1
name = "hardships"
summary = "Five people on one network."
nodes = 5
settle_s = 120

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [10, 100]
messages_per_second = 1
text_letters = [10, 100]
long_text_share = 0
"""

HEALING = "probe_s = 300\nrenew_after_probes = 3\n"


@dataclass(frozen=True)
class Outcome:
    """A world that has run."""

    report: Report
    broken: BrokenInvariant | None


@lru_cache
def outcome(faults: str, *, seed: int = 1, head: str = "") -> Outcome:
    text = USERS.replace("[workload]", f"{head}\n[workload]", 1) + faults
    world = World(parse_scenario(text), Options(seed=seed, is_crypto_real=False))
    broken: BrokenInvariant | None = None
    try:
        run_to_verdict(world, lambda world: None)
    except BrokenInvariant as error:
        broken = error
    return Outcome(make_report(world, broken, command="repeat", wall_seconds=1), broken)


def fault(kind: str, **settings: object) -> str:
    lines = [f"{name} = {str(value).lower()}" for name, value in settings.items()]
    return f'\n[[faults]]\nkind = "{kind}"\n' + "\n".join(lines)


@pytest.mark.parametrize("which", ["store", "vault", "both"])
def test_after_a_rollback_everybody_can_write_to_everybody_again(which: str) -> None:
    faults = fault("rollbacks", between_s=[60, 90], share=0.5, back_s=[5, 40])
    faults += f'\nwhich = "{which}"'
    ran = outcome(faults, head=HEALING)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["rollbacks"] > 0
    assert ran.report.latency["after all"].messages >= 30


def test_who_lost_everything_is_known_again_under_a_new_identity() -> None:
    ran = outcome(fault("wipes", between_s=[50, 60], share=0.4), head=HEALING)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["wipes"] > 0
    assert ran.report.watched["strangers"] == 0


def test_a_second_machine_of_somebody_breaks_nothing_for_good() -> None:
    faults = fault("clones", between_s=[20, 30], for_s=[40, 50], messages_count=6)
    ran = outcome(faults, head=HEALING)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["clones"] == 1


def test_locked_vaults_and_wrong_clocks_lose_nothing() -> None:
    faults = fault("locks", between_s=[15, 60], share=0.6, for_s=[10, 30])
    faults += fault("clocks", between_s=[30, 60], share=0.2, wrong_h=[1, 20], for_s=[10, 40])
    faults += fault("clocks", between_s=[30, 60], share=0.2, frozen_share=1, for_s=[10, 40])
    ran = outcome(faults, seed=3)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["locks"] > 0
    assert ran.report.faults["clock_jumps"] + ran.report.faults["clocks_frozen"] > 0
    assert ran.report.messages_delivered == ran.report.messages_written


def test_who_comes_back_after_hours_gets_what_was_written_to_them() -> None:
    faults = fault("absences", between_s=[40, 60], share=0.4, for_s=[3_000, 6_000])
    faults += fault("absences", between_s=[100, 100], share=1, for_s=[1_000, 3_000])
    ran = outcome(faults)
    assert ran.broken is None, ran.broken
    assert ran.report.faults["absences"] >= 5
    assert ran.report.virtual_seconds > 2_000
    assert ran.report.messages_delivered == ran.report.messages_written


def test_people_who_use_each_others_invites_at_once_settle_on_one_session() -> None:
    crossing = USERS_CROSSING + fault("halves", at_s=5, for_s=20)
    ran = outcome(crossing)
    assert ran.broken is None, ran.broken
    assert ran.report.messages_delivered == ran.report.messages_written > 50


USERS_CROSSING = "crossing_share = 1\n"


def test_whatever_people_do_is_done_by_their_nodes() -> None:
    habits = "read_share = 0.6\nwithdraw_share = 0.3\nverify_share = 1\n"
    faults = fault("blocks", between_s=[20, 60], share=0.6, for_s=[10, 30])
    ran = outcome(habits + faults, head="probe_s = 60")
    assert ran.broken is None, ran.broken
    assert ran.report.faults["blocks"] > 0
    # What was withdrawn too late, or written to somebody who is blocked, is refused in words.
    assert not any("not-built" in kind for kind in ran.report.refusals)
