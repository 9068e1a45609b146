"""Missing bodies are asked of one link at a time, and of others when that does not give them."""

import pytest

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.anti_entropy import RECONCILE_AFTER_LOSS_MS
from mesh.limits.replication import (
    ASKED_IN_VAIN_MS,
    IDS_PER_FRAME_MAX,
    LATE_MS,
    LATE_PAUSES_MAX_MS,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    REFUSED_KEPT_MS,
    SPARED_PAUSE_MS,
    WANT_TIMEOUT_MS,
)
from mesh.replication.replicator import Replicator
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Graft,
    IHave,
    IWant,
    NegOpen,
    NoHave,
    Prune,
    join_entries,
)
from tests.entropy import SeededEntropy
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


def test_who_gives_some_of_what_it_was_asked_for_does_not_hold_on_to_the_rest() -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 1, range(10), 1)
    assert wants_of(replicator, 1, 1) == [id_of(number) for number in range(10)]
    announce(replicator, 2, range(5), 2)
    for number, ms in ((9, 1_000), (8, 2_000), (7, 3_000)):
        bring(replicator, 1, number, ms)
        assert wants_of(replicator, 2, ms) == [], "it may only be slow"
    bring(replicator, 1, 6, 3_500)
    assert wants_of(replicator, 2, 3_500) == [id_of(number) for number in range(5)]
    bring(replicator, 1, 0, 3_600)
    assert wants_of(replicator, 2, 3_600) == []


def test_what_is_owed_for_long_stays_where_it_was_asked_while_all_others_owe_something() -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 2, range(20, 21), 1)
    announce(replicator, 1, range(5), 1)
    assert len(wants_of(replicator, 1, 1)) == 5
    announce(replicator, 2, range(5), 2)
    bring(replicator, 1, 4, 2_500)
    bring(replicator, 1, 3, 3_500)
    assert wants_of(replicator, 2, 3_500) == []


def test_who_is_asked_for_more_and_more_has_no_longer_for_what_it_owes() -> None:
    """It withholds a letter and tells of retirements, which it gives at once."""
    replicator = make(links=[1, 2])
    announce(replicator, 1, range(1), 1)
    assert wants_of(replicator, 1, 1) == [id_of(0)]
    announce(replicator, 2, range(1), 2)
    for number in range(1, 4):
        ms = 900 * number
        announce(replicator, 1, range(number, number + 1), ms)
        assert wants_of(replicator, 1, ms) == [id_of(number)]
        replicator.retired(id_of(number), element(), at(ms + 10))
        replicator.deadline_passed(at(ms + 10))
        assert wants_of(replicator, 2, ms + 10) == [], "it may only be slow"
    replicator.deadline_passed(at(1 + WANT_TIMEOUT_MS))
    assert wants_of(replicator, 2, 1 + WANT_TIMEOUT_MS) == [id_of(0)]


def test_who_was_just_asked_is_not_late_for_what_came_from_elsewhere() -> None:
    replicator = make(links=[1, 2, 3])
    announce(replicator, 1, range(1), 1)
    assert wants_of(replicator, 1, 1) == [id_of(0)]
    announce(replicator, 1, range(1, 2), 2_900)
    assert wants_of(replicator, 1, 2_900) == [id_of(1)]
    announce(replicator, 2, range(1, 2), 2_910)
    bring(replicator, 3, 0, 2_950)
    for ms in (1 + WANT_TIMEOUT_MS, 2_899 + WANT_TIMEOUT_MS):
        replicator.deadline_passed(at(ms))
        assert wants_of(replicator, 2, ms) == []
    replicator.deadline_passed(at(2_900 + WANT_TIMEOUT_MS))
    assert wants_of(replicator, 2, 2_900 + WANT_TIMEOUT_MS) == [id_of(1)]


def test_a_refused_id_is_not_asked_for_again() -> None:
    replicator = make(links=[1])
    replicator.refused(id_of(7), at(1))
    announce(replicator, 1, range(7, 8), 2)
    assert wants_of(replicator, 1, 2) == []


@pytest.mark.parametrize("way", ["an hour", "a jump of mesh time"])
def test_a_refusal_is_not_for_ever(way: str) -> None:
    replicator = make(links=[1])
    replicator.refused(id_of(7), at(0))
    later = 1
    match way:
        case "an hour":
            later = REFUSED_KEPT_MS
            replicator.deadline_passed(at(later))
        case _:
            replicator.forgive()
    if later == 1:
        opened = frames_of(replicator, NegOpen, at(later))
        assert len(opened) == 1, "who has it is found by comparing"
    announce(replicator, 1, range(7, 8), later)
    assert wants_of(replicator, 1, later) == [id_of(7)]


def test_a_jump_of_mesh_time_compares_also_where_nothing_was_refused() -> None:
    """A node with a wrong clock has not even asked for what lay outside of its window."""
    replicator = make(links=[1])
    replicator.forgive()
    assert len(frames_of(replicator, NegOpen, at(1))) == 1


def test_something_of_a_link_that_was_dropped_is_made_good_by_comparing_later() -> None:
    replicator = make(links=[1])
    replicator.dropped(LINK)
    assert frames_of(replicator, NegOpen, at(1)) == []
    deadline = replicator.deadline()
    assert deadline is not None
    assert deadline <= at(1 + RECONCILE_AFTER_LOSS_MS).monotonic
    assert len(frames_of(replicator, NegOpen, at(1 + RECONCILE_AFTER_LOSS_MS))) == 1


def test_frames_of_one_batch_are_answered_together() -> None:
    """However many small frames a peer sends, a batch costs one look at what is missing."""
    replicator = make([1, 2, 3], links=[1])
    for number in range(10, 20):
        announce(replicator, 1, range(number, number + 1), 1)
    assert [type(frame) for _, frame in replicator.take_frames(at(1))] == [IWant]


def test_what_came_by_itself_wakes_nobody() -> None:
    replicator = make(links=[1, 2])
    replicator.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), at(1))
    quiet = replicator._anti_entropy.deadline()
    awaited = replicator.deadline()
    assert awaited is not None
    assert quiet is not None
    assert awaited < quiet
    replicator.accepted(id_of(7), element(age=0), LinkId(2), at(2), is_new=True)
    assert replicator.deadline() == quiet


def looked_late(replicator: Replicator, late_ms: int) -> int:
    """Let a machine look so long after its next moment for what is missing; return when it did."""
    deadline = replicator.want_list.deadline()
    assert deadline is not None
    ms = -(-deadline // 1000) + late_ms
    replicator.deadline_passed(at(ms))
    return ms


@pytest.mark.parametrize("late_ms", [LATE_MS, 90, 300, 5_000])
def test_who_is_late_himself_gives_others_as_long_again_for_a_second_in_all(late_ms: int) -> None:
    """A busy node must not ask for bodies that wait in queues, or doubt peers who are busy."""
    replicator = make(links=[1])
    replicator.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), at(0))
    pauses_ms: list[int] = []
    ms = looked_late(replicator, late_ms)
    while not frames_of(replicator, Graft, at(ms)):
        due = replicator.want_list.deadline()
        assert due is not None
        pauses_ms.append(due // 1000 - ms)
        ms = looked_late(replicator, late_ms)
    assert sum(pauses_ms) == LATE_PAUSES_MAX_MS
    assert set(pauses_ms[:-1]) <= {late_ms}


def test_who_is_a_little_late_himself_asks() -> None:
    replicator = make(links=[1])
    replicator.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), at(0))
    ms = looked_late(replicator, LATE_MS - 1)
    assert len(frames_of(replicator, Graft, at(ms))) == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_lazy_link_that_is_asked_becomes_eager_unless_we_were_late_ourselves(
    is_late: bool,
) -> None:
    """Bodies of a busy node come late from everybody: no link has shown to be the faster one."""
    ours, theirs = make(links=[1, 2, 3, 4]), make([7], links=[1, 2, 3, 4])
    ours.received(LINK, Prune(), at(0))
    theirs.received(LINK, Prune(), at(0))
    ours.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), at(0))
    if is_late:
        ms = looked_late(ours, LATE_MS)
        # Nothing is late now, but it was.
        ms = looked_late(ours, 0)
    else:
        ms = looked_late(ours, 0)
    for receiver, frame in ours.take_frames(at(ms)):
        if receiver == LINK:
            theirs.received(LINK, frame, at(ms))
    assert theirs.outgoing.take_bodies(LINK, 9) == [id_of(7)]
    assert ours._eager_links.is_eager(LINK) == theirs._eager_links.is_eager(LINK) == (not is_late)


@pytest.mark.parametrize("is_old", [False, True])
def test_what_was_asked_for_in_vain_is_announced_when_it_comes_and_not_pushed(
    is_old: bool,
) -> None:
    """A cut has ended: who is near asked in vain too, and gets it at the same moment."""
    replicator = make(links=[1, 2, 3])
    replicator.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), at(0))
    looked_late(replicator, 0)
    assert frames_of(replicator, Graft, at(0), 1)
    given_up_ms = looked_late(replicator, 0)
    bring(replicator, 2, 7, given_up_ms + ASKED_IN_VAIN_MS + is_old)
    pushed, told = replicator.outgoing.take_bodies(LinkId(3), 9), announced(replicator, 3)
    assert (pushed, told) == (([], [id_of(7)]) if is_old else ([id_of(7)], []))
    # What is new beside it is pushed.
    bring(replicator, 2, 8, given_up_ms + ASKED_IN_VAIN_MS + is_old)
    assert replicator.outgoing.take_bodies(LinkId(3), 9) == [id_of(8)]


def test_a_body_that_is_missed_is_asked_of_each_new_link_once_the_newest_first() -> None:
    replicator = Replicator(SeededEntropy(1))
    count = MISSING_BODIES_ASKED_MAX + 100
    known = [(id_of(number), element(age=600 + number)) for number in range(count)]
    replicator.load(known, [id_ for id_, _ in known])
    replicator.link_up(LINK, at(0), is_dialled_by_us=False)
    asked: list[EnvelopeId] = []
    while wanted := wants_of(replicator, 1, 1):
        asked += wanted
        refusals = join_entries([(id_, 1) for id_ in wanted])
        replicator.received(LINK, NoHave(refusals), at(1))
    assert asked == [id_of(number) for number in range(count)]
    replicator.link_up(LinkId(2), at(2), is_dialled_by_us=False)
    assert wants_of(replicator, 2, 2) == asked[:IDS_PER_FRAME_MAX], "another one may have them"
    assert wants_of(replicator, 1, 2) == []
    announce(replicator, 1, range(7, 8), 3)
    assert wants_of(replicator, 1, 3) == [], "it is being asked of the other"
    replicator.link_down(LinkId(2), at(4))
    assert wants_of(replicator, 1, 4) == [id_of(7)], "it has just got it"


def test_a_body_whose_stub_came_is_asked_of_the_other_links_that_stand_one_after_the_other() -> (
    None
):
    replicator = make(links=range(1, 4))
    announce(replicator, 1, range(7, 8), 0)
    assert wants_of(replicator, 1, 0) == [id_of(7)]
    replicator.accepted_without_body(id_of(7), element(age=60), LINK, at(1))
    asked: list[LinkId] = []
    for _ in range(2):
        [(link, want)] = replicator.take_frames(at(1))
        assert want == IWant(ids=id_of(7))
        replicator.body_refused(link, id_of(7), at(1))
        asked.append(link)
    assert sorted(asked) == [2, 3], "no comparison will name it, since it is known here now"
    assert replicator.take_frames(at(2)) == [], "each is asked once"


@pytest.mark.parametrize("reason", [2, 3], ids=["busy", "sparing"])
def test_who_has_a_missed_body_and_does_not_give_it_now_is_asked_again(reason: int) -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 2, range(7, 8), 0)
    assert wants_of(replicator, 2, 0) == [id_of(7)]
    replicator.accepted_without_body(id_of(7), element(age=60), LinkId(2), at(1))
    assert wants_of(replicator, 1, 1) == [id_of(7)]
    replicator.received(LINK, NoHave(join_entries([(id_of(7), reason)])), at(2))
    assert wants_of(replicator, 1, 3) == []
    later = 2 + SPARED_PAUSE_MS
    replicator.deadline_passed(at(later))
    assert wants_of(replicator, 1, later) == [id_of(7)]
    replicator.received(LINK, NoHave(join_entries([(id_of(7), 1)])), at(later))
    replicator.deadline_passed(at(2 * later))
    assert wants_of(replicator, 1, 2 * later) == [], "it has none"


def test_who_is_silent_about_a_missed_body_is_asked_again() -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 2, range(7, 8), 0)
    assert wants_of(replicator, 2, 0) == [id_of(7)]
    replicator.accepted_without_body(id_of(7), element(age=60), LinkId(2), at(1))
    assert wants_of(replicator, 1, 1) == [id_of(7)]
    replicator.deadline_passed(at(WANT_TIMEOUT_MS + 2))
    assert wants_of(replicator, 1, WANT_TIMEOUT_MS + 2) == []
    later = WANT_TIMEOUT_MS + 3 + SPARED_PAUSE_MS
    replicator.deadline_passed(at(later))
    assert wants_of(replicator, 1, later) == [id_of(7)]


def test_who_announced_a_stub_is_told_of_the_body() -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 2, range(7, 8), 0)
    assert wants_of(replicator, 2, 0) == [id_of(7)]
    replicator.accepted_without_body(id_of(7), element(age=60), LinkId(2), at(1))
    assert wants_of(replicator, 1, 1) == [id_of(7)]
    # The other side knows the stub by now, and says so before it has answered.
    announce(replicator, 2, range(7, 8), 2)
    replicator.body_filled(id_of(7), LINK, at(3))
    assert announced(replicator, 2) == [id_of(7)]


def test_a_pushed_body_need_not_be_asked_for_any_more() -> None:
    replicator = make(links=[1, 2])
    announce(replicator, 1, range(7, 8), 1)
    assert wants_of(replicator, 1, 1) == [id_of(7)]
    replicator.body_came(LinkId(2), id_of(7), at(2))
    replicator.accepted(id_of(7), element(age=0), LinkId(2), at(2), is_new=True)
    assert replicator.outgoing.take_bodies(LINK, 9) == [], "it has it"
    announce(replicator, 2, range(7, 8), 3)
    assert wants_of(replicator, 2, 3) == []
    assert replicator.want_list._links[LINK].requests._owed_bytes == 0


def test_a_link_that_floods_us_with_ids_leaves_room_for_what_others_have() -> None:
    for flags in (0, FLAG_BACKLOG):
        replicator = make(links=[1, 2])
        for start in range(100_000, 100_000 + MISSING_IDS_MAX + 1, IDS_PER_FRAME_MAX):
            page = range(start, start + IDS_PER_FRAME_MAX)
            entries = join_entries([(id_of(number), 0) for number in page])
            replicator.received(LINK, IHave(entries, flags), at(1))
        announce(replicator, 2, range(3), 2)
        assert wants_of(replicator, 2, 2) == [id_of(number) for number in range(3)]
