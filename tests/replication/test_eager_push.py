"""New mail is pushed over eager links and announced over others, and who has it is not told."""

import pytest

from mesh.ids import LinkId
from mesh.limits.replication import PRUNE_AGAIN_MS, PRUNE_PAUSE_MS, SENDING_IDS_PER_LINK_MAX
from mesh.replication.outgoing import NOHAVE_BUSY
from mesh.wire.frames import (
    FLAG_BACKLOG,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    IWant,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    join_entries,
    split_entries,
)
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS
from tests.replication.meshes import (
    LINK,
    announce,
    announced,
    at,
    bring,
    element,
    frames_of,
    id_of,
    make,
    wants_of,
)


def test_a_retirement_is_announced_and_compared_and_never_pushed() -> None:
    replicator = make([1], links=[1, 3])
    retirement = id_of(100)
    replicator.held_back(retirement, None, at(1))
    entries = join_entries([(retirement, RETIREMENT_SIZE_CLASS)])
    replicator.received(LINK, IHave(entries, FLAG_BACKLOG), at(2))
    assert wants_of(replicator, 1, 2) == [], "it is here, and not to be known yet"
    assert retirement not in replicator.sets
    one = replicator.sets.element(id_of(1))._replace(size_class=RETIREMENT_SIZE_CLASS)
    replicator.retired(retirement, one, at(3))
    assert not replicator.outgoing.has_more(LINK), "it has announced it itself"
    assert replicator.outgoing.take_announcement(LinkId(3)) == IHave(entries, FLAG_BACKLOG)
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == []
    replicator.link_up(LinkId(2), at(4), is_dialled_by_us=False)
    other = make([1], seed=2)
    other.link_up(LinkId(9), at(4), is_dialled_by_us=True)
    opened = [
        one
        for one in frames_of(other, NegOpen, at(4))
        if one.lifetime_class == replicator.sets.element(id_of(1)).lifetime_class
    ]
    for one_ in opened:
        replicator.received(LinkId(2), one_, at(4))
    for answer in frames_of(replicator, NegMessage, at(4)):
        other.received(LinkId(9), answer, at(4))
    assert wants_of(other, 9, 4) == [retirement]
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == []
    replicator.received(LinkId(2), IWant(ids=retirement), at(5))
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == [retirement]


@pytest.mark.parametrize("way", ["pushes", "announcements"])
def test_what_found_no_room_is_made_good_by_comparing(way: str) -> None:
    replicator = make(links=[1])
    for number in range(SENDING_IDS_PER_LINK_MAX + 1):
        if way == "pushes":
            replicator.accepted(id_of(number), element(age=5), None, at(1), is_new=True)
        else:
            replicator.retired(id_of(number), element(), at(1))
    assert frames_of(replicator, NegOpen, at(1)) == [], "first what waits"
    count = 0
    while replicator.outgoing.has_more(LINK):
        count += len(announced(replicator, 1)) + len(replicator.outgoing.take_bodies(LINK, 1_000))
    assert count == SENDING_IDS_PER_LINK_MAX
    assert len(frames_of(replicator, NegOpen, at(2))) == 1


def test_a_body_that_came_twice_on_one_link_that_was_asked_prunes_nothing() -> None:
    """It was pushed while it was asked for: the second copy is our own doing."""
    replicator = make(links=range(1, 6))
    announce(replicator, 1, range(7, 8), 1)
    assert wants_of(replicator, 1, 1) == [id_of(7)]
    replicator.body_came(LINK, id_of(7), at(2))
    replicator.accepted(id_of(7), element(age=0), LINK, at(2), is_new=True)
    replicator.body_came(LINK, id_of(7), at(3))
    assert frames_of(replicator, Prune, at(3)) == []
    replicator.body_came(LinkId(2), id_of(7), at(4))
    assert len(frames_of(replicator, Prune, at(4), 2)) == 1, "who was not asked is pruned"


def test_what_was_on_its_way_does_not_undo_a_prune() -> None:
    replicator = make(links=range(1, 6))
    bring(replicator, 1, 7, 1)
    replicator.body_came(LinkId(2), id_of(7), at(2))
    assert len(frames_of(replicator, Prune, at(2), 2)) == 1
    bring(replicator, 2, 8, 3)
    assert not replicator._eager_links.is_eager(LinkId(2)), "it was sent before the prune came"
    bring(replicator, 2, 9, 2 + PRUNE_PAUSE_MS)
    assert replicator._eager_links.is_eager(LinkId(2)), "it was not"


def test_a_lazy_link_that_goes_on_pushing_is_told_again() -> None:
    """A graft and a prune that cross on their way leave one side eager and the other lazy."""
    replicator = make(links=range(1, 6))
    replicator.received(LinkId(2), Prune(), at(0))
    for number, ms, told_count in ((7, 10, 0), (8, PRUNE_AGAIN_MS, 1), (9, PRUNE_AGAIN_MS + 10, 0)):
        bring(replicator, 1, number, ms)
        replicator.body_came(LinkId(2), id_of(number), at(ms))
        assert len(frames_of(replicator, Prune, at(ms), 2)) == told_count


def test_who_prunes_is_told_of_what_waited_and_given_what_it_asked_for() -> None:
    replicator = make([1], links=range(1, 6))
    replicator.accepted(id_of(7), element(age=0), None, at(1), is_new=True)
    replicator.received(LINK, IWant(ids=id_of(1)), at(2))
    replicator.received(LINK, Prune(), at(3))
    assert replicator.outgoing.take_announcement(LINK) == IHave(join_entries([(id_of(7), 0)]), 0)
    assert replicator.outgoing.take_bodies(LINK, 9) == [id_of(1)]
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == [id_of(7)]


def test_the_same_body_is_given_to_a_link_three_times_a_minute() -> None:
    """An id of 32 bytes draws up to 64 KiB."""
    replicator = make([7], links=[1])
    for ms in (1, 2, 3):
        replicator.received(LINK, IWant(ids=id_of(7)), at(ms))
        assert replicator.outgoing.take_bodies(LINK, 9) == [id_of(7)]
    replicator.received(LINK, IWant(ids=id_of(7)), at(4))
    assert replicator.outgoing.take_bodies(LINK, 9) == []
    [refusal] = frames_of(replicator, NoHave, at(4))
    assert list(split_entries(refusal.entries)) == [(id_of(7), NOHAVE_BUSY)], "found again later"
    replicator.received(LINK, IWant(ids=id_of(7)), at(60_001))
    assert replicator.outgoing.take_bodies(LINK, 9) == [id_of(7)]


def test_large_mail_is_told_to_be_here_and_then_not_pushed() -> None:
    replicator = make(links=range(1, 5))
    replicator.received(LinkId(4), Prune(), at(0))
    for number, size in ((7, 0), (8, 2)):
        replicator.body_came(LINK, id_of(number), at(1))
        one = element(age=0, size=size)
        replicator.accepted(id_of(number), one, LINK, at(1), is_new=True)
    told = [
        (int(link), frame)
        for link, frame in replicator.take_frames(at(1))
        if isinstance(frame, DoNotWant)
    ]
    assert told == [(link, DoNotWant(ids=id_of(8))) for link in (2, 3)], "it pays for large ones"
    replicator.received(LinkId(2), DoNotWant(ids=id_of(8)), at(2))
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == [id_of(7)]
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == [id_of(7), id_of(8)]
    replicator.received(LinkId(3), DoNotWant(ids=id_of(9)), at(3))
    replicator.body_came(LINK, id_of(9), at(4))
    replicator.accepted(id_of(9), element(age=0, size=2), LINK, at(4), is_new=True)
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == [], "also when it was said before"
    replicator.received(LinkId(3), IWant(ids=id_of(9)), at(5))
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == [id_of(9)], (
        "but it is given to who asks"
    )


def test_word_of_what_leaves_at_once_is_not_sent_before_it_unless_it_is_long() -> None:
    replicator = make(links=[1, 2])
    told: list[Frame] = []
    # Of 4 KiB, 4 KiB behind that one, then 16 KiB, and 4 KiB that the other side has.
    for number, size in ((7, 1), (8, 1), (9, 2), (10, 1)):
        if number == 10:
            replicator.received(LinkId(2), DoNotWant(ids=id_of(10)), at(1))
        if number != 8:
            replicator.outgoing.take_bodies(LinkId(2), 9)
        one = element(age=0, size=size)
        replicator.accepted(id_of(number), one, LINK, at(1), is_new=True)
        told += [frame for _, frame in replicator.take_frames(at(1))]
    assert told == [DoNotWant(ids=id_of(number)) for number in (8, 9, 10)]
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == []


def test_who_does_not_want_it_is_not_told_of_it_either() -> None:
    replicator = make(links=[1, 2])
    replicator.received(LinkId(2), Prune(), at(0))
    replicator.received(LinkId(2), DoNotWant(ids=id_of(7)), at(1))
    for number in (7, 8):
        replicator.accepted(id_of(number), element(age=0), LINK, at(2), is_new=True)
    assert announced(replicator, 2) == [id_of(8)]


def test_a_lazy_link_that_is_faster_takes_the_place_of_one_that_pushes() -> None:
    replicator = make(links=range(1, 6))
    replicator.received(LinkId(5), Prune(), at(0))
    for made in range(100, 160):
        ms = 100 * made
        entries = join_entries([(id_of(made), 0)])
        replicator.received(LinkId(5), IHave(entries, 0), at(ms))
        replicator.body_came(LINK, id_of(made), at(ms + 25))
        replicator.accepted(id_of(made), element(age=0), LINK, at(ms + 25), is_new=True)
    replicator.take_frames(at(20_000))
    assert not replicator._eager_links.is_eager(LinkId(5))
    replicator.deadline_passed(at(100_000))
    frames = replicator.take_frames(at(100_000))
    assert (LinkId(5), Graft(ids=b"")) in frames
    assert sum(isinstance(frame, Prune) for _, frame in frames) == 1
    assert not any(link == LINK for link, frame in frames if isinstance(frame, Prune))
