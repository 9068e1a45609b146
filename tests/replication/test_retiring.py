"""Retirements held back for a while, each once, and forgotten with their envelopes."""

from mesh.ids import EnvelopeId, Instant, Monotonic
from mesh.limits.retirements import ORPHANED_RETIREMENTS_MAX, RETIREMENTS_PENDING_MAX
from mesh.replication.retiring import Retiring
from mesh.wire.retirement import RETIREMENTS_PER_ENVELOPE_MAX, Retirement
from tests.entropy import SeededEntropy

DELAY_MS = 60_000


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def retirement(number: int, token: int = 0) -> Retirement:
    return Retirement(EnvelopeId(number.to_bytes(32, "big")), token.to_bytes(16, "big"))


def make(delay_ms_max: int = DELAY_MS) -> Retiring:
    return Retiring(delay_ms_max=delay_ms_max, entropy=SeededEntropy(1))


def test_each_is_held_back_for_its_own_time_and_times_end_together() -> None:
    retiring = make()
    held = [retirement(number) for number in range(100)]
    for one in held:
        assert retiring.hold(one, at(5))
        assert retiring.is_known(one.element)
        assert retiring.find_envelope(one.element) is None, "nobody else may know it"
        assert not retiring.is_retired(one.envelope)
    told: dict[int, list[Retirement]] = {}
    while (deadline := retiring.deadline()) is not None:
        assert retiring.take_due(Instant(Monotonic(deadline - 1), 0)) == []
        told[deadline] = retiring.take_due(Instant(deadline, 0))
    assert sorted(one for batch in told.values() for one in batch) == sorted(held)
    assert max(len(batch) for batch in told.values()) < 20
    # From the shortest delay to the longest, each to the end of its five seconds.
    assert sorted(told) == [seconds * 1_000_000 for seconds in range(5, 65, 5)]


def test_without_a_delay_it_is_due_at_once() -> None:
    retiring = make(delay_ms_max=0)
    retiring.hold(retirement(1), at(5))
    assert retiring.take_due(at(5)) == [retirement(1)]


def test_what_was_added_meanwhile_is_not_due_any_more() -> None:
    retiring = make()
    retiring.hold(retirement(1), at(0))
    retiring.add(retirement(1))
    retiring.add(retirement(1))
    assert retiring.take_due(at(DELAY_MS)) == []
    assert retiring.elements_of(retirement(1).envelope) == (retirement(1).element,)
    assert len(retiring) == 1


def test_both_retirements_go_with_their_envelope() -> None:
    retiring = make()
    both = [retirement(1, token) for token in range(RETIREMENTS_PER_ENVELOPE_MAX)]
    retiring.load([*both, retirement(2)])
    assert retiring.forget(both[0].envelope) == tuple(one.element for one in both)
    assert retiring.forget(both[0].envelope) == ()
    assert len(retiring) == 1
    assert retiring.find_envelope(retirement(2).element) == retirement(2).envelope
    assert not retiring.is_known(both[0].element)


def test_more_than_the_bound_are_not_held_back() -> None:
    retiring = make()
    for number in range(RETIREMENTS_PENDING_MAX):
        assert retiring.hold(retirement(number), at(0))
    assert not retiring.hold(retirement(RETIREMENTS_PENDING_MAX), at(0))


def test_what_came_before_its_envelope_is_kept_within_a_bound() -> None:
    retiring = make()
    assert retiring.take_orphans(retirement(1).envelope) == ()
    for number in range(ORPHANED_RETIREMENTS_MAX):
        assert retiring.orphaned(retirement(number)) == []
    assert retiring.orphaned(retirement(5)) == [], "it came twice"
    assert retiring.orphaned(retirement(ORPHANED_RETIREMENTS_MAX)) == [retirement(0).element]
    assert retiring.take_orphans(retirement(0).envelope) == (), "the oldest"
    assert retiring.orphaned(retirement(5, 1)) == []
    for token in range(2, 9):
        assert retiring.orphaned(retirement(5, token)) == [retirement(5, token - 2).element]
    assert retiring.take_orphans(retirement(5).envelope) == (retirement(5, 7), retirement(5, 8))
    assert retiring.take_orphans(retirement(5).envelope) == ()
