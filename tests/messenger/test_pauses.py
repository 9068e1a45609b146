"""The waits of what a node writes by itself: no answer tells whoever brought the question."""

from statistics import mean

import pytest

from mesh.commands.contacts import RenewSession
from mesh.limits.messages import SOON_MS
from mesh.limits.retirements import RETIRE_DELAY_MS
from mesh.messenger.pauses import Pause, Pauses
from tests.entropy import SeededEntropy
from tests.messenger.people import DAY_S, Clock, Person, acquainted, exchange

LONGEST_S = RETIRE_DELAY_MS[1] // 1_000


def delay_of_next(person: Person, clock: Clock, *, step_s: float = 0.1) -> float:
    """Let time pass until something leaves; return after how many seconds it did."""
    start_ms = clock.unix_ms
    while not person.post():
        assert clock.unix_ms - start_ms <= 2 * LONGEST_S * 1_000, "nothing ever leaves"
        clock.pass_by(step_s)
    return (clock.unix_ms - start_ms) / 1_000


def people(clock: Clock, seed: int) -> tuple[Person, Person]:
    """Two people whose nodes wait as real ones do."""
    return (
        Person("Ann", clock, seed=2 * seed, pauses=Pauses()),
        Person("Bob", clock, seed=2 * seed + 1, pauses=Pauses()),
    )


def test_bringing_the_keys_of_an_invite_does_not_show_who_waits_for_them() -> None:
    delays = []
    for seed in range(24):
        clock = Clock()
        ann, bob = people(clock, seed)
        bob.add(ann.invite().short_link, label="Ann")
        bob.send("Ann", "are you there?")
        bundle = ann.post()
        assert bob.post() == []
        bob.receive(bundle)
        # Whoever gave the bundle to Bob's node sees when something of Bob's own leaves.
        delays.append(delay_of_next(bob, clock))
    assert max(delays) <= SOON_MS[1] / 1_000
    # Hello and text each wait by chance: the first of the two comes after 3.3 s in the mean.
    assert 2 < mean(delays) < 5
    assert sum(delay < 0.5 for delay in delays) <= 6


def test_the_answer_to_who_uses_an_invite_comes_after_seconds() -> None:
    hellos, answers = [], []
    for seed in range(24):
        clock = Clock()
        ann, bob = people(clock, seed)
        bob.add(ann.invite().link)
        ann.post()
        start_ms = clock.unix_ms
        while not (posted := bob.post()):
            clock.pass_by(0.1)
        hellos.append((clock.unix_ms - start_ms) / 1_000)
        ann.receive(posted)
        answers.append(delay_of_next(ann, clock))
    for delays in (hellos, answers):
        assert max(delays) <= SOON_MS[1] / 1_000
        assert 3.5 < mean(delays) < 6.5
        assert sum(delay < 0.5 for delay in delays) <= 4


def test_what_a_person_writes_leaves_at_once() -> None:
    clock = Clock()
    ann, bob = people(clock, 1)
    bob.add(ann.invite().link)
    bob.send("Ann", "already here")
    # The text overtakes the hello and founds the session.
    ann.receive(bob.post())
    assert ann.texts("Bob") == ["already here"]
    clock.pass_by(SOON_MS[1] / 1_000)
    exchange(ann, bob)
    assert bob.contacts()[0].state == "answered"
    ann.send("Bob", "at once too")
    assert len(ann.post()) == 1


def test_new_keys_are_answered_as_late_as_a_message_is_told_to_be_opened() -> None:
    for seed in range(4):
        clock = Clock()
        ann, bob = acquainted(clock)
        for person in (ann, bob):
            person.messenger.parts.transit.pauses = Pauses()
        ann.post()
        bob.ask(RenewSession("Ann"))
        # A person asked for it, so it leaves at once; the other node answers by itself.
        clock.pass_by(seed)
        ann.receive(bob.post())
        delay = delay_of_next(ann, clock, step_s=1)
        assert RETIRE_DELAY_MS[0] / 1_000 <= delay <= LONGEST_S


def test_a_restart_neither_loses_nor_hurries_what_waits() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.pauses = bob.pauses = Pauses((9_000, 9_000), (300_000, 300_000))
    ann.restart()
    bob.ask(RenewSession("Ann"))
    ann.receive(bob.post())
    for _ in range(4):
        clock.pass_by(60)
        ann.restart()
        assert ann.post() == []
    clock.pass_by(60)
    assert ann.post()


def test_a_clock_that_was_set_holds_nothing_back_for_years() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    ann.pauses = Pauses((9_000, 9_000), (300_000, 300_000))
    ann.restart()
    bob.ask(RenewSession("Ann"))
    ann.receive(bob.post())
    ann.wall_error_s = -30 * DAY_S
    ann.restart()
    clock.pass_by(301)
    assert ann.post()


@pytest.mark.parametrize("longest_ms", [0, 3_000, 600_000])
def test_no_pause_is_longer_than_that_of_a_retirement(longest_ms: int) -> None:
    pauses = Pauses.as_retirements((longest_ms // 10, longest_ms))
    entropy = SeededEntropy(1)
    for pause in Pause:
        drawn = [pauses.drawn_ms(pause, entropy) for _ in range(100)]
        assert 0 <= min(drawn) <= max(drawn) <= longest_ms
    assert pauses.drawn_ms(Pause.AT_ONCE, entropy) == 0
