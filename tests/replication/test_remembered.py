"""The memory of what peers say has an end: the first is forgotten for the last."""

from collections.abc import Iterable

from mesh.ids import LinkId
from mesh.limits.replication import (
    DO_NOT_WANT_IDS_MAX,
    IDS_PER_FRAME_MAX,
    RECENT_IDS_MAX,
    REFUSED_IDS_MAX,
    SERVED_IDS_REMEMBERED,
    SERVED_PER_MINUTE_MAX,
)
from mesh.replication.replicator import Replicator
from mesh.wire.frames import (
    FLAG_BACKLOG,
    DoNotWant,
    IHave,
    IWant,
    NoHave,
    Prune,
    join_entries,
    split_ids,
)
from tests.replication.meshes import at, element, frames_of, id_of, make

LINK = LinkId(1)


def ids_of(numbers: Iterable[int]) -> bytes:
    return b"".join(map(id_of, numbers))


def push(replicator: Replicator, number: int, *, ms: int = 1) -> None:
    """New mail of our own."""
    replicator.accepted(id_of(number), element(age=0), None, at(ms), is_new=True)


def test_of_refused_ids_the_first_is_asked_for_again() -> None:
    replicator = make(links=[1])
    for number in range(REFUSED_IDS_MAX + 1):
        replicator.refused(id_of(number), at(0))
    entries = join_entries([(id_of(number), 0) for number in (0, 1, REFUSED_IDS_MAX)])
    replicator.received(LINK, IHave(entries, FLAG_BACKLOG), at(1))
    [want] = frames_of(replicator, IWant, at(1))
    assert list(split_ids(want.ids)) == [id_of(0)]


def test_of_ids_that_a_link_does_not_want_the_first_is_pushed() -> None:
    replicator = make(links=[1])
    for start in range(0, DO_NOT_WANT_IDS_MAX + 1, IDS_PER_FRAME_MAX):
        page = range(start, min(start + IDS_PER_FRAME_MAX, DO_NOT_WANT_IDS_MAX + 1))
        replicator.received(LINK, DoNotWant(ids=ids_of(page)), at(0))
    for number in (0, 1, DO_NOT_WANT_IDS_MAX):
        push(replicator, number)
    assert replicator.outgoing.take_bodies(LINK, 9) == [id_of(0)]


def test_of_bodies_that_a_link_asked_for_the_first_counts_anew() -> None:
    replicator = make(range(SERVED_IDS_REMEMBERED + 1), links=[1])

    def ask(numbers: Iterable[int]) -> int:
        replicator.received(LINK, IWant(ids=ids_of(numbers)), at(1))
        return len(replicator.outgoing.take_bodies(LINK, IDS_PER_FRAME_MAX))

    assert [ask([0]) for _ in range(SERVED_PER_MINUTE_MAX + 1)] == [1] * SERVED_PER_MINUTE_MAX + [0]
    assert frames_of(replicator, NoHave, at(1)) != []
    for start in range(1, SERVED_IDS_REMEMBERED + 1, IDS_PER_FRAME_MAX):
        assert ask([0]) == 0
        ask(range(start, min(start + IDS_PER_FRAME_MAX, SERVED_IDS_REMEMBERED + 1)))
    assert ask([0]) == 1


def test_of_new_mail_the_first_prunes_no_more_whoever_brings_it_again() -> None:
    for number, pruned_count in ((0, 0), (1, 1)):
        replicator = make(links=range(1, 6))
        for new in range(RECENT_IDS_MAX + 1):
            push(replicator, new)
        replicator.body_came(LINK, id_of(number), at(2))
        assert len(frames_of(replicator, Prune, at(2), LINK)) == pruned_count
