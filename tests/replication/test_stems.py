"""Items on their stems, and how long each is waited for."""

from random import Random

import pytest

from mesh.ids import EnvelopeId, Instant, LinkId, LinkKey, Monotonic, PostingKey
from mesh.limits.stems import (
    STEM_AUTHOR_MEAN_MS,
    STEM_HOP_MEAN_MS,
    STEM_PAUSE_MAX_MS,
    STEMS_PER_LINK_MAX,
)
from mesh.replication.stem_paths import ENVELOPES
from mesh.replication.stems import SPREADS, Stems, Step
from tests.entropy import SeededEntropy

START = Instant(Monotonic(0), 1_800_000_000_000_000)


def later(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), START.wall + ms * 1000)


def with_links(count: int) -> Stems:
    stems = Stems(SeededEntropy(1))
    for link in range(1, count + 1):
        stems.link_up(LinkId(link), LinkKey(bytes([link]) * 32), START, is_able=True)
    return stems


def an_id(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(32))


def a_key(number: int) -> PostingKey:
    return PostingKey(number.to_bytes(32))


def going_on(stems: Stems, link: int, count: int) -> list[PostingKey]:
    """Keys that are passed on from here if they come by this link."""
    keys = map(a_key, range(10_000))
    on = (key for key in keys if stems.paths.goes_on(key, ENVELOPES, LinkId(link), START))
    return [key for key, _ in zip(on, range(count), strict=False)]


def test_what_is_not_heard_of_spreads_after_an_exponential_time_longer_at_the_author() -> None:
    stems = with_links(3)
    pauses: dict[bool, list[int]] = {True: [], False: []}
    for number, key in enumerate(going_on(stems, 1, 600)):
        own = stems.begin(an_id(2 * number), key, ENVELOPES, START)
        other = stems.came(an_id(2 * number + 1), key, ENVELOPES, LinkId(1), START)
        assert own.pause_ms is not None
        assert other.pause_ms is not None
        pauses[True].append(own.pause_ms)
        pauses[False].append(other.pause_ms)
    for is_own, mean_ms in ((True, STEM_AUTHOR_MEAN_MS), (False, STEM_HOP_MEAN_MS)):
        drawn = pauses[is_own]
        assert abs(sum(drawn) / len(drawn) - mean_ms) < mean_ms / 5
        assert 0.3 < sum(one > mean_ms for one in drawn) / len(drawn) < 0.45, "1/e of them"
        assert max(drawn) <= STEM_PAUSE_MAX_MS
    first = min(pauses[True] + pauses[False])
    assert stems.deadline() == first * 1000
    assert len(stems.take_due(later(STEM_PAUSE_MAX_MS))) == 1_200


def test_what_was_heard_of_is_not_waited_for() -> None:
    stems = with_links(3)
    step = stems.begin(an_id(1), a_key(1), ENVELOPES, START)
    last = stems.begin(an_id(2), a_key(2), ENVELOPES, START, extra_mean_ms=10**9)
    assert list(stems.take(an_id(1))) == [step.next]
    assert last.pause_ms is not None
    assert stems.deadline() == last.pause_ms * 1000, "nobody is woken for the first"
    assert list(stems.take(an_id(2))) == [last.next]
    assert stems.deadline() is None
    assert not stems.take_due(later(STEM_PAUSE_MAX_MS))
    assert len(stems) == 0


def test_what_is_made_alone_waits_for_the_first_link_without_a_limit() -> None:
    stems = with_links(0)
    assert stems.begin(an_id(1), a_key(1), ENVELOPES, START) == Step(None, spreads=False)
    assert not stems.take_due(later(100 * STEM_PAUSE_MAX_MS))
    ((id_, _, step),) = stems.link_up(LinkId(1), LinkKey(bytes(32)), START, is_able=True)
    assert (id_, step.next) == (an_id(1), LinkId(1))
    assert not stems.link_up(LinkId(2), LinkKey(bytes(32)), START, is_able=True)


def test_where_nobody_passes_stems_on_all_is_as_before() -> None:
    stems = Stems(SeededEntropy(1))
    stems.link_up(LinkId(1), LinkKey(bytes(32)), START, is_able=False)
    assert stems.begin(an_id(1), a_key(1), ENVELOPES, START).spreads


def test_a_dead_end_spreads_at_once() -> None:
    stems = with_links(1)
    assert stems.came(an_id(1), a_key(1), ENVELOPES, LinkId(1), START) == SPREADS
    assert len(stems) == 0


def test_a_path_that_leads_back_goes_on_and_comes_to_an_end() -> None:
    stems = with_links(4)
    key = next(
        key
        for key in going_on(stems, 1, 1_000)
        if all(stems.paths.goes_on(key, ENVELOPES, LinkId(one), START) for one in (2, 3, 4))
    )
    own = stems.begin(an_id(1), key, ENVELOPES, START)
    assert own.next is not None
    back_by = next(link for link in (1, 2, 3, 4) if link != own.next)
    again = stems.came_again(an_id(1), LinkId(back_by), START)
    assert again.next not in (None, own.next, back_by)
    assert again.pause_ms is None, "the first time that was drawn holds"
    assert stems.came_again(an_id(1), LinkId(back_by), START).spreads, "it goes round"


def test_what_a_link_that_ends_was_given_takes_another_one() -> None:
    stems = with_links(3)
    step = stems.begin(an_id(1), a_key(1), ENVELOPES, START)
    assert step.next is not None
    others = [link for link in (LinkId(1), LinkId(2), LinkId(3)) if link != step.next]
    assert not stems.link_down(LinkId(99), START)
    ((_, _, moved),) = stems.link_down(step.next, START)
    assert moved.next in others
    assert stems.begin(an_id(2), a_key(1), ENVELOPES, START).next == moved.next
    stems.take(an_id(1))
    assert len(stems.link_down(moved.next, START)) == 1, "what was heard of stays where it is"


def test_a_doubted_link_is_passed_over() -> None:
    doubted = {LinkId(2): None}
    stems = Stems(SeededEntropy(1), doubted.__contains__)
    for link in (1, 2, 3):
        stems.link_up(LinkId(link), LinkKey(bytes([link]) * 32), START, is_able=True)
    steps = [stems.begin(an_id(number), a_key(number), ENVELOPES, START) for number in range(50)]
    assert {step.next for step in steps} == {1, 3}


def test_one_link_cannot_fill_the_room_of_the_others() -> None:
    stems = with_links(3)
    keys = going_on(stems, 1, STEMS_PER_LINK_MAX + 1)
    for number, key in enumerate(keys[:-1]):
        assert not stems.came(an_id(number), key, ENVELOPES, LinkId(1), START).spreads
    assert stems.came(an_id(9_999), keys[-1], ENVELOPES, LinkId(1), START).spreads
    (key,) = going_on(stems, 2, 1)
    assert not stems.came(an_id(10_000), key, ENVELOPES, LinkId(2), START).spreads
    stems.take_due(later(STEM_PAUSE_MAX_MS))
    stems.forget(map(an_id, range(10_001)))
    assert not stems.came(an_id(10_001), keys[-1], ENVELOPES, LinkId(1), START).spreads


@pytest.mark.parametrize("seed", range(4))
def test_what_others_brought_is_counted_whatever_leads_back_to_here(seed: int) -> None:
    """Own items too: they come by a link then, and are none of those that it may bring."""
    random, stems = Random(seed), with_links(4)
    of_others: dict[EnvelopeId, None] = {}
    loops_count = 0
    for number in range(400):
        id_, key, link = an_id(number), a_key(number), LinkId(random.randint(1, 4))
        if random.random() < 0.5:
            step = stems.begin(id_, key, ENVELOPES, START)
        else:
            step = stems.came(id_, key, ENVELOPES, link, START)
            if not step.spreads:
                of_others[id_] = None
        if step.next is not None and random.random() < 0.5:
            loops_count += not stems.came_again(id_, step.next, START).spreads
        if random.random() < 0.5:
            stems.forget([id_])
            of_others.pop(id_, None)
        assert stems._others_count == len(of_others)
    assert loops_count
    stems.forget([an_id(number) for number in range(400)])
    assert stems._others_count == 0
