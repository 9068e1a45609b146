"""Batches that are over early: what they must not change, and what makes a batch a whole one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mesh.engine.parts.direct_files import DirectFileExchange
from mesh.engine.quiet import QuietBatches
from mesh.ids import ContactId, Instant, LinkId
from mesh.limits.engine import BACKLOG_QUIET_MS
from mesh.wire.envelope import decode_envelope
from mesh.wire.frames import IHave, Push, join_entries
from sim.patching import Patch, patched
from sim.run.runner import Request, options_of, run_scenario, scenario_of
from tests.engine.joined import Joined
from tests.engine.stranger import Stranger
from tests.engine.test_backlog import COUNT, cut_and_written, received
from tests.engine.test_engine import chain
from tests.engine.test_hostile import HOSTILE_MESH, envelope


def relay() -> tuple[Joined, Stranger]:
    """A relay that has settled, and somebody who talks to it."""
    table = Joined(parameters=HOSTILE_MESH)
    table.sit("relay", is_relay=True)
    stranger = Stranger(table, "relay")
    return table, stranger


@contextmanager
def noting() -> Iterator[list[bool]]:
    """While inside: whether each batch that began as a quiet one ended as such."""
    ended: list[bool] = []
    is_over = QuietBatches.is_over

    def noted(quiet: QuietBatches, now: Instant) -> bool:
        ended.append(is_over(quiet, now))
        return ended[-1]

    with patched(Patch(QuietBatches, "is_over", noted)):
        yield ended


def test_word_of_what_is_known_makes_a_quiet_batch_and_a_new_body_does_not() -> None:
    _, stranger = relay()
    new = decode_envelope(envelope(1))
    with noting() as ended:
        stranger.send(Push(new.data))
    assert ended[0] is False
    with noting() as ended:
        stranger.send(IHave(entries=join_entries([(new.id, new.header.size_class)]), flags=0))
    assert ended == [True]


def test_who_does_not_ask_for_the_deadline_gets_whole_batches() -> None:
    table, stranger = relay()
    new = decode_envelope(envelope(1))
    stranger.send(Push(new.data))
    engine = table.seats["relay"].engine
    with noting() as ended:
        for _ in range(3):
            engine.handle([], stranger.now)
        # The table has asked for the deadline before the first of them.
        assert ended == [True]
        engine.deadline()
        engine.handle([], stranger.now)
    assert ended == [True, True]


def trace_of(*patches: Patch) -> str:
    """Return what a small world comes to, with everything in it that batches can do."""
    request = Request(name="swarm", seed=4, nodes=4, duration_s=120, is_crypto_real=False)
    scenario = scenario_of(request)
    with patched(*patches):
        report = run_scenario(scenario, options_of(request, scenario)).report
    return report.trace_hash


@pytest.fixture(scope="module")
def whole() -> str:
    """The trace where every batch is a whole one."""
    return trace_of(Patch(QuietBatches, "begins", lambda quiet, batch, now: False))


def test_a_world_is_the_same_where_every_batch_is_a_whole_one(whole: str) -> None:
    with noting() as ended:
        assert trace_of() == whole
    assert ended.count(True) > 200


def test_a_batch_that_is_taken_for_a_quiet_one_shows(whole: str) -> None:
    """The same with one of the rules taken away, so that the test above can fail."""
    assert trace_of(Patch(QuietBatches, "heard", lambda quiet, frame: None)) != whole


def test_mail_of_ours_that_waits_for_its_order_makes_no_batch_a_whole_one() -> None:
    table = chain()
    cut_and_written(table)
    table.join("cy", "relay", is_awaited=False)
    assert received(table, "cy") == [], "it waits"
    cy = table.seats["cy"]
    with noting() as ended:
        cy.handle(table.now_of("cy"))
    assert ended == [True]
    table.pass_time(BACKLOG_QUIET_MS / 1000)
    assert len(received(table, "cy")) == COUNT


def test_who_was_just_recognised_is_looked_at_in_a_whole_batch() -> None:
    """Files that a contact may have are offered in a batch that sees which links lead to whom."""
    table, _ = relay()
    recognised: list[dict[LinkId, ContactId]] = [{}]
    files = DirectFileExchange(
        ready={},
        contacts_by_link=lambda: recognised[-1],
        has_mail=lambda link: False,
        is_spared=lambda link: False,
        is_disk_full=lambda: False,
    )
    files.tend(table.now_of("relay"))
    idle = [files.is_idle]
    recognised.append({LinkId(1): ContactId(1)})
    idle.append(files.is_idle)
    files.tend(table.now_of("relay"))
    idle.append(files.is_idle)
    assert idle == [True, False, True]
