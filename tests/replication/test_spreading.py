"""Joined machines: what one lacks the others give, whatever gets in the way, and nothing spins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import EnvelopeId, LinkId
from mesh.limits import (
    ASKED_IN_VAIN_MS,
    IDS_PER_FRAME_MAX,
    LATE_MS,
    LATE_PAUSES_MAX_MS,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    PRUNE_AGAIN_MS,
    PRUNE_PAUSE_MS,
    RECONCILE_AFTER_LOSS_MS,
    RECONCILE_SERVED_PER_SECOND_MAX,
    REFUSED_KEPT_MS,
    SENDING_IDS_PER_LINK_MAX,
    WANT_TIMEOUT_MS,
)
from mesh.replication.pushing import NOHAVE_BUSY
from mesh.replication.spreading import Spreading
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Root,
    RootEntry,
    join_entries,
    split_entries,
    split_ids,
)
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS
from tests.entropy import SeededEntropy
from tests.replication.meshes import NOW, Meshed, at, element, frames_of, id_of, make

LINK = LinkId(1)


def wants_of(spreading: Spreading, link: int, ms: int = 0) -> list[EnvelopeId]:
    return [
        id_ for frame in frames_of(spreading, IWant, at(ms), link) for id_ in split_ids(frame.ids)
    ]


def announce(spreading: Spreading, link: int, numbers: range, ms: int = 0) -> None:
    for start in range(numbers.start, numbers.stop, IDS_PER_FRAME_MAX):
        page = range(start, min(start + IDS_PER_FRAME_MAX, numbers.stop))
        entries = join_entries([(id_of(number), 0) for number in page])
        spreading.received(LinkId(link), IHave(entries, FLAG_BACKLOG), NOW, at(ms))


def announced(spreading: Spreading, link: int) -> list[EnvelopeId]:
    frame = spreading.take_announcement(LinkId(link))
    return [] if frame is None else [id_ for id_, _ in split_entries(frame.entries)]


def bring(spreading: Spreading, link: int, number: int, ms: int) -> None:
    """A link pushes new mail."""
    spreading.body_came(LinkId(link), id_of(number), at(ms))
    spreading.accepted(id_of(number), element(age=0), LinkId(link), at(ms), is_new=True)


# --- Whole meshes ---------------------------------------------------------------------------------


@given(common=st.integers(0, 1_200), left_only=st.integers(0, 700), right_only=st.integers(0, 700))
def test_after_link_up_both_sides_have_everything_once(
    common: int, left_only: int, right_only: int
) -> None:
    shared = list(range(common))
    mesh = Meshed(
        [*shared, *range(10_000, 10_000 + left_only)],
        [*shared, *range(20_000, 20_000 + right_only)],
    )
    mesh.join(0, 1)
    mesh.settle()
    assert mesh.are_equal()
    assert len(mesh.nodes[0].spreading) == common + left_only + right_only
    assert mesh.nodes[0].bodies_count + mesh.nodes[1].bodies_count == left_only + right_only


@pytest.mark.parametrize("dialler", [0, 1])
def test_a_node_that_knows_nothing_gets_more_than_its_tables_hold(dialler: int) -> None:
    count = SENDING_IDS_PER_LINK_MAX + 3_000
    mesh = Meshed(range(count), [])
    mesh.join(dialler, 1 - dialler)
    mesh.pass_time(120)
    assert mesh.are_equal()
    assert mesh.nodes[1].bodies_count == count, "each body once"
    bodies = count * 1024
    assert mesh.bytes_count < 1.15 * bodies, "ids are not compared again and again meanwhile"


def test_a_healed_partition_brings_each_body_once() -> None:
    """Two halves of four, each a ring; two bridges heal at once."""
    half = 300
    mesh = Meshed(
        *[range(half)] * 4,
        *[range(half, 2 * half)] * 4,
    )
    for first in (0, 4):
        for number in range(4):
            mesh.join(first + number, first + (number + 1) % 4)
    mesh.pass_time(5)
    before = sum(node.bodies_count for node in mesh.nodes)
    mesh.join(0, 4)
    mesh.join(2, 6)
    mesh.pass_time(60)
    assert mesh.are_equal()
    copies = (sum(node.bodies_count for node in mesh.nodes) - before) / (8 * half)
    assert copies <= 1.05


@settings(max_examples=25)
@given(st.data())
def test_sets_become_equal_over_links_that_lose_and_end(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 5))
    numbers = st.lists(st.integers(0, 80), max_size=60, unique=True)
    mesh = Meshed(*[data.draw(numbers) for _ in range(count)])
    pairs = [(left, right) for left in range(count) for right in range(left)]
    dice = data.draw(st.randoms(use_true_random=False))
    mesh.is_lost = lambda sender, receiver, frame: dice.random() < 0.3
    for step in range(data.draw(st.integers(1, 12))):
        left, right = data.draw(st.sampled_from(pairs))
        deed = data.draw(st.sampled_from(["join", "cut", "publish", "wait"]))
        is_joined = (left, right) in mesh.links
        if deed == "join" and not is_joined:
            mesh.join(left, right)
        elif deed == "cut" and is_joined:
            mesh.cut(left, right)
        elif deed == "publish":
            mesh.publish(left, 1_000 + step, age=data.draw(st.sampled_from([0, 0, 900])))
        else:
            mesh.pass_time(data.draw(st.integers(1, 40)))
        mesh.settle()
    mesh.is_lost = lambda sender, receiver, frame: False
    for left, right in pairs:
        mesh.cut(left, right)
    for right in range(1, count):
        mesh.join(right - 1, right)
    mesh.pass_time(60)
    assert mesh.are_equal()
    assert set(mesh.nodes[0].spreading.ids()) == set(mesh.all)


def test_what_was_lost_on_a_link_that_stays_is_found_by_roots() -> None:
    mesh = Meshed(range(50), range(50))
    mesh.join(0, 1)
    mesh.pass_time(100)
    mesh.is_lost = lambda sender, receiver, frame: True
    mesh.nodes[0].spreading.accepted(id_of(900), element(), None, mesh.now, is_new=False)
    mesh.settle()
    mesh.is_lost = lambda sender, receiver, frame: False
    assert not mesh.are_equal()
    mesh.nodes[0].elements[id_of(900)] = element()
    mesh.pass_time(4_000)
    assert mesh.are_equal()


def test_a_quiet_mesh_says_less_and_less() -> None:
    mesh = Meshed(*[range(200)] * 6)
    for left in range(6):
        for right in range(left):
            mesh.join(left, right)
    mesh.pass_time(7_200)
    mesh.frames_count = mesh.bytes_count = 0
    mesh.pass_time(3_600)
    assert mesh.frames_count <= 6 * 3_600 // 450 + 6, "one root in some minutes each, no more"
    assert mesh.bytes_count <= mesh.frames_count * 130


def test_new_mail_reaches_all_with_few_copies() -> None:
    count = 8
    mesh = Meshed(*[[] for _ in range(count)])
    for left in range(count):
        for right in range(left):
            mesh.join(left, right)
    for made in range(40):
        mesh.publish(made % count, made)
        mesh.pass_time(1)
    assert mesh.are_equal()
    for node in mesh.nodes:
        node.bodies_count = 0
    for made in range(100, 140):
        mesh.publish(made % count, made)
        mesh.pass_time(1)
    assert mesh.are_equal()
    copies = sum(node.bodies_count for node in mesh.nodes) / (40 * (count - 1))
    assert copies <= 3, "the floor is three eager links"


def test_a_neighbour_that_announces_and_gives_nothing_stops_nobody() -> None:
    """Node 0 makes mail; 1 hears of it and never gives it; 2 has both as neighbours."""
    mesh = Meshed([], [], [])
    mesh.join(0, 1)
    mesh.join(1, 2)
    mesh.join(0, 2)
    mesh.is_lost = lambda sender, receiver, frame: sender == 1 and isinstance(frame, NoHave)
    mesh.settle()
    for made in range(20):
        mesh.publish(0, made)
        mesh.settle()
        mesh.nodes[1].elements.clear()
        mesh.pass_time(5)
        assert mesh.nodes[2].spreading.is_known(id_of(made))


# --- One machine ----------------------------------------------------------------------------------


def test_who_gives_some_of_what_it_was_asked_for_does_not_hold_on_to_the_rest() -> None:
    spreading = make(links=[1, 2])
    announce(spreading, 1, range(10), 1)
    assert wants_of(spreading, 1, 1) == [id_of(number) for number in range(10)]
    announce(spreading, 2, range(5), 2)
    for number, ms in ((9, 1_000), (8, 2_000), (7, 3_000)):
        bring(spreading, 1, number, ms)
        assert wants_of(spreading, 2, ms) == [], "it may only be slow"
    bring(spreading, 1, 6, 3_500)
    assert wants_of(spreading, 2, 3_500) == [id_of(number) for number in range(5)]
    bring(spreading, 1, 0, 3_600)
    assert wants_of(spreading, 2, 3_600) == []


def test_what_is_owed_for_long_stays_where_it_was_asked_while_all_others_owe_something() -> None:
    spreading = make(links=[1, 2])
    announce(spreading, 2, range(20, 21), 1)
    announce(spreading, 1, range(5), 1)
    assert len(wants_of(spreading, 1, 1)) == 5
    announce(spreading, 2, range(5), 2)
    bring(spreading, 1, 4, 2_500)
    bring(spreading, 1, 3, 3_500)
    assert wants_of(spreading, 2, 3_500) == []


def test_who_is_asked_for_more_and_more_has_no_longer_for_what_it_owes() -> None:
    """It withholds a letter and tells of retirements, which it gives at once."""
    spreading = make(links=[1, 2])
    announce(spreading, 1, range(1), 1)
    assert wants_of(spreading, 1, 1) == [id_of(0)]
    announce(spreading, 2, range(1), 2)
    for number in range(1, 4):
        ms = 900 * number
        announce(spreading, 1, range(number, number + 1), ms)
        assert wants_of(spreading, 1, ms) == [id_of(number)]
        spreading.retired(id_of(number), element(), at(ms + 10))
        spreading.deadline_passed(NOW, at(ms + 10))
        assert wants_of(spreading, 2, ms + 10) == [], "it may only be slow"
    spreading.deadline_passed(NOW, at(1 + WANT_TIMEOUT_MS))
    assert wants_of(spreading, 2, 1 + WANT_TIMEOUT_MS) == [id_of(0)]


def test_who_was_just_asked_is_not_late_for_what_came_from_elsewhere() -> None:
    spreading = make(links=[1, 2, 3])
    announce(spreading, 1, range(1), 1)
    assert wants_of(spreading, 1, 1) == [id_of(0)]
    announce(spreading, 1, range(1, 2), 2_900)
    assert wants_of(spreading, 1, 2_900) == [id_of(1)]
    announce(spreading, 2, range(1, 2), 2_910)
    bring(spreading, 3, 0, 2_950)
    for ms in (1 + WANT_TIMEOUT_MS, 2_899 + WANT_TIMEOUT_MS):
        spreading.deadline_passed(NOW, at(ms))
        assert wants_of(spreading, 2, ms) == []
    spreading.deadline_passed(NOW, at(2_900 + WANT_TIMEOUT_MS))
    assert wants_of(spreading, 2, 2_900 + WANT_TIMEOUT_MS) == [id_of(1)]


def test_a_refused_id_is_not_asked_for_again() -> None:
    spreading = make(links=[1])
    spreading.refused(id_of(7), at(1))
    announce(spreading, 1, range(7, 8), 2)
    assert wants_of(spreading, 1, 2) == []


@pytest.mark.parametrize("way", ["an hour", "a jump of mesh time"])
def test_a_refusal_is_not_for_ever(way: str) -> None:
    spreading = make(links=[1])
    spreading.refused(id_of(7), at(0))
    later = 1
    match way:
        case "an hour":
            later = REFUSED_KEPT_MS
            spreading.deadline_passed(NOW, at(later))
        case _:
            spreading.forgive()
    if later == 1:
        opened = frames_of(spreading, NegOpen, at(later))
        assert len(opened) == 1, "who has it is found by comparing"
    announce(spreading, 1, range(7, 8), later)
    assert wants_of(spreading, 1, later) == [id_of(7)]


def test_a_jump_of_mesh_time_compares_also_where_nothing_was_refused() -> None:
    """A node with a wrong clock has not even asked for what lay outside of its window."""
    spreading = make(links=[1])
    spreading.forgive()
    assert len(frames_of(spreading, NegOpen, at(1))) == 1


def test_a_retirement_is_announced_and_compared_and_never_pushed() -> None:
    spreading = make([1], links=[1, 3])
    retirement = id_of(100)
    spreading.held_back(retirement, None, at(1))
    entries = join_entries([(retirement, RETIREMENT_SIZE_CLASS)])
    spreading.received(LINK, IHave(entries, FLAG_BACKLOG), NOW, at(2))
    assert wants_of(spreading, 1, 2) == [], "it is here, and not to be known yet"
    assert not spreading.is_known(retirement)
    one = spreading.element(id_of(1))._replace(size_class=RETIREMENT_SIZE_CLASS)
    spreading.retired(retirement, one, at(3))
    assert not spreading.has_bodies(LINK), "it has announced it itself"
    assert spreading.take_announcement(LinkId(3)) == IHave(entries, FLAG_BACKLOG)
    assert spreading.take_bodies(LinkId(3), 9) == []
    spreading.link_up(LinkId(2), at(4), is_dialled_by_us=False)
    other = make([1], seed=2)
    other.link_up(LinkId(9), at(4), is_dialled_by_us=True)
    opened = [
        one
        for one in frames_of(other, NegOpen, at(4))
        if one.lifetime_class == spreading.element(id_of(1)).lifetime_class
    ]
    for one_ in opened:
        spreading.received(LinkId(2), one_, NOW, at(4))
    for answer in frames_of(spreading, NegMessage, at(4)):
        other.received(LinkId(9), answer, NOW, at(4))
    assert wants_of(other, 9, 4) == [retirement]
    assert spreading.take_bodies(LinkId(2), 9) == []
    spreading.received(LinkId(2), IWant(ids=retirement), NOW, at(5))
    assert spreading.take_bodies(LinkId(2), 9) == [retirement]


@pytest.mark.parametrize("way", ["pushes", "announcements"])
def test_what_found_no_room_is_made_good_by_comparing(way: str) -> None:
    spreading = make(links=[1])
    for number in range(SENDING_IDS_PER_LINK_MAX + 1):
        if way == "pushes":
            spreading.accepted(id_of(number), element(age=5), None, at(1), is_new=True)
        else:
            spreading.retired(id_of(number), element(), at(1))
    assert frames_of(spreading, NegOpen, at(1)) == [], "first what waits"
    count = 0
    while spreading.has_bodies(LINK):
        count += len(announced(spreading, 1)) + len(spreading.take_bodies(LINK, 1_000))
    assert count == SENDING_IDS_PER_LINK_MAX
    assert len(frames_of(spreading, NegOpen, at(2))) == 1


def test_something_of_a_link_that_was_dropped_is_made_good_by_comparing_later() -> None:
    spreading = make(links=[1])
    spreading.dropped(LINK)
    assert frames_of(spreading, NegOpen, at(1)) == []
    deadline = spreading.deadline()
    assert deadline is not None
    assert deadline <= at(1 + RECONCILE_AFTER_LOSS_MS).monotonic
    assert len(frames_of(spreading, NegOpen, at(1 + RECONCILE_AFTER_LOSS_MS))) == 1


def test_frames_of_one_batch_are_answered_together() -> None:
    """However many small frames a neighbour sends, a batch costs one look at what is missing."""
    spreading = make([1, 2, 3], links=[1])
    for number in range(10, 20):
        announce(spreading, 1, range(number, number + 1), 1)
    assert [type(frame) for _, frame in spreading.take_frames(NOW, at(1))] == [IWant]


def test_a_body_that_came_twice_on_one_link_that_was_asked_prunes_nothing() -> None:
    """It was pushed while it was asked for: the second copy is our own doing."""
    spreading = make(links=range(1, 6))
    announce(spreading, 1, range(7, 8), 1)
    assert wants_of(spreading, 1, 1) == [id_of(7)]
    spreading.body_came(LINK, id_of(7), at(2))
    spreading.accepted(id_of(7), element(age=0), LINK, at(2), is_new=True)
    spreading.body_came(LINK, id_of(7), at(3))
    assert frames_of(spreading, Prune, at(3)) == []
    spreading.body_came(LinkId(2), id_of(7), at(4))
    assert len(frames_of(spreading, Prune, at(4), 2)) == 1, "who was not asked is pruned"


def test_what_was_on_its_way_does_not_undo_a_prune() -> None:
    spreading = make(links=range(1, 6))
    bring(spreading, 1, 7, 1)
    spreading.body_came(LinkId(2), id_of(7), at(2))
    assert len(frames_of(spreading, Prune, at(2), 2)) == 1
    bring(spreading, 2, 8, 3)
    assert not spreading._pushing.is_eager(LinkId(2)), "it was sent before the prune came"
    bring(spreading, 2, 9, 2 + PRUNE_PAUSE_MS)
    assert spreading._pushing.is_eager(LinkId(2)), "it was not"


def test_a_lazy_link_that_goes_on_pushing_is_told_again() -> None:
    """A graft and a prune that cross on their way leave one side eager and the other lazy."""
    spreading = make(links=range(1, 6))
    spreading.received(LinkId(2), Prune(), NOW, at(0))
    for number, ms, told_count in ((7, 10, 0), (8, PRUNE_AGAIN_MS, 1), (9, PRUNE_AGAIN_MS + 10, 0)):
        bring(spreading, 1, number, ms)
        spreading.body_came(LinkId(2), id_of(number), at(ms))
        assert len(frames_of(spreading, Prune, at(ms), 2)) == told_count


def test_who_prunes_is_told_of_what_waited_and_given_what_it_asked_for() -> None:
    spreading = make([1], links=range(1, 6))
    spreading.accepted(id_of(7), element(age=0), None, at(1), is_new=True)
    spreading.received(LINK, IWant(ids=id_of(1)), NOW, at(2))
    spreading.received(LINK, Prune(), NOW, at(3))
    assert spreading.take_announcement(LINK) == IHave(join_entries([(id_of(7), 0)]), 0)
    assert spreading.take_bodies(LINK, 9) == [id_of(1)]
    assert spreading.take_bodies(LinkId(2), 9) == [id_of(7)]


def test_what_came_by_itself_wakes_nobody() -> None:
    spreading = make(links=[1, 2])
    spreading.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), NOW, at(1))
    quiet = spreading._anti_entropy.deadline()
    awaited = spreading.deadline()
    assert awaited is not None
    assert quiet is not None
    assert awaited < quiet
    spreading.accepted(id_of(7), element(age=0), LinkId(2), at(2), is_new=True)
    assert spreading.deadline() == quiet


def looked_late(spreading: Spreading, late_ms: int) -> int:
    """Let a machine look so long after its next moment for what is missing; return when it did."""
    deadline = spreading._wanting.deadline()
    assert deadline is not None
    ms = -(-deadline // 1000) + late_ms
    spreading.deadline_passed(NOW, at(ms))
    return ms


@pytest.mark.parametrize("late_ms", [LATE_MS, 90, 300, 5_000])
def test_who_is_late_himself_gives_others_as_long_again_for_a_second_in_all(late_ms: int) -> None:
    """A busy node must not ask for bodies that wait in queues, or doubt neighbours who are busy."""
    spreading = make(links=[1])
    spreading.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), NOW, at(0))
    pauses_ms: list[int] = []
    ms = looked_late(spreading, late_ms)
    while not frames_of(spreading, Graft, at(ms)):
        due = spreading._wanting.deadline()
        assert due is not None
        pauses_ms.append(due // 1000 - ms)
        ms = looked_late(spreading, late_ms)
    assert sum(pauses_ms) == LATE_PAUSES_MAX_MS
    assert set(pauses_ms[:-1]) <= {late_ms}


def test_who_is_a_little_late_himself_asks() -> None:
    spreading = make(links=[1])
    spreading.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), NOW, at(0))
    ms = looked_late(spreading, LATE_MS - 1)
    assert len(frames_of(spreading, Graft, at(ms))) == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_lazy_link_that_is_asked_becomes_eager_unless_we_were_late_ourselves(
    is_late: bool,
) -> None:
    """Bodies of a busy node come late from everybody: no link has shown to be the faster one."""
    ours, theirs = make(links=[1, 2, 3, 4]), make([7], links=[1, 2, 3, 4])
    ours.received(LINK, Prune(), NOW, at(0))
    theirs.received(LINK, Prune(), NOW, at(0))
    ours.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), NOW, at(0))
    if is_late:
        ms = looked_late(ours, LATE_MS)
        # Nothing is late now, but it was.
        ms = looked_late(ours, 0)
    else:
        ms = looked_late(ours, 0)
    for receiver, frame in ours.take_frames(NOW, at(ms)):
        if receiver == LINK:
            theirs.received(LINK, frame, NOW, at(ms))
    assert theirs.take_bodies(LINK, 9) == [id_of(7)]
    assert ours._pushing.is_eager(LINK) == theirs._pushing.is_eager(LINK) == (not is_late)


@pytest.mark.parametrize("is_old", [False, True])
def test_what_was_asked_for_in_vain_is_announced_when_it_comes_and_not_pushed(
    is_old: bool,
) -> None:
    """A cut has ended: who is near asked in vain too, and gets it at the same moment."""
    spreading = make(links=[1, 2, 3])
    spreading.received(LINK, IHave(join_entries([(id_of(7), 0)]), 0), NOW, at(0))
    looked_late(spreading, 0)
    assert frames_of(spreading, Graft, at(0), 1)
    given_up_ms = looked_late(spreading, 0)
    bring(spreading, 2, 7, given_up_ms + ASKED_IN_VAIN_MS + is_old)
    pushed, told = spreading.take_bodies(LinkId(3), 9), announced(spreading, 3)
    assert (pushed, told) == (([], [id_of(7)]) if is_old else ([id_of(7)], []))
    # What is new beside it is pushed.
    bring(spreading, 2, 8, given_up_ms + ASKED_IN_VAIN_MS + is_old)
    assert spreading.take_bodies(LinkId(3), 9) == [id_of(8)]


def test_the_same_body_is_given_to_a_link_three_times_a_minute() -> None:
    """An id of 32 bytes draws up to 64 KiB."""
    spreading = make([7], links=[1])
    for ms in (1, 2, 3):
        spreading.received(LINK, IWant(ids=id_of(7)), NOW, at(ms))
        assert spreading.take_bodies(LINK, 9) == [id_of(7)]
    spreading.received(LINK, IWant(ids=id_of(7)), NOW, at(4))
    assert spreading.take_bodies(LINK, 9) == []
    [refusal] = frames_of(spreading, NoHave, at(4))
    assert list(split_entries(refusal.entries)) == [(id_of(7), NOHAVE_BUSY)], "found again later"
    spreading.received(LINK, IWant(ids=id_of(7)), NOW, at(60_001))
    assert spreading.take_bodies(LINK, 9) == [id_of(7)]


def test_a_body_that_is_missed_is_asked_of_each_new_link_once_the_newest_first() -> None:
    spreading = Spreading(SeededEntropy(1))
    count = MISSING_BODIES_ASKED_MAX + 100
    known = [(id_of(number), element(age=600 + number)) for number in range(count)]
    spreading.load(known, [id_ for id_, _ in known])
    spreading.link_up(LINK, at(0), is_dialled_by_us=False)
    asked: list[EnvelopeId] = []
    while wanted := wants_of(spreading, 1, 1):
        asked += wanted
        refusals = join_entries([(id_, 1) for id_ in wanted])
        spreading.received(LINK, NoHave(refusals), NOW, at(1))
    assert asked == [id_of(number) for number in range(MISSING_BODIES_ASKED_MAX)]
    spreading.link_up(LinkId(2), at(2), is_dialled_by_us=False)
    assert wants_of(spreading, 2, 2) == asked[:IDS_PER_FRAME_MAX], "another one may have them"
    assert wants_of(spreading, 1, 2) == []
    announce(spreading, 1, range(7, 8), 3)
    assert wants_of(spreading, 1, 3) == [], "it is being asked of the other"
    spreading.link_down(LinkId(2), at(4))
    assert wants_of(spreading, 1, 4) == [id_of(7)], "it has just got it"


def test_a_body_whose_stub_came_is_asked_of_the_other_links_that_stand_one_after_the_other() -> (
    None
):
    spreading = make(links=range(1, 4))
    announce(spreading, 1, range(7, 8), 0)
    assert wants_of(spreading, 1, 0) == [id_of(7)]
    spreading.accepted_without_body(id_of(7), element(age=60), LINK, at(1))
    asked: list[LinkId] = []
    for _ in range(2):
        [(link, want)] = spreading.take_frames(NOW, at(1))
        assert want == IWant(ids=id_of(7))
        spreading.body_refused(link, id_of(7), at(1))
        asked.append(link)
    assert sorted(asked) == [2, 3], "no comparison will name it, since it is known here now"
    assert spreading.take_frames(NOW, at(2)) == [], "each is asked once"


def test_large_mail_is_told_to_be_here_and_then_not_pushed() -> None:
    spreading = make(links=range(1, 5))
    spreading.received(LinkId(4), Prune(), NOW, at(0))
    for number, size in ((7, 0), (8, 2)):
        spreading.body_came(LINK, id_of(number), at(1))
        one = element(age=0, size=size)
        spreading.accepted(id_of(number), one, LINK, at(1), is_new=True)
    told = [
        (int(link), frame)
        for link, frame in spreading.take_frames(NOW, at(1))
        if isinstance(frame, DoNotWant)
    ]
    assert told == [(link, DoNotWant(ids=id_of(8))) for link in (2, 3)], "it pays for large ones"
    spreading.received(LinkId(2), DoNotWant(ids=id_of(8)), NOW, at(2))
    assert spreading.take_bodies(LinkId(2), 9) == [id_of(7)]
    assert spreading.take_bodies(LinkId(3), 9) == [id_of(7), id_of(8)]
    spreading.received(LinkId(3), DoNotWant(ids=id_of(9)), NOW, at(3))
    spreading.body_came(LINK, id_of(9), at(4))
    spreading.accepted(id_of(9), element(age=0, size=2), LINK, at(4), is_new=True)
    assert spreading.take_bodies(LinkId(3), 9) == [], "also when it was said before"
    spreading.received(LinkId(3), IWant(ids=id_of(9)), NOW, at(5))
    assert spreading.take_bodies(LinkId(3), 9) == [id_of(9)], "but it is given to who asks"


def test_word_of_what_leaves_at_once_is_not_sent_before_it_unless_it_is_long() -> None:
    spreading = make(links=[1, 2])
    told: list[Frame] = []
    # Of 4 KiB, 4 KiB behind that one, then 16 KiB, and 4 KiB that the other side has.
    for number, size in ((7, 1), (8, 1), (9, 2), (10, 1)):
        if number == 10:
            spreading.received(LinkId(2), DoNotWant(ids=id_of(10)), NOW, at(1))
        if number != 8:
            spreading.take_bodies(LinkId(2), 9)
        one = element(age=0, size=size)
        spreading.accepted(id_of(number), one, LINK, at(1), is_new=True)
        told += [frame for _, frame in spreading.take_frames(NOW, at(1))]
    assert told == [DoNotWant(ids=id_of(number)) for number in (8, 9, 10)]
    assert spreading.take_bodies(LinkId(2), 9) == []


def test_who_does_not_want_it_is_not_told_of_it_either() -> None:
    spreading = make(links=[1, 2])
    spreading.received(LinkId(2), Prune(), NOW, at(0))
    spreading.received(LinkId(2), DoNotWant(ids=id_of(7)), NOW, at(1))
    for number in (7, 8):
        spreading.accepted(id_of(number), element(age=0), LINK, at(2), is_new=True)
    assert announced(spreading, 2) == [id_of(8)]


def test_a_lazy_link_that_is_faster_takes_the_place_of_one_that_pushes() -> None:
    spreading = make(links=range(1, 6))
    spreading.received(LinkId(5), Prune(), NOW, at(0))
    for made in range(100, 160):
        ms = 100 * made
        entries = join_entries([(id_of(made), 0)])
        spreading.received(LinkId(5), IHave(entries, 0), NOW, at(ms))
        spreading.body_came(LINK, id_of(made), at(ms + 25))
        spreading.accepted(id_of(made), element(age=0), LINK, at(ms + 25), is_new=True)
    spreading.take_frames(NOW, at(20_000))
    assert not spreading._pushing.is_eager(LinkId(5))
    spreading.deadline_passed(NOW, at(100_000))
    frames = spreading.take_frames(NOW, at(100_000))
    assert (LinkId(5), Graft(ids=b"")) in frames
    assert sum(isinstance(frame, Prune) for _, frame in frames) == 1
    assert not any(link == LINK for link, frame in frames if isinstance(frame, Prune))


def test_roots_go_mostly_to_links_that_do_not_push() -> None:
    spreading = make(range(50), links=range(1, 7))
    for link in (4, 5, 6):
        spreading.received(LinkId(link), Prune(), NOW, at(1))
    told = dict.fromkeys(range(1, 7), 0)
    ms = 1
    while sum(told.values()) < 40:
        deadline = spreading.deadline()
        assert deadline is not None
        ms = max(ms, -(-deadline // 1000))
        spreading.deadline_passed(NOW, at(ms))
        for link, frame in spreading.take_frames(NOW, at(ms)):
            told[int(link)] += isinstance(frame, Root)
    assert sum(told[link] for link in (1, 2, 3)) == 8
    assert sum(told[link] for link in (4, 5, 6)) == 32


def test_comparing_costs_no_more_in_all_however_many_links_ask() -> None:
    spreading = make(range(50), links=range(1, 41))
    answers = closes = 0
    for number in range(20):
        for link in range(1, 41):
            open_ = NegOpen(2 * number, 0, NOW - 70_000, b"\x61\x00\x00\x02\x00")
            spreading.received(LinkId(link), open_, NOW, at(1))
        for _, frame in spreading.take_frames(NOW, at(1)):
            answers += isinstance(frame, NegMessage)
            closes += isinstance(frame, NegClose) and 1 <= frame.value <= 4
    assert answers == 2 * RECONCILE_SERVED_PER_SECOND_MAX
    assert closes == 800 - answers, "the others are told to come again"


def test_a_pushed_body_need_not_be_asked_for_any_more() -> None:
    spreading = make(links=[1, 2])
    announce(spreading, 1, range(7, 8), 1)
    assert wants_of(spreading, 1, 1) == [id_of(7)]
    spreading.body_came(LinkId(2), id_of(7), at(2))
    spreading.accepted(id_of(7), element(age=0), LinkId(2), at(2), is_new=True)
    assert spreading.take_bodies(LINK, 9) == [], "it has it"
    announce(spreading, 2, range(7, 8), 3)
    assert wants_of(spreading, 2, 3) == []
    assert spreading._wanting._links[LINK].asked_bytes == 0


# --- Hostile frames -------------------------------------------------------------------------------

NUMBERS = st.integers(0, 60)
IDS = st.one_of(st.lists(NUMBERS.map(id_of), max_size=9).map(b"".join), st.binary(max_size=99))
ENTRIES = st.one_of(
    st.lists(
        st.tuples(NUMBERS.map(id_of), st.sampled_from([0, 0, 1, 2, 3, 4, 255])), max_size=9
    ).map(join_entries),
    st.binary(max_size=99),
)
SESSIONS = st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF))
CLASSES = st.sampled_from([0, 0, 0, 1, 2, 3, 255])
SECONDS = st.one_of(
    st.integers(NOW - 1_000, NOW + 100), st.just(NOW - 70_000), st.integers(0, 2**32 - 1)
)
NONCES = st.binary(min_size=16, max_size=16)
MESSAGES = st.one_of(
    st.just(b""),
    st.binary(max_size=60).map(lambda rest: b"\x61" + rest),
    st.lists(NUMBERS.map(id_of), max_size=9).map(
        lambda ids: b"\x61\x00\x00\x02" + bytes([len(ids)]) + b"".join(ids)
    ),
    NONCES.map(lambda value: b"\x61\x00\x00\x01" + value),
    st.just(b"\x61" + b"\x00\x00\x02" + b"\xff" * 8 + b"\x7f"),
)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(IHave, ENTRIES, st.integers(0, 255)),
    st.builds(IWant, IDS),
    st.builds(NoHave, ENTRIES),
    st.builds(DoNotWant, IDS),
    st.builds(Graft, IDS),
    st.just(Prune()),
    st.builds(NegOpen, SESSIONS, CLASSES, SECONDS, MESSAGES),
    st.builds(NegMessage, SESSIONS, MESSAGES),
    st.builds(NegMessage, SESSIONS, MESSAGES),
    st.builds(NegClose, SESSIONS, st.integers(0, 9), SECONDS),
    st.builds(
        Root,
        st.lists(
            st.builds(RootEntry, CLASSES, SECONDS, SECONDS, st.integers(0, 99), NONCES), max_size=4
        ),
    ),
    st.builds(Audit, SESSIONS, CLASSES, NONCES, SECONDS, SECONDS),
    st.builds(AuditResult, SESSIONS, st.integers(0, 99), st.integers(0, 2**64 - 1)),
)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 3), FRAMES, st.integers(0, 4_000)), max_size=40),
    st.booleans(),
)
def test_any_frames_are_borne_or_are_the_peers_fault(
    acts: list[tuple[int, Frame, int]], is_dialled_by_us: bool
) -> None:
    spreading = make(range(40))
    for link in (1, 2, 3):
        spreading.link_up(LinkId(link), at(0), is_dialled_by_us=is_dialled_by_us)
    ms = 0
    for link, frame, pause_ms in acts:
        ms += pause_ms
        deadline = spreading.deadline()
        if deadline is not None and deadline <= at(ms).monotonic:
            spreading.deadline_passed(NOW, at(ms))
        try:
            spreading.received(LinkId(link), frame, NOW, at(ms))
        except PeerError:
            spreading.link_down(LinkId(link), at(ms))
            spreading.link_up(LinkId(link), at(ms), is_dialled_by_us=is_dialled_by_us)
        said = len(spreading.take_frames(NOW, at(ms)))
        assert said <= 30, "a frame draws few"
        for other in (1, 2, 3):
            spreading.take_announcement(LinkId(other))
            spreading.take_bodies(LinkId(other), 99)
            assert not spreading.has_bodies(LinkId(other))
        deadline = spreading.deadline()
        assert deadline is None or deadline > at(ms).monotonic or ms == 0
        assert spreading.take_frames(NOW, at(ms)) == [], "nothing is left unsaid"
    assert len(spreading) == 40
    assert len(spreading._wanting._missing) <= 61 + 9 * len(acts)


@pytest.mark.parametrize(
    "frame",
    [
        IHave(entries=bytes(5), flags=0),
        IHave(entries=join_entries([(id_of(1), 9)]), flags=0),
        IWant(ids=bytes(31)),
        NoHave(entries=bytes(1)),
        DoNotWant(ids=bytes(1)),
        Graft(ids=bytes(33)),
        NegOpen(0, 3, NOW, b"\x61"),
        NegOpen(1, 0, NOW, b"\x61"),
        NegOpen(0, 0, NOW, b""),
        NegOpen(0, 0, NOW, b"\x61\x00"),
        Root([RootEntry(3, 0, 1, 0, bytes(16))]),
        Root([RootEntry(0, 2, 1, 0, bytes(16))]),
        Audit(0, 3, bytes(16), 0, 1),
        Audit(0, 0, bytes(16), 1, 1),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_malformed_frame_is_the_peers_fault(frame: Frame) -> None:
    """We did not dial: our sessions are odd, theirs are even."""
    spreading = make(links=[1])
    with pytest.raises(PeerError):
        spreading.received(LINK, frame, NOW, at(1))


def test_a_link_that_floods_us_with_ids_leaves_room_for_what_others_have() -> None:
    for flags in (0, FLAG_BACKLOG):
        spreading = make(links=[1, 2])
        for start in range(100_000, 100_000 + MISSING_IDS_MAX + 1, IDS_PER_FRAME_MAX):
            page = range(start, start + IDS_PER_FRAME_MAX)
            entries = join_entries([(id_of(number), 0) for number in page])
            spreading.received(LINK, IHave(entries, flags), NOW, at(1))
        announce(spreading, 2, range(3), 2)
        assert wants_of(spreading, 2, 2) == [id_of(number) for number in range(3)]
