"""The expectations of a scenario are held against what had arrived when users rested."""

import pytest

from mesh.errors import UserError
from mesh.trust.distance import Depth
from sim.invariants.invariants import E1, BrokenInvariant
from sim.invariants.message_log import MessageLog
from sim.invariants.possible_mail import PossibleMessage
from sim.invariants.stored_mail import StoredMessage
from sim.recording.stopping import replayed
from sim.run.deliveries import Deliveries
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.expectations import (
    Expect,
    delivery_ratio,
    due_messages,
    require_expected,
    require_possible_mail,
    require_sometimes,
    require_stored_mail,
)
from sim.schema.scenario import parse_scenario
from sim.schema.toml_text import toml_of
from tests.sim.test_only import SMALL

WALKS = """
schema = 1
name = "walks"
summary = "Seven people stroll; their telephones reach ten metres."
nodes = 7
settle_s = 100

[topology]
kind = "waypoints"
area_m = [60, 60]
range_m = 10
moves_s = 300

[workload]
boot_within_s = 3
befriend_between_s = [4, 60]
contacts = 2
write_between_s = [60, 280]
messages_per_second = 0.2
text_letters = [10, 100]
long_text_share = 0

[expect]
possible_ratio_min = 1
hop_s = {hop_s}
"""

S = 1_000_000
RESTS_AT = 100 * S


def log_of(delays_s: list[float | None]) -> MessageLog:
    """Messages written at 10 s, each shown so long after, or never."""
    message_log = MessageLog()
    for place, delay_s in enumerate(delays_s):
        message = message_log.ask(place, 50, "text", 10 * S)
        message_log.confirm(message, 10 * S)
        if delay_s is not None:
            message_log.show(50, place, message.text, 10 * S + round(delay_s * S))
    return message_log


@pytest.mark.parametrize(
    "delays_s,expect,words",
    [
        ([1, 1, None, None], Expect(delivery_ratio_min=0.6), "0.5000 of the messages"),
        ([1, 200], Expect(delivery_ratio_min=0.9), "0.5000 of the messages"),
        ([1, 2, 30], Expect(latency_p99_ms_max=5_000), "99% .* 30,000 ms"),
        ([1, 2, 3], Expect(latency_p50_ms_max=1_500), "50% .* 2,000 ms"),
        ([1], Expect(copies_max=1.5), "2.00 bodies"),
    ],
)
def test_a_run_that_falls_short_breaks_e1(
    delays_s: list[float | None], expect: Expect, words: str
) -> None:
    messages = due_messages(log_of(delays_s), RESTS_AT)
    with pytest.raises(BrokenInvariant, match=words) as broken:
        require_expected(expect, messages, RESTS_AT, 2)
    assert broken.value.invariant is E1
    require_expected(Expect(), messages, RESTS_AT, 2)


def test_a_run_that_keeps_to_it_passes() -> None:
    messages = due_messages(log_of([1, 2, 3, 4]), RESTS_AT)
    expect = Expect(
        delivery_ratio_min=1, latency_p50_ms_max=3_000, latency_p99_ms_max=4_000, copies_max=2
    )
    require_expected(expect, messages, RESTS_AT, 2)


def test_what_was_written_at_the_last_moment_may_be_on_its_way() -> None:
    messages = due_messages(log_of([1, 30, 120]), RESTS_AT)
    late = Expect(delivery_ratio_min=1, delivery_time_s=90.1)
    require_expected(late, messages, RESTS_AT, 2)
    in_time = Expect(delivery_ratio_min=1, delivery_time_s=90)
    with pytest.raises(BrokenInvariant, match=r"0\.6667 of the messages"):
        require_expected(in_time, messages, RESTS_AT, 2)


def test_whoever_failed_for_ever_and_what_was_taken_back_does_not_count() -> None:
    message_log = log_of([1, None, None])
    message_log.messages[1].is_withdrawn = True
    assert delivery_ratio(due_messages(message_log, RESTS_AT), RESTS_AT) == 0.5
    assert delivery_ratio(due_messages(message_log, RESTS_AT, gone=(2,)), RESTS_AT) == 1
    assert delivery_ratio([], RESTS_AT) == 1


def test_of_what_had_to_wait_only_mail_of_the_near_is_held_to_the_bound() -> None:
    [message] = log_of([None]).messages
    lost = {depth: StoredMessage(message, depth, has_arrived=False) for depth in Depth}
    require_stored_mail([lost[Depth.STRANGER]], 0.99)
    require_stored_mail([lost[Depth.FAR]], 0)
    with pytest.raises(BrokenInvariant, match="of 1 messages arrived that had to wait") as broken:
        require_stored_mail([lost[Depth.FAR], lost[Depth.STRANGER]], 0.99)
    assert broken.value.invariant is E1


def test_what_was_kept_back_waited_in_no_store_and_is_the_exception() -> None:
    [message] = log_of([None]).messages
    kept = StoredMessage(message, Depth.FAR, has_arrived=False, was_kept_back=True)
    lost = StoredMessage(message, Depth.FAR, has_arrived=False)
    came = StoredMessage(message, Depth.FAR, has_arrived=True)
    require_stored_mail([kept, came, kept, came], 0.99)
    with pytest.raises(BrokenInvariant, match=r"0.7500 of 4 messages arrived that had to wait"):
        require_stored_mail([kept, lost, came, came, came], 0.99)
    with pytest.raises(BrokenInvariant, match="3 of 5 messages were kept back") as broken:
        require_stored_mail([kept, kept, kept, came, came], 0.99)
    assert broken.value.invariant is E1


def test_of_what_could_have_come_all_is_to_be_there_by_then() -> None:
    came, late, lost = log_of([1, 30, None]).messages
    by = 12 * S
    require_possible_mail([], 1)
    require_possible_mail([PossibleMessage(came, by)], 1)
    possible = [PossibleMessage(one, by) for one in (came, late, lost)]
    require_possible_mail(possible, 0.3)
    words = r"0\.3333 of 3 .* message 1 of node 1 .* written at 10\.0 s, .* at 12\.0 s"
    with pytest.raises(BrokenInvariant, match=words) as broken:
        require_possible_mail(possible, 0.4)
    assert broken.value.invariant is E1


@pytest.mark.world
def test_walkers_are_held_to_what_their_encounters_allow() -> None:
    options = Options(seed=1, is_crypto_real=False)
    ran = run_scenario(parse_scenario(WALKS.format(hop_s=35)), options)
    assert not ran.report.broken
    deliveries = Deliveries(ran.world)
    assert 0 < len(deliveries.possible()) < len(deliveries.due())
    # Nothing of it may lapse, and nobody asks what became of what did.
    assert ran.report.survived is None
    # No engine hands anything over in a millisecond.
    at_once = run_scenario(parse_scenario(WALKS.format(hop_s=0.001)), options)
    assert [each.id for each in at_once.report.broken] == ["E1"]
    assert "that could have come were there by then" in at_once.report.broken[0].detail
    assert at_once.report.trace_hash == ran.report.trace_hash


def test_a_run_that_never_reaches_what_it_is_there_for_breaks_e1() -> None:
    expect = Expect(sometimes=("rolled-back", "refused"))
    require_sometimes(expect, {"rolled-back": 1, "refused": 2})
    with pytest.raises(BrokenInvariant, match="there for: refused: An envelope was refused") as one:
        require_sometimes(expect, {"rolled-back": 1, "refused": 0})
    assert one.value.invariant is E1


def test_a_mark_that_there_is_not_is_refused_with_the_one_that_was_perhaps_meant() -> None:
    with pytest.raises(UserError, match=r"no mark 'roled-back' \(did you mean rolled-back\?\)"):
        parse_scenario(SMALL + '[expect]\nsometimes = ["roled-back"]\n')


@pytest.mark.world
def test_a_world_is_held_to_its_marks_also_when_it_is_replayed() -> None:
    text = SMALL + '[expect]\nsometimes = ["crash-without-a-word", "clock-doubted"]\n'
    scenario = parse_scenario(text)
    assert parse_scenario(toml_of(scenario)) == scenario
    options = Options(seed=3, is_crypto_real=False)
    ran = run_scenario(scenario, options)
    assert [each.id for each in ran.report.broken] == ["E1"]
    assert "clock-doubted" in ran.report.broken[0].detail
    assert "crash-without-a-word" not in ran.report.broken[0].detail
    with replayed(scenario, options, ran.world.trace.records_count) as again:
        broken = again.broken
    assert broken is not None
    assert broken.invariant is E1
