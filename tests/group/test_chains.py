"""Chains: what a reader expects against the plain rule of it, whatever comes in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.group.chains import (
    ReceivingChain,
    SendingChain,
    has_written_lately,
    hello_index,
    hello_tags,
    next_hello,
    week_of,
    window_of,
)
from mesh.group.epochs import EpochId, chain_keys
from mesh.ids import Tag, UnixSeconds, VerifyKey
from mesh.limits.group_keys import (
    CHAIN_KEPT_SECONDS,
    CHAIN_NUMBERS_MAX,
    PASSED_MAX,
    SKIPPED_PER_CHAIN_MAX,
    WINDOW_OF_RECENT,
)
from mesh.wire.envelope import SECONDS_PER_DAY
from tests.entropy import SeededEntropy

KEYS = chain_keys(b"\x01" * 32, EpochId(b"\x02" * 32), VerifyKey(b"\x03" * 32))
NOW = UnixSeconds(1_800_000_000)
SENT_COUNT = 400


def sent(count: int) -> list[tuple[Tag, bytes]]:
    """The tags and message keys of the first numbers."""
    chain, found = SendingChain.start(KEYS), []
    for _ in range(count):
        chain, place = chain.next()
        found.append((place.tag, place.message_key))
    return found


SENT = sent(SENT_COUNT)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([8, 16, 64])), max_size=30))
def test_a_reader_expects_what_is_missing_and_the_window(choices: list[tuple[int, int]]) -> None:
    chain, opened = ReceivingChain.start(KEYS), set[int]()
    for choice, window in choices:
        beyond = max(opened, default=-1) + 1
        numbers = [one for one in range(beyond + window) if one not in opened]
        numbers = [one for one in numbers if one < SENT_COUNT]
        expected = chain.expected(window)
        assert [one for one in expected if one[0] < SENT_COUNT] == [
            (number, SENT[number][0]) for number in numbers
        ]
        number = numbers[choice % len(numbers)]
        assert chain.message_key(number) == SENT[number][1]
        chain = chain.after_opening(number, NOW)
        opened.add(number)
        assert chain.message_key(number) is None


@given(st.permutations(range(40)))
def test_all_of_a_window_may_come_in_any_order(order: list[int]) -> None:
    chain = ReceivingChain.start(KEYS)
    for number in order:
        assert chain.message_key(number) == SENT[number][1]
        chain = chain.after_opening(number, NOW)
    assert (chain.next, chain.skipped) == (40, ())


def test_a_chain_forgets_what_it_has_passed() -> None:
    """Nothing in the chain after a number leads back to its key, once it was opened."""
    chain = ReceivingChain.start(KEYS)
    for number in range(70):
        chain = chain.after_opening(number, NOW)
    kept = {chain.place.chain, chain.place.tag_key, *(one.key for one in chain.skipped)}
    assert not kept & {key for _, key in SENT[:70]}
    assert chain.message_key(5) is None


def test_a_window_is_by_the_size_of_the_group() -> None:
    sizes = {1: 64, 32: 64, 33: 16, 250: 16, 251: 8, 1_000: 8, 1_200: 8}
    assert {size: window_of(size, is_recent=False) for size in sizes} == sizes
    assert window_of(1_000, is_recent=True) == WINDOW_OF_RECENT
    day_later = UnixSeconds(NOW + SECONDS_PER_DAY)
    assert has_written_lately(NOW, day_later)
    assert not has_written_lately(NOW, UnixSeconds(day_later + 1))


def test_a_hello_says_where_a_chain_stands_and_all_below_may_still_come() -> None:
    chain = ReceivingChain.start(KEYS).after_opening(3, NOW)
    chain = chain.standing_at(300, NOW)
    assert chain.next == 300
    missing = [number for number in range(300) if number != 3]
    assert [one.number for one in chain.skipped] == missing
    assert chain.message_key(299) == SENT[299][1]
    assert (300, SENT[300][0]) in chain.expected(8)
    assert chain.standing_at(5, NOW) is chain, "no chain goes back"


@pytest.mark.parametrize("number", [PASSED_MAX + 1, (1 << 32) - 1, CHAIN_NUMBERS_MAX + 1])
def test_a_hello_that_lies_far_ahead_moves_nothing(number: int) -> None:
    chain = ReceivingChain.start(KEYS)
    assert chain.standing_at(number, NOW) is chain


def test_kept_keys_are_bounded_and_the_oldest_go() -> None:
    chain = ReceivingChain.start(KEYS)
    for number in range(63, 64 * 40, 64):
        chain = chain.after_opening(number, NOW)
    assert len(chain.skipped) == SKIPPED_PER_CHAIN_MAX
    assert chain.skipped[-1].number == chain.next - 2
    chain = ReceivingChain.start(KEYS).standing_at(PASSED_MAX, NOW)
    assert [one.number for one in chain.skipped] == list(
        range(PASSED_MAX - SKIPPED_PER_CHAIN_MAX, PASSED_MAX)
    )


def test_kept_keys_end_with_what_they_could_open() -> None:
    chain = ReceivingChain.start(KEYS).after_opening(2, NOW)
    chain = chain.after_opening(4, UnixSeconds(NOW + 10))
    ends = NOW + CHAIN_KEPT_SECONDS
    assert chain.erase(UnixSeconds(ends - 1)) is chain
    assert [one.number for one in chain.erase(UnixSeconds(ends)).skipped] == [3]
    assert chain.erase(UnixSeconds(ends + 10)).skipped == ()


def test_an_ended_chain_expects_what_is_missing_only() -> None:
    chain = ReceivingChain.start(KEYS).after_opening(2, NOW).ended_at(5)
    assert [number for number, _ in chain.expected(64)] == [0, 1, 3, 4]
    assert not chain.is_done
    for number in (4, 0, 3, 1):
        chain = chain.after_opening(number, NOW)
    assert chain.is_done
    assert chain.expected(64) == []


def test_an_end_is_never_taken_back() -> None:
    """Lowering it would throw away what is on its way."""
    chain = ReceivingChain.start(KEYS).ended_at(5)
    assert chain.ended_at(2).end == 5
    assert chain.ended_at(6).end == 6


def test_a_chain_has_a_last_number() -> None:
    chain = ReceivingChain.start(KEYS)
    at_end = ReceivingChain(
        type(chain.place)(CHAIN_NUMBERS_MAX - 2, chain.place.chain, chain.place.tag_key)
    )
    assert [number for number, _ in at_end.expected(64)] == [
        CHAIN_NUMBERS_MAX - 2,
        CHAIN_NUMBERS_MAX - 1,
    ]
    assert SendingChain(type(chain.place)(CHAIN_NUMBERS_MAX, b"", b"")).is_over


def test_hellos_of_this_week_and_of_the_last_are_expected() -> None:
    week = week_of(NOW)
    expected = dict(hello_tags(KEYS.hello, NOW))
    assert list(expected) == [2 * week - 2, 2 * week - 1, 2 * week, 2 * week + 1]
    assert expected[hello_index(week, 1)] == expected[2 * week + 1]
    assert len(hello_tags(KEYS.hello, UnixSeconds(0))) == 2
    with pytest.raises(AssertionError):
        hello_index(week, 2)


def test_tags_of_hellos_and_of_numbers_are_never_equal() -> None:
    numbers = {tag for _, tag in ReceivingChain.start(KEYS).expected(400)}
    weeks = [UnixSeconds(7 * SECONDS_PER_DAY * week) for week in range(100)]
    hellos = {tag for week in weeks for _, tag in hello_tags(KEYS.hello, week)}
    assert not numbers & hellos


def test_hellos_are_spread_over_two_days() -> None:
    entropy = SeededEntropy(1)
    days = [(next_hello(NOW, entropy) - NOW) / SECONDS_PER_DAY for _ in range(200)]
    assert 6 <= min(days) < 6.1
    assert 7.9 < max(days) <= 8
