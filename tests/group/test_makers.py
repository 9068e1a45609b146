"""Makers: who makes the next epoch and when, also where all come at once."""

import heapq
import random
from dataclasses import dataclass, field

import pytest

from mesh.group import makers
from mesh.group.choice import KnownEpoch, chosen_epoch, next_turn
from mesh.group.epochs import EpochId
from mesh.group.makers import (
    Cause,
    Complaint,
    Due,
    InUse,
    Situation,
    next_due,
    pause_of,
    rank_among_heard,
)
from mesh.group.operations import Role
from mesh.ids import UnixSeconds, VerifyKey

DAY = 86_400
NOW = UnixSeconds(1_800_000_000)
MEMBERS = [VerifyKey(bytes([number, 1]) * 16) for number in range(60)]
ADA, BOB, EVE = MEMBERS[:3]


def after(seconds: float) -> UnixSeconds:
    return UnixSeconds(NOW + int(seconds))


def test_ranks_are_counted_among_those_heard_within_two_weeks() -> None:
    heard = {ADA: after(-14 * DAY), BOB: after(-14 * DAY - 1)}
    assert rank_among_heard(ADA, MEMBERS, {}, NOW) == 0
    assert rank_among_heard(BOB, MEMBERS, heard, NOW) == 1
    assert rank_among_heard(EVE, MEMBERS, heard, NOW) == 1, "Bob was not heard"
    assert rank_among_heard(EVE, MEMBERS, {}, NOW) == 0, "all leaders are gone"
    with pytest.raises(AssertionError):
        rank_among_heard(VerifyKey(bytes(32)), MEMBERS, heard, NOW)


def test_the_pauses_of_ranks() -> None:
    pauses = {0: 0, 1: 30, 7: 210, 8: 240, 9: 245, 999: 5_195}
    assert {rank: pause_of(rank) for rank in pauses} == pauses


def test_a_missing_epoch_is_made_in_turn() -> None:
    situation = Situation(in_use=None, unfit_since=NOW)
    dues = [next_due(situation, rank) for rank in (0, 1, 8)]
    assert dues == [Due(after(pause), Cause.NO_FIT_EPOCH) for pause in (0, 30, 240)]
    assert dues[0] is not None
    assert dues[0].cause is Cause.NO_FIT_EPOCH


@pytest.mark.parametrize("is_written_in, days", [(True, 7), (False, 30)])
def test_an_old_epoch_is_followed_at_leisure(is_written_in: bool, days: int) -> None:
    situation = Situation(InUse(NOW, is_written_in), NOW)
    due = next_due(situation, 3)
    assert due == Due(after(days * DAY + 3 * 3_600), Cause.AGE)


def test_leaves_that_came_bring_an_epoch_for_all() -> None:
    situation = Situation(InUse(NOW, is_written_in=True, leaves_came=after(50)), NOW)
    due = next_due(situation, 2)
    assert (due, due and due.cause) == (Due(after(110), Cause.AGE), Cause.LEAVES_CAME)


def complained(*complaints: Complaint, served: dict[VerifyKey, UnixSeconds]) -> Due | None:
    return next_due(
        Situation(InUse(NOW, is_written_in=True, complaints=complaints), NOW, served), 0
    )


def test_complaints_have_epochs_made_once_in_six_hours_for_one_member() -> None:
    """Each epoch is 64 KiB, and anybody can say without end that he opens nothing."""
    said = Complaint(EVE, after(100))
    assert complained(said, served={}) == Due(after(100), Cause.CANNOT_OPEN)
    hour = 3_600
    assert complained(said, served={EVE: NOW}) == Due(after(6 * hour), Cause.CANNOT_OPEN)
    assert complained(said, served={BOB: NOW}) == Due(after(hour), Cause.CANNOT_OPEN)
    both = complained(said, Complaint(ADA, after(200)), served={EVE: NOW})
    assert both == Due(after(hour), Cause.CANNOT_OPEN), "another's complaint counts after an hour"


# --- A cut, and what comes when it heals ---------------------------------------------------------

ROLES = {key: Role.OWNER if key == ADA else Role.MEMBER for key in MEMBERS}
RANKS = {key: rank_among_heard(key, MEMBERS, dict.fromkeys(MEMBERS, NOW), NOW) for key in MEMBERS}
NEWS_SECONDS = 15


@dataclass
class Node:
    """A member's node: the operations and epochs that it knows, and since when none is fit."""

    key: VerifyKey
    operations: frozenset[int]
    epochs: dict[EpochId, tuple[KnownEpoch, frozenset[int]]] = field(default_factory=dict)
    unfit_since: int | None = None

    @property
    def due(self) -> int | None:
        """The second at which it makes an epoch, if nothing comes before."""
        if self.unfit_since is None:
            return None
        due = next_due(Situation(None, UnixSeconds(self.unfit_since)), RANKS[self.key])
        assert due is not None
        return due.at

    def judge(self, now: int) -> None:
        """An epoch is exact where its operations are those that are known: each changes members."""
        exact = [known for known, behind in self.epochs.values() if behind == self.operations]
        if chosen_epoch(exact, ROLES) is not None:
            self.unfit_since = None
        elif self.unfit_since is None:
            self.unfit_since = now

    def made(self, number: int) -> KnownEpoch:
        """A new epoch for what it knows."""
        count = len(self.operations)
        turn = next_turn([known for known, _ in self.epochs.values()], count)
        whole, nobody = frozenset(MEMBERS), frozenset[VerifyKey]()
        return KnownEpoch(
            EpochId(number.to_bytes(32, "big")), self.key, turn, 60, nobody, True, whole, count, 0
        )


class Meeting:
    """60 nodes in two halves that learn of each other's four changes, each 1 to 15 s after."""

    def __init__(self, seed: int) -> None:
        self.made = self._told = 0
        self._chance = random.Random(seed)
        self._events: list[tuple[int, int, Node, int | KnownEpoch, frozenset[int]]] = []
        sides = frozenset(range(4)), frozenset(range(4, 8))
        self.nodes = [Node(key, sides[place % 2]) for place, key in enumerate(MEMBERS)]
        for place, node in enumerate(self.nodes):
            for operation in sorted(sides[1 - place % 2]):
                self._tell(node, operation, frozenset(), 0)

    def run(self) -> None:
        """Go on until nothing comes and nothing is due."""
        while True:
            dues = [(node.due, place) for place, node in enumerate(self.nodes)]
            due = min(((at, place) for at, place in dues if at is not None), default=None)
            if self._events and (due is None or self._events[0][0] <= due[0]):
                self._learn()
            elif due is not None:
                self._make(*due)
            else:
                return

    def _learn(self) -> None:
        now, _, node, what, behind = heapq.heappop(self._events)
        if isinstance(what, KnownEpoch):
            node.epochs[what.id] = (what, behind)
        else:
            node.operations |= {what}
        node.judge(now)

    def _make(self, now: int, place: int) -> None:
        node = self.nodes[place]
        epoch = node.made(self.made)
        self.made += 1
        node.epochs[epoch.id] = (epoch, node.operations)
        node.judge(now)
        for other in self.nodes:
            if other is not node:
                self._tell(other, epoch, node.operations, now)

    def _tell(self, node: Node, what: int | KnownEpoch, behind: frozenset[int], now: int) -> None:
        self._told += 1
        at = now + self._chance.randint(1, NEWS_SECONDS)
        heapq.heappush(self._events, (at, self._told, node, what, behind))


@pytest.mark.parametrize("seed", range(10))
def test_two_halves_that_meet_make_few_epochs(seed: int) -> None:
    meeting = Meeting(seed)
    meeting.run()
    assert 1 <= meeting.made <= 4
    assert all(len(node.operations) == 8 and node.unfit_since is None for node in meeting.nodes)


def test_pauses_as_short_as_news_make_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule is that a pause is several times the time that news takes."""
    monkeypatch.setattr(makers, "RANK_PAUSE_SECONDS", 1)
    monkeypatch.setattr(makers, "RANK_PAUSE_LATER_SECONDS", 1)
    meeting = Meeting(0)
    meeting.run()
    assert meeting.made > 10
