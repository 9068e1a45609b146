"""Tags: the frozen ones, and a receiver against the plain rule of what it expects."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import Tag, UnixSeconds
from mesh.limits.sessions import TAG_CHAIN_STEP, TAG_KEY_KEPT_SECONDS, TAG_WINDOW
from mesh.ratchet.tags import (
    TagReceiver,
    TagSender,
    box_key_of,
    chain_start,
    invite_bundle_key,
    invite_tag_key,
    join_tags_before,
    split_tags_before,
    tag_of,
)
from tests.vectors.shapes import ChainVector, TagsVector, frozen_bytes

VECTOR = msgspec.json.decode(frozen_bytes("tags.json"), type=TagsVector)
START = chain_start(bytes(32), 0)


def sent(count: int) -> list[tuple[Tag, bytes]]:
    """The tags and box keys of the first messages of a chain."""
    sender, found = TagSender(START), []
    for _ in range(count):
        sender, tag, box_key = sender.next()
        found.append((tag, box_key))
    return found


SENT = sent(2 * TAG_WINDOW + 100)


@pytest.mark.parametrize("vector", VECTOR.chains, ids=lambda vector: vector.direction)
def test_sender_and_receiver_walk_the_frozen_chains(vector: ChainVector) -> None:
    start = chain_start(bytes.fromhex(vector.tag_root), vector.direction)
    sender, receiver = TagSender(start), TagReceiver.start(start)
    frozen = {one.index: one for one in vector.tags}
    for index in range(max(frozen) + 1):
        if index in frozen:
            assert sender.key.hex() == frozen[index].key
        sender, tag, box_key = sender.next()
        assert receiver.box_key(index) == box_key
        assert (index, tag) in receiver.expected()
        receiver = receiver.after_opening(index)
        if index in frozen:
            assert tag.hex() == frozen[index].tag
            assert box_key.hex() == frozen[index].box_key


def test_the_frozen_tags_of_an_invite_are_made_again() -> None:
    secret = bytes.fromhex(VECTOR.invite_secret)
    for key, vectors in (
        (invite_tag_key(secret), VECTOR.invite_tags),
        (invite_bundle_key(secret), VECTOR.bundle_tags),
    ):
        for one in vectors:
            assert key.hex() == one.key
            assert tag_of(key, one.index).hex() == one.tag
            assert box_key_of(key, one.index).hex() == one.box_key


def test_no_two_tags_of_a_pair_are_equal() -> None:
    tags = [tag for tag, _ in SENT]
    other = TagReceiver.start(chain_start(bytes(32), 1)).expected()
    assert len({*tags, *(tag for _, tag in other)}) == len(tags) + len(other)


@given(st.lists(st.integers(0, 10_000), max_size=25))
def test_a_receiver_expects_the_window_and_all_unopened_below_it(choices: list[int]) -> None:
    receiver, opened = TagReceiver.start(START), set[int]()
    for choice in choices:
        expected = receiver.expected()
        beyond = max(opened, default=-1) + 1 + TAG_WINDOW
        indices = [one for one in range(min(beyond, len(SENT))) if one not in opened]
        assert [one for one in expected if one[0] < len(SENT)] == [
            (index, SENT[index][0]) for index in indices
        ]
        index = indices[choice % len(indices)]
        assert receiver.box_key(index) == SENT[index][1]
        before, already = receiver, dict.fromkeys(expected)
        receiver = receiver.after_opening(index)
        opened.add(index)
        # The new tags, which may stand among stored envelopes already, follow the old ones.
        new = [one for one in receiver.expected() if one not in already]
        assert new == receiver.expected_from(before.expected_to)
        assert all(index != one for one, _ in receiver.expected())


def test_all_of_a_window_may_come_in_the_worst_order() -> None:
    receiver = TagReceiver.start(START)
    for index in reversed(range(TAG_WINDOW)):
        assert (index, SENT[index][0]) in receiver.expected()
        receiver = receiver.after_opening(index)
    # 256 opened indices are four whole steps: their keys are gone.
    assert [step for step, _ in receiver.steps] == [4, 5, 6, 7]
    assert receiver.opened == frozenset()
    assert [index for index, _ in receiver.expected()] == list(range(TAG_WINDOW, 2 * TAG_WINDOW))


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_messages_in_any_order_are_all_recognised_once(seed: int) -> None:
    arriving = list(range(1_000))
    random.Random(seed).shuffle(arriving)
    sender, tags = TagSender(START), []
    for _ in arriving:
        sender, tag, _ = sender.next()
        tags.append(tag)
    receiver, opened = TagReceiver.start(START), []
    expected = {tag: index for index, tag in receiver.expected()}
    stored: dict[Tag, None] = {}
    for arrived in arriving:
        stored[tags[arrived]] = None
        ready = [tags[arrived]]
        while ready:
            tag = ready.pop()
            if tag not in expected:
                continue
            index, before = expected.pop(tag), receiver.expected_to
            receiver = receiver.after_opening(index)
            opened.append(index)
            # What the window now reaches may stand among the stored envelopes already.
            fresh = {tag: index for index, tag in receiver.expected_from(before)}
            expected |= fresh
            ready += [tag for tag in fresh if tag in stored]
    assert sorted(opened) == list(range(1_000))


def test_what_lies_beyond_the_window_is_not_expected() -> None:
    receiver = TagReceiver.start(START)
    assert receiver.expected()[-1] == (TAG_WINDOW - 1, SENT[TAG_WINDOW - 1][0])
    receiver = receiver.after_opening(TAG_WINDOW - 1)
    assert receiver.expected()[-1][0] == 2 * TAG_WINDOW - 1


def test_a_key_is_kept_for_the_one_message_that_is_missing() -> None:
    receiver = TagReceiver.start(START)
    for index in range(1, 2 * TAG_CHAIN_STEP):
        receiver = receiver.after_opening(index)
    assert [step for step, _ in receiver.steps][:2] == [0, 2]
    assert receiver.expected()[0] == (0, SENT[0][0])
    assert next(step for step, _ in receiver.after_opening(0).steps) == 2


def test_a_sender_forgets_the_key_of_a_finished_step() -> None:
    sender = TagSender(START)
    for _ in range(TAG_CHAIN_STEP):
        sender, _, _ = sender.next()
    assert sender.key != START
    assert repr(sender.key) not in repr(sender)


def test_a_key_goes_31_days_after_a_later_step_was_used_and_its_tags_with_it() -> None:
    start = UnixSeconds(1_800_000_000)
    later = UnixSeconds(start + 5 * 86_400)
    receiver = TagReceiver.start(START).after_opening(5).use(5, start)
    assert receiver.erase(UnixSeconds(start + TAG_KEY_KEPT_SECONDS)) == (receiver, [])
    # A lower step that is used again, and the same step, change nothing.
    for index, at in ((TAG_CHAIN_STEP, start), (TAG_CHAIN_STEP + 9, later), (6, later)):
        receiver = receiver.after_opening(index).use(index, at)
    before = receiver.erase(UnixSeconds(start + TAG_KEY_KEPT_SECONDS - 1))
    assert before == (receiver, [])
    kept, lost = receiver.erase(UnixSeconds(start + TAG_KEY_KEPT_SECONDS))
    assert lost == [SENT[one][0] for one in range(TAG_CHAIN_STEP) if one not in (5, 6)]
    assert next(step for step, _ in kept.steps) == 1
    assert kept.expected() == receiver.expected()[TAG_CHAIN_STEP - 2 :]
    assert kept.erase(UnixSeconds(start + 2 * TAG_KEY_KEPT_SECONDS)) == (kept, [])
    # What was opened and used below is forgotten with the key.
    assert kept.opened == {TAG_CHAIN_STEP, TAG_CHAIN_STEP + 9}
    assert kept.used == ()


def test_the_use_of_a_step_is_forgotten_when_all_below_it_is_finished() -> None:
    now = UnixSeconds(1_800_000_000)
    receiver = TagReceiver.start(START).after_opening(TAG_CHAIN_STEP).use(TAG_CHAIN_STEP, now)
    assert receiver.used == ((1, now),)
    for index in range(TAG_CHAIN_STEP):
        receiver = receiver.after_opening(index).use(index, now)
        assert receiver.used == (((1, now),) if index < TAG_CHAIN_STEP - 1 else ())


@pytest.mark.parametrize("end, steps", [(1, [0]), (64, [0]), (65, [0, 1]), (200, [0, 1, 2, 3])])
def test_a_chain_that_ended_expects_what_was_written_and_no_more(
    end: int, steps: list[int]
) -> None:
    receiver = TagReceiver.start(bytes(32))
    tags = dict(receiver.expected())
    ended, lost = receiver.ending_at(end)
    assert ended.expected() == [(index, tags[index]) for index in range(end)]
    assert lost == [tags[index] for index in range(end, len(tags))]
    assert [step for step, _ in ended.steps] == steps
    for index in range(end):
        assert not ended.is_done
        ended = ended.after_opening(index)
    assert ended.is_done


def test_a_chain_ends_at_once_if_all_of_it_was_opened() -> None:
    receiver = TagReceiver.start(bytes(32))
    assert receiver.ending_at(0)[0].is_done
    for index in range(70):
        receiver = receiver.after_opening(index)
    assert receiver.ending_at(70)[0].is_done
    left, _ = receiver.ending_at(72)
    assert [index for index, _ in left.expected()] == [70, 71]
    assert [step for step, _ in left.steps] == [1]


@pytest.mark.parametrize("count, passed", [(0, 0), (1, 0), (5, 1), ((1 << 24) - 1, 255)])
def test_what_a_header_says_of_former_generations_is_read_again(count: int, passed: int) -> None:
    joined = join_tags_before(count, passed)
    assert joined < 1 << 32
    assert split_tags_before(joined) == (count, passed)


def test_of_too_many_generations_a_header_says_nothing() -> None:
    assert join_tags_before(5, 256) == 0
    with pytest.raises(AssertionError):
        join_tags_before(1 << 24, 0)
