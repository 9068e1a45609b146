"""Vouches go over all links alike: when, how long, what contacts get, and in whose name."""

from itertools import pairwise

import pytest

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.trust import (
    FAR_PER_CONTACT_DAY_MAX,
    VOUCHES_BYTES_MIN,
    VOUCHES_DELAY_MS,
    VOUCHES_INTERVAL_MS,
    VOUCHES_PER_HOUR_MAX,
)
from mesh.peering.vouching import Vouching
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import Vouches
from mesh.wire.posting_key_lists import VouchedDay, decode_vouches, encode_vouches
from tests.entropy import SeededEntropy

ANNA, BENO = ContactId(1), ContactId(2)
FIRST, SECOND, THIRD = LinkId(1), LinkId(2), LinkId(3)
DAY = 20_000
HOUR_MS = 3_600_000


class Node:
    """One machine under a clock that the test moves."""

    def __init__(self, seed: int = 1) -> None:
        self.machine = Vouching(SeededEntropy(seed))
        self.now_ms = 0
        self.lists = [VouchedDay(DAY, (1, 2), (3,)), VouchedDay(DAY + 1)]
        self.is_open = True
        self.lengths: dict[LinkId, list[int]] = {}
        self.times_ms: dict[LinkId, list[int]] = {}

    @property
    def now(self) -> Instant:
        return Instant(Monotonic(self.now_ms * 1000), self.now_ms * 1000)

    def links(self, *links: LinkId, **contacts: LinkId) -> None:
        for link in (*links, *contacts.values()):
            self.machine.link_up(link, self.now)
        by_name = {"anna": ANNA, "beno": BENO}
        self.machine.links_known({link: by_name[name] for name, link in contacts.items()})

    def wait(self, milliseconds: int) -> list[tuple[LinkId, list[VouchedDay]]]:
        """Let time pass; return what was told over which link."""
        end = self.now_ms + milliseconds
        told = []
        while (due := self.machine.deadline()) is not None and due <= end * 1000:
            self.now_ms = max(self.now_ms, -(-due // 1000))
            if self.is_open:
                self.machine.use_lists(lambda contact: self.lists, self.now)
            for link, frame in self.machine.take_frames(self.now):
                self.lengths.setdefault(link, []).append(len(frame.lists))
                self.times_ms.setdefault(link, []).append(self.now_ms)
                told.append((link, decode_vouches(frame.lists)))
        self.now_ms = end
        return told


def test_every_link_is_told_something_some_time_of_chance_after_it_began() -> None:
    earliest, latest = VOUCHES_DELAY_MS
    seen = []
    for seed in range(20):
        node = Node(seed)
        node.links(SECOND, anna=FIRST)
        told = node.wait(latest)
        assert sorted(told) == [(FIRST, node.lists), (SECOND, [])]
        seen += [node.times_ms[FIRST][0], node.times_ms[SECOND][0]]
    assert all(earliest <= one <= latest for one in seen)
    assert max(seen) - min(seen) > (latest - earliest) // 2


@pytest.mark.parametrize("hashes", [0, 64, FAR_PER_CONTACT_DAY_MAX])
def test_of_one_length_and_as_often_whoever_is_at_the_other_end(hashes: int) -> None:
    node = Node()
    node.lists = [VouchedDay(DAY + day, (), tuple(range(1, hashes + 1))) for day in range(7)]
    node.links(SECOND, THIRD, anna=FIRST)
    node.wait(24 * HOUR_MS)
    lengths = {length for of_link in node.lengths.values() for length in of_link}
    assert len(lengths) == 1
    assert min(lengths) >= VOUCHES_BYTES_MIN
    least, most = VOUCHES_INTERVAL_MS
    for times in node.times_ms.values():
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert all(least <= pause <= most + 1 for pause in pauses)
        assert len(pauses) > 30


def test_who_has_sixty_four_contacts_sends_what_a_hermit_does() -> None:
    """Four keys of each a day, of which one list holds 255, and some of people further away."""
    lengths = []
    for vouched, far in ((0, 0), (4 * 18, 0), (255, 36)):
        node = Node()
        node.lists = [
            VouchedDay(DAY + day, tuple(range(1, vouched + 1)), tuple(range(1_000, 1_000 + far)))
            for day in range(7)
        ]
        node.links(SECOND, anna=FIRST)
        node.wait(HOUR_MS)
        lengths += [*node.lengths[FIRST], *node.lengths[SECOND]]
    assert set(lengths) == {VOUCHES_BYTES_MIN}


def test_a_frame_never_grows_shorter_again() -> None:
    node = Node()
    far = tuple(range(1, FAR_PER_CONTACT_DAY_MAX + 1))
    node.lists = [VouchedDay(DAY + day, (), far) for day in range(7)]
    node.links(SECOND, anna=FIRST)
    node.wait(HOUR_MS)
    node.lists = []
    node.is_open = False
    node.machine.vault_closing()
    node.wait(HOUR_MS)
    assert {*node.lengths[FIRST], *node.lengths[SECOND]} == {SIZE_BYTES[3]}


def test_while_the_vault_is_closed_the_same_frames_leave_at_the_same_times_with_nothing() -> None:
    opened, closed = Node(3), Node(3)
    closed.is_open = False
    for node in (opened, closed):
        node.links(SECOND, anna=FIRST)
    assert any(days for _, days in opened.wait(6 * HOUR_MS))
    closed.machine.vault_closing()
    assert not any(days for _, days in closed.wait(6 * HOUR_MS))
    assert (opened.times_ms, opened.lengths) == (closed.times_ms, closed.lengths)


def test_all_of_it_is_told_each_time() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_DELAY_MS[1])
    node.lists = [VouchedDay(DAY), VouchedDay(DAY + 1, (9,))]
    assert node.wait(VOUCHES_INTERVAL_MS[1])[0] == (FIRST, node.lists)


def test_a_link_that_ended_is_told_nothing_more() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.machine.link_down(FIRST)
    assert node.machine.deadline() is None
    assert node.wait(HOUR_MS) == []


def test_after_the_vault_was_closed_nothing_is_heard() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.machine.received(FIRST, Vouches(encode_vouches(node.lists)), node.now)
    node.machine.vault_closing()
    node.machine.received(FIRST, Vouches(encode_vouches(node.lists)), node.now)
    assert node.machine.take_came() == []


def test_what_a_contact_says_counts_as_their_word() -> None:
    node = Node()
    node.links(anna=FIRST, beno=SECOND)
    frame = Vouches(encode_vouches(node.lists))
    # Beno repeats over his own link what Anna told him: it is his word then.
    node.machine.received(FIRST, frame, node.now)
    node.machine.received(SECOND, frame, node.now)
    assert node.machine.take_came() == [(ANNA, node.lists), (BENO, node.lists)]
    assert node.machine.take_came() == []


def test_a_stranger_who_vouches_is_passed_over_unread() -> None:
    node = Node()
    node.machine.received(FIRST, Vouches(b"no lists at all"), node.now)
    node.machine.received(FIRST, Vouches(encode_vouches(node.lists)), node.now)
    assert not node.machine.has_come


def test_a_contact_whose_lists_are_malformed_is_at_fault() -> None:
    node = Node()
    node.links(anna=FIRST)
    with pytest.raises(PeerError):
        node.machine.received(FIRST, Vouches(b"no lists at all"), node.now)


def test_a_contact_who_vouches_without_end_is_heard_so_often_an_hour_over_all_links() -> None:
    node = Node()
    for round_ in range(100):
        node.links(anna=LinkId(100 + round_))
        frame = Vouches(encode_vouches([VouchedDay(DAY, (round_,))]))
        node.machine.received(LinkId(100 + round_), frame, node.now)
        node.wait(1_000)
    assert len(node.machine.take_came()) == VOUCHES_PER_HOUR_MAX
    assert node.machine.passed_over_count == 100 - VOUCHES_PER_HOUR_MAX
    node.wait(HOUR_MS)
    node.machine.received(LinkId(199), Vouches(encode_vouches([VouchedDay(DAY, (99,))])), node.now)
    assert node.machine.take_came() == [(ANNA, [VouchedDay(DAY, (99,))])]
