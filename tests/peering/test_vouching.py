"""Contacts vouch over links that proved to be theirs: when, how often, and in whose name."""

import pytest

from mesh.errors import PeerError
from mesh.ids import ContactId, Instant, LinkId, Monotonic
from mesh.limits.trust import (
    VOUCHES_DELAY_MS,
    VOUCHES_INTERVAL_MS,
    VOUCHES_PER_HOUR_MAX,
    VOUCHES_REPEATED_MS,
    VOUCHES_SETTLED_MS,
)
from mesh.peering.vouching import Vouching
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import Vouches
from mesh.wire.posting_key_lists import VouchedDay, decode_vouches, encode_vouches
from tests.entropy import SeededEntropy

ANNA, BENO = ContactId(1), ContactId(2)
FIRST, SECOND = LinkId(1), LinkId(2)
DAY = 20_000


class Node:
    """One machine under a clock that the test moves."""

    def __init__(self, seed: int = 1) -> None:
        self.machine = Vouching(SeededEntropy(seed))
        self.now_ms = 0
        self.lists = [VouchedDay(DAY, (1, 2), (3,)), VouchedDay(DAY + 1)]
        self.asked_for: list[ContactId] = []

    @property
    def now(self) -> Instant:
        return Instant(Monotonic(self.now_ms * 1000), self.now_ms * 1000)

    def links(self, **links: LinkId) -> None:
        by_name = {"anna": ANNA, "beno": BENO}
        by_link = {link: by_name[name] for name, link in links.items()}
        self.machine.links_known(by_link, self.now)

    def wait(self, milliseconds: int) -> list[tuple[LinkId, list[VouchedDay]]]:
        """Let time pass; return what was told over which link."""
        end = self.now_ms + milliseconds
        while (due := self.machine.deadline()) is not None and due <= end * 1000:
            self.now_ms = max(self.now_ms, -(-due // 1000))
            self.machine.deadline_passed(self._lists_for, self.now)
        self.now_ms = end
        frames = self.machine.take_frames()
        return [(link, decode_vouches(frame.lists)) for link, frame in frames]

    def _lists_for(self, contact: ContactId) -> list[VouchedDay]:
        self.asked_for.append(contact)
        return self.lists


def test_a_contact_is_told_some_time_of_chance_after_the_link_was_recognised() -> None:
    earliest, latest = VOUCHES_DELAY_MS
    seen = []
    for seed in range(20):
        node = Node(seed)
        node.links(anna=FIRST)
        due = node.machine.deadline()
        assert due is not None
        seen.append(due // 1000)
        assert node.wait(latest) == [(FIRST, node.lists)]
    assert all(earliest <= one <= latest for one in seen)
    assert max(seen) - min(seen) > (latest - earliest) // 2


def test_first_all_days_are_told_and_later_none_of_which_there_is_nothing_to_tell() -> None:
    node = Node()
    node.lists = [VouchedDay(DAY), VouchedDay(DAY + 1)]
    node.links(anna=FIRST)
    assert node.wait(VOUCHES_INTERVAL_MS) == [(FIRST, node.lists)]
    node.lists.append(VouchedDay(DAY + 2))
    node.machine.lists_changed(node.now)
    assert node.wait(VOUCHES_INTERVAL_MS) == []


def test_what_counts_no_more_is_withdrawn_whatever_happened_between() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_INTERVAL_MS)
    node.lists = [VouchedDay(DAY), VouchedDay(DAY + 1)]
    node.machine.said_again(FIRST, node.now)
    assert node.wait(VOUCHES_INTERVAL_MS) == [(FIRST, node.lists)]


def test_only_what_changed_is_told_again_and_an_hour_later() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_DELAY_MS[1])
    node.machine.lists_changed(node.now)
    assert node.wait(2 * VOUCHES_INTERVAL_MS) == []
    node.lists[1] = VouchedDay(DAY + 1, (5,))
    node.machine.lists_changed(node.now)
    assert node.wait(VOUCHES_DELAY_MS[1]) == [(FIRST, [node.lists[1]])]
    node.lists = [VouchedDay(DAY), VouchedDay(DAY + 1, (5,))]
    node.machine.lists_changed(node.now)
    assert node.wait(VOUCHES_INTERVAL_MS - VOUCHES_DELAY_MS[1] - 1) == []
    assert node.wait(VOUCHES_DELAY_MS[1] + 1) == [(FIRST, [VouchedDay(DAY)])]


def test_lists_that_change_without_end_are_told_once_an_hour() -> None:
    node = Node()
    node.links(anna=FIRST)
    told = []
    for round_ in range(24 * 60):
        node.lists = [VouchedDay(DAY, (round_,))]
        node.machine.lists_changed(node.now)
        told += node.wait(60_000)
    assert 23 <= len(told) <= 25


def test_of_two_links_to_one_contact_one_is_used_and_the_other_takes_over() -> None:
    node = Node()
    node.machine.links_known({FIRST: ANNA, SECOND: ANNA}, node.now)
    assert [link for link, _ in node.wait(VOUCHES_DELAY_MS[1])] == [FIRST]
    node.wait(VOUCHES_INTERVAL_MS)
    node.machine.links_known({SECOND: ANNA}, node.now)
    node.lists = [VouchedDay(DAY, (9,))]
    node.machine.lists_changed(node.now)
    assert [link for link, _ in node.wait(VOUCHES_DELAY_MS[1])] == [SECOND]


def test_over_a_later_link_only_what_is_new_is_told() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_INTERVAL_MS)
    node.links()
    node.links(anna=SECOND)
    assert node.wait(VOUCHES_INTERVAL_MS) == []
    node.lists.append(VouchedDay(DAY + 2, (7,)))
    node.machine.lists_changed(node.now)
    assert node.wait(VOUCHES_INTERVAL_MS) == [(SECOND, [node.lists[2]])]


def test_over_a_new_link_all_is_told_again_once_a_day() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_REPEATED_MS)
    told = []
    for hours in range(1, 48):
        node.links()
        node.links(anna=LinkId(FIRST + hours))
        told += [days for _, days in node.wait(3_600_000)]
    assert told == [node.lists] * 2


def test_where_a_link_ended_soon_after_all_is_told_again() -> None:
    node = Node()
    node.links(anna=FIRST)
    due = node.machine.deadline()
    assert due is not None
    assert node.wait(due // 1000 + 1) != []
    node.wait(VOUCHES_SETTLED_MS // 2)
    node.links()
    node.links(anna=SECOND)
    assert node.wait(VOUCHES_INTERVAL_MS) == [(SECOND, node.lists)]


def test_who_proves_once_more_who_they_are_is_told_all_again_within_the_hour() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.wait(VOUCHES_DELAY_MS[1])
    for _ in range(10):
        node.machine.said_again(FIRST, node.now)
    assert node.wait(VOUCHES_INTERVAL_MS) == [(FIRST, node.lists)]


def test_a_link_that_is_nobodys_is_told_nothing() -> None:
    node = Node()
    node.machine.said_again(FIRST, node.now)
    node.machine.lists_changed(node.now)
    assert node.wait(VOUCHES_INTERVAL_MS) == []
    assert node.asked_for == []


def test_after_the_vault_was_closed_nothing_is_told_or_heard() -> None:
    node = Node()
    node.links(anna=FIRST)
    node.machine.received(FIRST, Vouches(encode_vouches(node.lists)), node.now)
    node.machine.vault_closing()
    assert node.wait(VOUCHES_INTERVAL_MS) == []
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
    assert node.machine.take_came() == []
    assert node.machine.passed_over_count == 2


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
    node.wait(VOUCHES_INTERVAL_MS)
    node.machine.received(LinkId(199), Vouches(bytes(SIZE_BYTES[0])), node.now)
    assert node.machine.take_came() == [(ANNA, [])]
