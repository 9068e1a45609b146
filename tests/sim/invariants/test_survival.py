"""The fates of messages are told apart by paths, and each kind of failure is named."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sim.invariants.invariants import L1, L11, BrokenInvariant, Invariant
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.invariants.paths import Given, Lapsing, Span
from sim.invariants.survival import HOP_US, SEALED_AGAIN_US, Fate, Sealings, Survival

DAY = 86_400_000_000
HOUR = DAY // 24
LATER = 40 * DAY


class Post:
    """One message from node 0 to node 2, which both meet node 1 only."""

    def __init__(self) -> None:
        self.log = MessageLog()
        self.time = 0
        self.looks_count = 0
        self.given = Given({}, {node: [(0, LATER)] for node in range(3)}, {})
        self.sealings = Sealings(lambda: self.time)
        self.survival = Survival(
            message_log=self.log,
            sealings=self.sealings,
            given=self.given_now,
            now=lambda: self.time,
            kept_us=30 * DAY,
            retired_us=HOUR,
            relayed_us=0,
            is_noting=True,
        )
        self.message: LoggedMessage = self.log.ask(0, 2, "hello", 0)
        self.log.confirm(self.message, 0)
        self.message.number_there = 7
        self.sealings.sealed(0, 7, 7 * DAY, 7 * DAY)

    def meet(self, one: int, other: int, at: int, lasts: int = 2 * HOP_US) -> None:
        together = {**self.given.together}
        together[one, other] = [*together.get((one, other), []), (at, at + lasts)]
        self.given = replace(self.given, together=together)

    def show(self, at: int) -> None:
        self.log.show(2, 0, self.message.text, at)

    def given_now(self) -> Given:
        """Nobody knows what is still to come."""

        def past(spans: Sequence[Span]) -> list[Span]:
            return [(at, min(until, self.time)) for at, until in spans if at < self.time]

        return replace(
            self.given,
            together={pair: past(spans) for pair, spans in self.given.together.items()},
            opened={node: past(spans) for node, spans in self.given.opened.items()},
        )

    def fate(self, at: int = LATER) -> Fate:
        # The past is taken to be the same while no time passes.
        self.looks_count += 1
        self.time = at + self.looks_count
        return self.survival.fates()[0]

    def broken(self) -> Invariant:
        with pytest.raises(BrokenInvariant) as caught:
            self.survival.require_true_ends(lambda message: "together")
        return caught.value.invariant


def carried() -> Post:
    """It could come on the third day, by node 1."""
    post = Post()
    post.meet(0, 1, DAY)
    post.meet(1, 2, 3 * DAY)
    return post


def test_what_had_a_path_must_have_come() -> None:
    post = carried()
    assert post.fate(2 * DAY) == "waiting"
    assert post.fate(4 * DAY) == "lost"
    assert post.broken() is L1
    post.show(4 * DAY)
    assert post.fate(4 * DAY) == "delivered"
    post.survival.require_true_ends(lambda message: "together")


def test_what_a_carrier_kept_beyond_its_lifetime_had_no_path() -> None:
    post = Post()
    post.meet(0, 1, DAY)
    post.meet(1, 2, 8 * DAY)
    assert post.fate(9 * DAY) == "waiting"


def test_where_an_envelope_lapsed_the_next_one_is_due_when_its_author_has_run_for_long() -> None:
    post = Post()
    due = 7 * DAY + SEALED_AGAIN_US
    post.meet(0, 1, due - HOP_US, lasts=HOP_US)
    post.meet(1, 2, 12 * DAY)
    assert post.fate() == "untold"
    post.meet(0, 1, due)
    assert post.fate() == "lost"
    # A node that was off could not seal it.
    post.given = replace(post.given, opened={0: [(0, 2 * DAY)], 2: [(0, LATER)]})
    assert post.fate(20 * DAY) == "waiting"


def test_an_envelope_that_was_sealed_again_counts_from_then() -> None:
    post = Post()
    post.time = 9 * DAY
    post.sealings.sealed(0, 7, 7 * DAY, post.time + 7 * DAY)
    post.given = replace(post.given, opened={0: [(9 * DAY, 9 * DAY + HOUR)], 2: [(0, LATER)]})
    post.meet(0, 1, 9 * DAY)
    post.meet(1, 2, 14 * DAY)
    assert post.fate(20 * DAY) == "lost"


def test_a_reader_whose_vault_stays_shut_cannot_be_reached() -> None:
    post = carried()
    post.given = replace(post.given, opened={0: [(0, LATER)], 2: [(0, DAY), (8 * DAY, LATER)]})
    assert post.fate(9 * DAY) == "waiting"


def test_a_store_that_was_lost_carries_nothing_on() -> None:
    post = carried()
    post.given = replace(post.given, losses={1: [2 * DAY]})
    assert post.fate(9 * DAY) == "waiting"


def test_what_a_carrier_erased_by_a_calendar_that_was_ahead_had_no_path() -> None:
    post = carried()
    # On the second day it showed the eighth, for an hour.
    ahead = Lapsing(2 * DAY - HOUR, 2 * DAY, 8 * DAY)
    post.given = replace(post.given, lapsing={1: [ahead]})
    assert post.fate(9 * DAY) == "waiting"
    post.given = replace(post.given, lapsing={1: [ahead._replace(shown=7 * DAY - 1)]})
    assert post.fate(9 * DAY) == "lost"


def test_a_proof_that_its_reader_erased_by_such_a_calendar_could_not_come_back() -> None:
    post = carried()
    post.show(3 * DAY)
    post.meet(1, 2, 4 * DAY)
    post.meet(0, 1, 5 * DAY)
    post.given = replace(post.given, lapsing={2: [Lapsing(3 * DAY, 3 * DAY + 2 * HOUR, 7 * DAY)]})
    assert post.fate() == "delivered"
    post.given = replace(post.given, lapsing={2: [Lapsing(4 * DAY + HOUR, 5 * DAY, 9 * DAY)]})
    assert post.fate() == "unproven"


def test_what_was_sealed_by_a_calendar_that_was_behind_has_to_be_sealed_again() -> None:
    post = Post()
    post.sealings = Sealings(lambda: post.time)
    post.survival.sealings = post.sealings
    post.sealings.sealed(0, 7, 7 * DAY, -300 * DAY)
    post.given = replace(post.given, lapsing={1: [Lapsing(0, 5 * DAY, 5 * DAY)]})
    post.meet(0, 1, DAY)
    post.meet(1, 2, 3 * DAY)
    assert post.fate(4 * DAY) == "lost"


def test_what_could_not_come_is_told_when_it_is_kept_no_longer() -> None:
    post = Post()
    assert post.fate(30 * DAY) == "waiting"
    assert post.fate(31 * DAY) == "untold"
    assert post.broken() is L11
    post.message.state = "expired"
    assert post.fate(31 * DAY) == "told"


def test_what_was_sealed_just_before_is_told_when_that_has_lapsed_too() -> None:
    post = Post()
    post.time = 29 * DAY
    post.sealings.sealed(0, 7, 7 * DAY, post.time + 7 * DAY)
    assert post.fate(35 * DAY) == "waiting"
    assert post.fate(37 * DAY) == "untold"


def test_what_was_told_as_expired_and_had_a_path_is_a_failure_even_if_it_came() -> None:
    post = carried()
    post.message.told_expired_at = 3 * DAY
    assert post.fate(4 * DAY) == "lost"
    post.message.told_expired_at = 5 * DAY
    post.show(6 * DAY)
    assert post.fate() == "expired-in-vain"
    assert post.broken() is L1


def test_what_came_and_could_not_be_proven_may_be_told_as_expired() -> None:
    post = carried()
    post.show(3 * DAY)
    post.message.state, post.message.told_expired_at = "expired", 31 * DAY
    assert post.fate() == "delivered"
    post.meet(1, 2, 4 * DAY)
    post.meet(0, 1, 5 * DAY)
    assert post.fate() == "unproven"


def test_what_came_is_told_where_a_proof_could_come_back() -> None:
    post = carried()
    post.show(3 * DAY)
    assert post.fate() == "delivered"
    post.meet(1, 2, 4 * DAY)
    post.meet(0, 1, 8 * DAY)
    assert post.fate() == "delivered"
    post.meet(0, 1, 5 * DAY)
    assert post.fate() == "unproven"
    assert post.broken() is L11
    post.message.state = "read"
    assert post.fate() == "delivered"


def test_at_rest_the_author_of_what_was_delivered_reads_so() -> None:
    post = Post()
    post.survival.require_all_said()
    post.show(DAY)
    with pytest.raises(BrokenInvariant) as caught:
        post.survival.require_all_said()
    assert caught.value.invariant is L11
    post.message.state = "delivered"
    post.survival.require_all_said()


def test_only_what_could_never_come_is_let_go() -> None:
    post = carried()
    post.time = 31 * DAY
    assert not post.survival.is_past_saving(post.message)
    alone = Post()
    alone.time = 30 * DAY
    assert not alone.survival.is_past_saving(alone.message)
    alone.time = 31 * DAY
    assert alone.survival.is_past_saving(alone.message)
