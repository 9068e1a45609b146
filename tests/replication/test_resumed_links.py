"""Mail that a link brings as it is heard again after a silence is announced, and not pushed."""

import pytest

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import RESUMED_MS, SPARED_BYTES_PER_LINK
from mesh.replication.fair_queue import Sparing
from mesh.replication.replicator import Replicator
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import DoNotWant, Graft, NoHave, Prune, split_entries
from tests.replication.meshes import LINK, announced, at, bring, element, frames_of, id_of, make


def passed_on(replicator: Replicator, number: int, ms: int) -> tuple[list[EnvelopeId], bool]:
    """Return which bodies of mail that link 1 brings go to link 2, and whether it is told of it."""
    bring(replicator, 1, number, ms)
    bodies = replicator.outgoing.take_bodies(LinkId(2), 9)
    return bodies, announced(replicator, 2) == [id_of(number)]


@pytest.mark.parametrize("after_ms", [0, RESUMED_MS - 1, RESUMED_MS])
def test_what_stood_in_a_link_that_was_silent_is_announced_and_not_pushed(after_ms: int) -> None:
    replicator = make(links=[1, 2])
    replicator.resumed_links.resumed(LINK, at(1_000).monotonic)
    is_old = after_ms < RESUMED_MS
    bodies, is_told = passed_on(replicator, 7, 1_000 + after_ms)
    assert (bodies, is_told) == (([], True) if is_old else ([id_of(7)], False))


def test_what_a_link_that_was_never_silent_brings_is_pushed_meanwhile() -> None:
    replicator = make(links=[1, 2, 3])
    replicator.resumed_links.resumed(LinkId(3), at(1_000).monotonic)
    assert passed_on(replicator, 7, 1_000) == ([id_of(7)], False)


def test_a_link_that_stands_anew_was_not_silent() -> None:
    replicator = make(links=[1, 2])
    replicator.resumed_links.resumed(LINK, at(1_000).monotonic)
    replicator.link_down(LINK, at(1_000))
    replicator.link_up(LINK, at(1_000), is_dialled_by_us=False)
    assert passed_on(replicator, 7, 1_000) == ([id_of(7)], False)


def with_a_spared_link(sparing: Sparing) -> Replicator:
    """Link 2 is spared, and what leaves all the same has left; link 3 is as any other."""
    replicator = make(links=[1, 2, 3])
    replicator.outgoing.spare(LinkId(2), sparing)
    for number in range(100, 100 + SPARED_BYTES_PER_LINK // SIZE_BYTES[3]):
        replicator.sets.add(id_of(number), element(size=3))
        assert replicator.outgoing.give(LinkId(2), id_of(number), is_live=False)
        assert replicator.outgoing.take_bodies(LinkId(2), 9) == [id_of(number)]
    replicator.resumed_links.resumed(LINK, at(1_000).monotonic)
    return replicator


def came_live(replicator: Replicator, size_class: int) -> None:
    """Link 1 pushes live mail in its window."""
    replicator.body_came(LINK, id_of(7), at(1_000))
    new = element(age=0, size=size_class)
    replicator.accepted(id_of(7), new, LINK, at(1_000), is_new=True)


@pytest.mark.parametrize("sparing", [Sparing.BACKLOG, Sparing.EVERYTHING])
def test_a_link_that_is_spared_backlog_gets_it_as_live_mail(sparing: Sparing) -> None:
    """As backlog it would not even be told of it, and be refused it when it asks."""
    replicator = with_a_spared_link(sparing)
    came_live(replicator, 1)
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == [id_of(7)]
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == []
    assert announced(replicator, 3) == [id_of(7)]


def test_a_lazy_link_that_is_spared_backlog_is_told_of_it_as_of_live_mail() -> None:
    replicator = with_a_spared_link(Sparing.BACKLOG)
    replicator.received(LinkId(2), Prune(), at(900))
    came_live(replicator, 1)
    told = replicator.outgoing.take_announcement(LinkId(2))
    assert told is not None
    assert (list(split_entries(told.entries)), told.flags) == ([(id_of(7), 1)], 0)
    replicator.received(LinkId(2), Graft(ids=id_of(7)), at(1_100))
    assert frames_of(replicator, NoHave, at(1_100), 2) == []
    assert replicator.outgoing.take_bodies(LinkId(2), 9) == [id_of(7)]


def test_none_says_that_it_wants_no_body_where_it_pushes_none() -> None:
    replicator = with_a_spared_link(Sparing.BACKLOG)
    came_live(replicator, 3)
    frames = replicator.take_frames(at(1_000))
    assert [link for link, frame in frames if isinstance(frame, DoNotWant)] == [2]
