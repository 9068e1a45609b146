"""Two spreading machines joined: what one lacks the other gives, whatever gets in the way."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b_256
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits import (
    IDS_PER_FRAME_MAX,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    REFUSED_KEPT_MS,
    RELIST_AFTER_LOSS_MS,
    SENDING_IDS_PER_LINK_MAX,
    WANT_TIMEOUT_MS,
    WANTS_PER_LINK_BYTES_MAX,
)
from mesh.replication.id_index import IdIndex
from mesh.replication.spreading import Spreading
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Frame,
    IHave,
    IWant,
    ListAgain,
    ListPage,
    ListWanted,
    NoHave,
    join_entries,
    split_entries,
    split_ids,
)
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS
from tests.entropy import SeededEntropy

LINK = LinkId(1)


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1000), 0)


def id_of(number: int) -> EnvelopeId:
    return EnvelopeId(blake2b_256(number.to_bytes(8, "big")))


def make(numbers: range | list[int], seed: int = 1) -> Spreading:
    spreading = Spreading(SeededEntropy(seed))
    spreading.load([(id_of(number), UnixSeconds(1_000 + number), 0) for number in numbers])
    return spreading


class Pair:
    """Two machines over one link; bodies carry nothing but their id."""

    def __init__(self, left: Spreading, right: Spreading) -> None:
        self.sides = (left, right)
        self.bodies_count = 0
        self.frames_count = 0
        self.drops: Callable[[Frame], bool] = lambda frame: False

    def link_up(self, now: Instant) -> None:
        for side in self.sides:
            side.link_up(LINK, now)

    def exchange(self, now: Instant) -> None:
        is_busy = True
        while is_busy:
            is_busy = False
            for sender, receiver in (self.sides, self.sides[::-1]):
                for link, frame in sender.take_frames():
                    is_busy = True
                    self.frames_count += 1
                    if not self.drops(frame):
                        receiver.received(link, frame, now)
                for envelope_id in sender.take_bodies(LINK, 64):
                    is_busy = True
                    self.bodies_count += 1
                    receiver.body_came(LINK, envelope_id, now)
                    if not receiver.is_known(envelope_id):
                        receiver.accepted(envelope_id, UnixSeconds(1_000), 0, LINK, now)


@given(common=st.integers(0, 1_200), left_only=st.integers(0, 700), right_only=st.integers(0, 700))
def test_after_link_up_both_sides_have_everything_once(
    common: int, left_only: int, right_only: int
) -> None:
    shared = list(range(common))
    left = make([*shared, *range(10_000, 10_000 + left_only)])
    right = make([*shared, *range(20_000, 20_000 + right_only)], seed=2)
    pair = Pair(left, right)
    pair.link_up(at(0))
    pair.exchange(at(1))
    assert len(left) == len(right) == common + left_only + right_only
    assert pair.bodies_count == left_only + right_only


def test_a_new_envelope_goes_to_all_links_but_the_one_that_brought_it() -> None:
    spreading = make([])
    for number in (1, 2, 3):
        spreading.link_up(LinkId(number), at(0))
    spreading.accepted(id_of(7), UnixSeconds(5), 0, LinkId(2), at(1))
    assert spreading.take_bodies(LinkId(1), 9) == [id_of(7)]
    assert spreading.take_bodies(LinkId(2), 9) == []
    assert spreading.take_bodies(LinkId(3), 9) == [id_of(7)]


def test_an_envelope_is_not_pushed_to_who_announced_it() -> None:
    spreading = make([])
    for number in (1, 2):
        spreading.link_up(LinkId(number), at(0))
    entries = join_entries([(id_of(7), 0)])
    for number in (1, 2):
        spreading.received(LinkId(number), IHave(entries=entries, flags=0), at(1))
    wants = [link for link, frame in spreading.take_frames() if isinstance(frame, IWant)]
    assert wants == [LinkId(1)], "one owner an id"
    spreading.accepted(id_of(7), UnixSeconds(5), 0, LinkId(1), at(2))
    assert spreading.take_bodies(LinkId(2), 9) == []


@pytest.mark.parametrize("way", ["silence", "nohave", "link down"])
def test_what_one_neighbour_does_not_give_is_asked_of_the_next(way: str) -> None:
    spreading = make([])
    entries = join_entries([(id_of(7), 0)])
    for number in (1, 2):
        spreading.link_up(LinkId(number), at(0))
        spreading.received(LinkId(number), IHave(entries=entries, flags=0), at(0))
    spreading.take_frames()
    match way:
        case "silence":
            spreading.deadline_passed(at(WANT_TIMEOUT_MS))
        case "nohave":
            answer = NoHave(entries=join_entries([(id_of(7), 1)]))
            spreading.received(LinkId(1), answer, at(1))
        case _:
            spreading.link_down(LinkId(1), at(1))
    wants = [link for link, frame in spreading.take_frames() if isinstance(frame, IWant)]
    assert wants == [LinkId(2)]


def test_wants_stay_within_the_bytes_of_a_link() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    entries = join_entries([(id_of(number), 3) for number in range(100)])
    spreading.received(LINK, IHave(entries=entries, flags=0), at(1))
    asked = [
        envelope_id
        for _, frame in spreading.take_frames()
        if isinstance(frame, IWant)
        for envelope_id in split_ids(frame.ids)
    ]
    assert len(asked) == WANTS_PER_LINK_BYTES_MAX // 65_536


def test_a_refused_id_is_not_asked_for_again() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    spreading.take_frames()
    spreading.refused(id_of(7), at(1))
    entries = join_entries([(id_of(7), 0)])
    spreading.received(LINK, IHave(entries=entries, flags=0), at(2))
    assert spreading.take_frames() == []


def test_a_refusal_is_forgotten_after_an_hour_or_when_the_clock_was_wrong() -> None:
    for is_jump in (False, True):
        spreading = make([])
        spreading.link_up(LINK, at(0))
        spreading.refused(id_of(7), at(0))
        if is_jump:
            spreading.forgive(at(1))
        spreading.take_frames()
        later = at(REFUSED_KEPT_MS if not is_jump else 1 + RELIST_AFTER_LOSS_MS)
        deadline = spreading.deadline()
        assert deadline is not None
        assert deadline <= later.monotonic
        spreading.deadline_passed(later)
        assert ListWanted(cursor=b"") in [frame for _, frame in spreading.take_frames()]
        announce(spreading, LINK, range(7, 8), later)
        assert wants_of(spreading, LINK) == [id_of(7)]


def stub(spreading: Spreading, number: int, link: LinkId, now: Instant) -> None:
    spreading.accepted_without_body(id_of(number), UnixSeconds(1_000 + number), 0, link, now)


def announced(spreading: Spreading, link: LinkId) -> list[EnvelopeId]:
    frame = spreading.take_announcement(link)
    return [] if frame is None else [id_ for id_, _ in split_entries(frame.entries)]


def test_a_stub_is_announced_and_its_body_asked_of_each_new_link_once() -> None:
    spreading = make([])
    first, second, third = LinkId(1), LinkId(2), LinkId(3)
    for link in (first, second):
        spreading.link_up(link, at(0))
    announce(spreading, first, range(7, 8), at(1))
    assert wants_of(spreading, first) == [id_of(7)]
    stub(spreading, 7, first, at(2))
    assert spreading.is_body_welcome(id_of(7))
    assert (announced(spreading, first), announced(spreading, second)) == ([], [id_of(7)])
    assert wants_of(spreading, first) == []
    spreading.link_up(third, at(3))
    assert wants_of(spreading, third) == [id_of(7)]
    spreading.body_refused(third, id_of(7), at(4))
    announce(spreading, second, range(7, 8), at(5))
    assert wants_of(spreading, second) == [id_of(7)], "who announces it is asked"
    spreading.body_filled(id_of(7), second, at(6))
    assert announced(spreading, first) == announced(spreading, third) == [id_of(7)]
    assert spreading.take_bodies(third, 9) == []
    spreading.link_up(LinkId(4), at(7))
    assert wants_of(spreading, LinkId(4)) == []


def test_of_many_bodies_that_are_missing_the_newest_are_asked_for() -> None:
    numbers = range(MISSING_BODIES_ASKED_MAX + 9)
    spreading = make(numbers)
    spreading.load(
        [(id_of(number), UnixSeconds(1_000 + number), 0) for number in numbers],
        [id_of(number) for number in numbers],
    )
    spreading.link_up(LINK, at(0))
    asked: list[EnvelopeId] = []
    while wanted := wants_of(spreading, LINK):
        asked += wanted
        refused = join_entries([(id_, 1) for id_ in wanted])
        spreading.received(LINK, NoHave(entries=refused), at(1))
    assert asked == [id_of(number) for number in reversed(numbers)][:MISSING_BODIES_ASKED_MAX]


def test_a_retirement_is_announced_and_listed_and_never_pushed() -> None:
    spreading = make([1])
    spreading.link_up(LINK, at(0))
    spreading.take_frames()
    element = id_of(100)
    spreading.held_back(element, at(1))
    entries = join_entries([(element, RETIREMENT_SIZE_CLASS)])
    spreading.received(LINK, IHave(entries=entries, flags=0), at(2))
    assert wants_of(spreading, LINK) == [], "it is here, and not to be known yet"
    assert not spreading.is_known(element)
    spreading.retired(element, spreading.created(id_of(1)), at(3))
    frame = spreading.take_announcement(LINK)
    assert frame is not None
    assert (list(split_entries(frame.entries)), frame.flags) == (
        [(element, RETIREMENT_SIZE_CLASS)],
        FLAG_BACKLOG,
    )
    assert spreading.take_bodies(LINK, 9) == []
    spreading.received(LINK, ListWanted(cursor=b""), at(4))
    (page,) = [frame for _, frame in spreading.take_frames() if isinstance(frame, ListPage)]
    assert (element, RETIREMENT_SIZE_CLASS) in list(split_entries(page.entries))
    spreading.received(LINK, IWant(ids=element), at(5))
    assert spreading.take_bodies(LINK, 9) == [element]


def test_a_body_that_is_retired_before_it_was_pushed_is_announced_instead() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    spreading.accepted(id_of(7), UnixSeconds(5), 0, None, at(1))
    spreading.accepted(id_of(8), UnixSeconds(5), 0, None, at(1))
    spreading.received(LINK, IWant(ids=id_of(8)), at(2))
    for number in (7, 8):
        spreading.body_gone(id_of(number))
    assert spreading.take_bodies(LINK, 9) == [id_of(8)], "who asked is answered"
    assert announced(spreading, LINK) == [id_of(7)]


def test_announcements_that_found_no_room_are_made_good_by_listing_again() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    spreading.take_frames()
    for number in range(SENDING_IDS_PER_LINK_MAX + 1):
        spreading.retired(id_of(number), UnixSeconds(number), at(1))
    count = 0
    while spreading.has_bodies(LINK):
        count += len(announced(spreading, LINK))
        assert spreading.take_bodies(LINK, 9) == []
    assert count == SENDING_IDS_PER_LINK_MAX
    assert [frame for _, frame in spreading.take_frames()] == [ListAgain()]


def test_a_dropped_push_is_made_good_by_listing_again() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    spreading.take_frames()
    for number in range(SENDING_IDS_PER_LINK_MAX + 1):
        spreading.accepted(id_of(number), UnixSeconds(number), 0, None, at(1))
    while spreading.has_bodies(LINK):
        spreading.take_bodies(LINK, 1_000)
    assert [frame for _, frame in spreading.take_frames()] == [ListAgain()]


def announce(spreading: Spreading, link: LinkId, numbers: range, now: Instant) -> None:
    for start in range(numbers.start, numbers.stop, IDS_PER_FRAME_MAX):
        page = range(start, min(start + IDS_PER_FRAME_MAX, numbers.stop))
        entries = join_entries([(id_of(number), 0) for number in page])
        spreading.received(link, IHave(entries=entries, flags=0), now)


def wants_of(spreading: Spreading, link: LinkId) -> list[EnvelopeId]:
    return [
        envelope_id
        for receiver, frame in spreading.take_frames()
        if receiver == link and isinstance(frame, IWant)
        for envelope_id in split_ids(frame.ids)
    ]


def test_a_flood_of_announcements_is_bounded() -> None:
    spreading = make([])
    links = range(1, MISSING_IDS_MAX // OFFERED_IDS_PER_LINK_MAX + 3)
    for number in links:
        spreading.link_up(LinkId(number), at(0))
        first = number * 10_000
        numbers = range(first, first + OFFERED_IDS_PER_LINK_MAX + 500)
        announce(spreading, LinkId(number), numbers, at(1))
    assert len(spreading._missing) == MISSING_IDS_MAX


def test_a_link_that_floods_us_with_ids_leaves_room_for_what_others_have() -> None:
    spreading = make([])
    flooding, honest = LinkId(1), LinkId(2)
    for link in (flooding, honest):
        spreading.link_up(link, at(0))
    announce(spreading, flooding, range(100_000, 100_000 + MISSING_IDS_MAX + 1), at(1))
    announce(spreading, honest, range(3), at(2))
    assert wants_of(spreading, honest) == [id_of(number) for number in range(3)]


def test_a_link_that_withholds_a_body_does_not_keep_it_by_pushing_others() -> None:
    spreading = make([])
    withholding, honest = LinkId(1), LinkId(2)
    for link in (withholding, honest):
        spreading.link_up(link, at(0))
        announce(spreading, link, range(7, 8), at(0))
    assert wants_of(spreading, withholding) == [id_of(7)]
    for number in range(1, 4):
        now = at(number * (WANT_TIMEOUT_MS - 100))
        spreading.body_came(withholding, id_of(1_000 + number), now)
        deadline = spreading.deadline()
        if deadline is not None and deadline <= now.monotonic:
            spreading.deadline_passed(now)
    assert wants_of(spreading, honest) == [id_of(7)]


def test_frames_of_one_batch_are_answered_together() -> None:
    """However many small frames a neighbour sends, a batch costs one look at what is missing."""
    spreading = make([1, 2, 3])
    spreading.link_up(LINK, at(0))
    spreading.take_frames()
    for number in range(10, 20):
        announce(spreading, LINK, range(number, number + 1), at(1))
        spreading.received(LINK, ListWanted(cursor=b""), at(1))
    kinds = [type(frame) for _, frame in spreading.take_frames()]
    assert kinds == [IWant, ListPage]


def test_a_list_that_runs_in_a_circle_costs_the_link() -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    page = ListPage(entries=b"", next_cursor=bytes(4) + b"\x07" * 32)
    spreading.received(LINK, page, at(1))
    spreading.take_frames()
    with pytest.raises(PeerError, match="does not end"):
        spreading.received(LINK, page, at(2))


@pytest.mark.parametrize(
    "frame",
    [
        IHave(entries=bytes(5), flags=0),
        IHave(entries=join_entries([(id_of(1), 9)]), flags=0),
        IWant(ids=bytes(31)),
        NoHave(entries=bytes(1)),
        ListWanted(cursor=bytes(3)),
    ],
)
def test_a_malformed_frame_is_the_peers_fault(frame: Frame) -> None:
    spreading = make([])
    spreading.link_up(LINK, at(0))
    with pytest.raises(PeerError):
        spreading.received(LINK, frame, at(1))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=60), st.data())
def test_pages_show_every_id_once_newest_first(
    known: list[tuple[int, int]], data: st.DataObject
) -> None:
    index = IdIndex()
    created = {id_of(number): UnixSeconds(second) for number, second in known}
    for envelope_id, second in created.items():
        index.add(envelope_id, second, 0)
    for envelope_id in data.draw(
        st.lists(st.sampled_from(sorted(created))) if created else st.just([])
    ):
        index.remove(envelope_id)
        created.pop(envelope_id, None)
    seen: list[EnvelopeId] = []
    cursor, is_first = b"", True
    while cursor or is_first:
        is_first = False
        page, cursor = index.page(cursor, 7)
        seen += [envelope_id for envelope_id, _ in page]
    assert seen == sorted(created, key=lambda id_: (created[id_], id_), reverse=True)
