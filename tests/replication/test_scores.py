"""Scores: a broken promise costs, bringing mail heals, time forgets, and liars are no floor."""

from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import LinkId
from mesh.limits.replication import (
    BROKEN_PROMISE_COST,
    EAGER_LINKS_MIN,
    SCORE_FIRST_MAX,
    SCORE_HALF_LIFE_MS,
)
from mesh.replication.scores import Scores
from mesh.wire.frames import IHave, Prune, join_entries
from tests.replication.meshes import at, element, frames_of, id_of, make

NOW = at(0)


def test_who_never_gives_is_doubted_after_the_first_broken_promise() -> None:
    scores = Scores()
    scores.link_up(LinkId(1), NOW)
    assert not scores.is_doubted(LinkId(1))
    scores.broke(LinkId(1), NOW)
    assert scores.is_doubted(LinkId(1))
    assert scores.take_doubted() == [LinkId(1)]
    assert scores.take_doubted() == []


def test_who_brings_much_may_be_late_now_and_then_and_time_forgets_what_it_brought() -> None:
    scores = Scores()
    scores.link_up(LinkId(1), NOW)
    for _ in range(1_000):
        scores.brought(LinkId(1), NOW, is_backlog=False)
    for _ in range(SCORE_FIRST_MAX // BROKEN_PROMISE_COST):
        scores.broke(LinkId(1), NOW)
    assert not scores.is_doubted(LinkId(1))
    later = at(20 * SCORE_HALF_LIFE_MS)
    scores.broke(LinkId(1), later)
    assert scores.is_doubted(LinkId(1))


@given(st.lists(st.booleans(), max_size=80))
def test_the_doubted_are_those_who_owe_more_than_they_brought(deeds: list[bool]) -> None:
    scores = Scores()
    scores.link_up(LinkId(1), NOW)
    first, broken, is_doubted = 0, 0, False
    for is_good in deeds:
        if is_good:
            scores.brought(LinkId(1), NOW, is_backlog=False)
            first = min(first + 1, SCORE_FIRST_MAX)
        else:
            scores.broke(LinkId(1), NOW)
            broken += 1
        is_doubted = first < BROKEN_PROMISE_COST * broken if is_doubted or not is_good else False
        assert scores.is_doubted(LinkId(1)) == is_doubted


def test_a_link_that_is_gone_has_no_record() -> None:
    scores = Scores()
    scores.link_up(LinkId(1), NOW)
    scores.broke(LinkId(1), NOW)
    scores.link_down(LinkId(1))
    scores.broke(LinkId(1), NOW)
    assert not scores.is_doubted(LinkId(1))
    assert scores.take_doubted() == []


def test_links_that_announce_and_never_give_do_not_make_us_prune_those_who_push() -> None:
    liars, honest = range(1, EAGER_LINKS_MIN + 1), range(11, 11 + EAGER_LINKS_MIN)
    replicator = make(links=[*liars, *honest])
    entries = join_entries([(id_of(number), 0) for number in range(5)])
    for liar in liars:
        replicator.received(LinkId(liar), IHave(entries=entries, flags=0), at(1))
    now_ms = 1
    for _ in range(200):
        deadline = replicator.deadline()
        if deadline is None or deadline > 60_000_000:
            break
        now_ms = -(-deadline // 1_000)
        replicator.deadline_passed(at(now_ms))
        replicator.take_frames(at(now_ms))
    for number in range(100, 110):
        now_ms += 100
        for link in honest:
            id_ = id_of(number)
            replicator.body_came(LinkId(link), id_, at(now_ms))
            if id_ not in replicator.sets:
                new = element(age=-(now_ms // 1_000))
                replicator.accepted(id_, new, LinkId(link), at(now_ms), is_new=True)
        assert frames_of(replicator, Prune, at(now_ms)) == []
