"""Tags: both ends make the same ones, and whatever the order, none is missed or met twice."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.ids import Tag, UnixSeconds
from mesh.limits import INVITE_TAGS, TAG_CHAIN_STEP, TAG_KEY_KEPT_SECONDS, TAG_WINDOW
from mesh.ratchet.tags import (
    DIRECTION_FROM_FOUNDER,
    DIRECTION_TO_FOUNDER,
    TagReceiver,
    TagSender,
    box_key_of,
    chain_start,
    invite_bundle_key,
    invite_tag_key,
    next_invite_index,
    tag_of,
)

ROOT = bytes(range(32))
KEY = chain_start(ROOT, DIRECTION_FROM_FOUNDER)
START = UnixSeconds(1_800_000_000)


def sent(count: int, key: bytes = KEY) -> list[tuple[Tag, bytes]]:
    """The first tags of a chain with their box keys, as the sender makes them."""
    sender, made = TagSender(key), []
    for _ in range(count):
        sender, tag, box_key = sender.next()
        made.append((tag, box_key))
    return made


class Reader:
    """Who reads: a receiver, the table of expected tags, and a store of envelopes by their tags."""

    def __init__(self) -> None:
        self.receiver = TagReceiver.start(KEY)
        self.expected = {tag: index for index, tag in self.receiver.expected()}
        self.stored: dict[Tag, None] = {}
        self.opened: list[int] = []

    def arrive(self, tag: Tag) -> None:
        """An envelope came; open what can be opened now, also what waited in the store."""
        self.stored[tag] = None
        ready = [tag] if tag in self.expected else []
        while ready:
            one = ready.pop()
            index = self.expected.pop(one)
            before = self.receiver.expected_to
            self.receiver = self.receiver.after_opening(index)
            self.opened.append(index)
            fresh = {tag: index for index, tag in self.receiver.expected_from(before)}
            self.expected |= fresh
            ready += [tag for tag in fresh if tag in self.stored]


def test_the_receiver_expects_the_tags_that_the_sender_makes() -> None:
    made = sent(TAG_WINDOW)
    receiver = TagReceiver.start(KEY)
    assert receiver.expected() == [(index, tag) for index, (tag, _) in enumerate(made)]
    assert [receiver.box_key(index) for index in range(TAG_WINDOW)] == [key for _, key in made]


def test_a_thousand_messages_in_any_order_are_all_recognised_once() -> None:
    for seed in range(3):
        arriving = [tag for tag, _ in sent(1_000)]
        random.Random(seed).shuffle(arriving)
        reader = Reader()
        for tag in arriving:
            reader.arrive(tag)
        assert sorted(reader.opened) == list(range(1_000))


def test_in_order_the_window_stays_at_its_size_and_old_keys_go() -> None:
    receiver = TagReceiver.start(KEY)
    for index in range(1_000):
        receiver = receiver.after_opening(index)
        assert len(receiver.expected()) == TAG_WINDOW
        assert len(receiver.steps) <= TAG_WINDOW // TAG_CHAIN_STEP + 2
        assert len(receiver.opened) < TAG_CHAIN_STEP
    assert receiver.steps[0][0] == 1_000 // TAG_CHAIN_STEP


@given(st.lists(st.integers(0, 600), max_size=60, unique=True))
def test_expected_is_the_window_and_whatever_is_unopened_below_it(order: list[int]) -> None:
    made = [tag for tag, _ in sent(1_000)]
    receiver = TagReceiver.start(KEY)
    opened: list[int] = []
    for index in order:
        if index >= receiver.expected_to:
            continue
        receiver = receiver.after_opening(index)
        opened.append(index)
    end = max(opened, default=-1) + 1 + TAG_WINDOW
    unopened = [(index, made[index]) for index in range(end) if index not in opened]
    assert receiver.expected() == unopened
    middle = end // 2
    assert receiver.expected_from(middle) == [one for one in unopened if one[0] >= middle]


def test_the_key_of_a_step_goes_when_its_last_message_is_opened() -> None:
    receiver = TagReceiver.start(KEY)
    for index in range(TAG_CHAIN_STEP - 1):
        receiver = receiver.after_opening(index)
    assert receiver.steps[0][0] == 0
    receiver = receiver.after_opening(TAG_CHAIN_STEP - 1)
    assert receiver.steps[0][0] == 1
    assert receiver.opened == frozenset()


def test_a_key_goes_31_days_after_a_later_step_was_used_and_takes_its_tags_along() -> None:
    receiver = TagReceiver.start(KEY)
    for index in (3, TAG_CHAIN_STEP + 5, TAG_CHAIN_STEP + 6):
        receiver = receiver.after_opening(index).use(index, START)
    early, lost = receiver.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS - 1))
    assert (early, lost) == (receiver, [])
    made = [tag for tag, _ in sent(TAG_CHAIN_STEP)]
    erased, lost = receiver.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS))
    assert lost == [tag for index, tag in enumerate(made) if index != 3]
    assert erased.steps == receiver.steps[1:]
    assert erased.opened == {TAG_CHAIN_STEP + 5, TAG_CHAIN_STEP + 6}
    assert erased.expected() == [
        (index, tag) for index, tag in receiver.expected() if index >= TAG_CHAIN_STEP
    ]
    assert erased.erase(UnixSeconds(START + 2 * TAG_KEY_KEPT_SECONDS)) == (erased, [])


def test_a_step_counts_from_its_first_use_and_only_those_below_it_go() -> None:
    receiver = TagReceiver.start(KEY)
    day = 86_400
    for place, index in enumerate((TAG_CHAIN_STEP, TAG_CHAIN_STEP + 1, 2 * TAG_CHAIN_STEP, 0)):
        receiver = receiver.after_opening(index).use(index, UnixSeconds(START + place * day))
    first, _ = receiver.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS))
    assert first.steps[0][0] == 1
    second, _ = first.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS + 2 * day - 1))
    assert second == first
    third, _ = first.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS + 2 * day))
    assert third.steps[0][0] == 2


def test_after_an_erasure_the_chain_goes_on() -> None:
    receiver = TagReceiver.start(KEY)
    receiver = receiver.after_opening(200).use(200, START)
    receiver, _ = receiver.erase(UnixSeconds(START + TAG_KEY_KEPT_SECONDS))
    made = sent(700)
    for index in range(201, 400):
        assert dict(receiver.expected())[index] == made[index][0]
        assert receiver.box_key(index) == made[index][1]
        receiver = receiver.after_opening(index)


def test_the_sender_keeps_no_key_of_an_earlier_step() -> None:
    sender = TagSender(KEY)
    for _ in range(TAG_CHAIN_STEP):
        sender, _, _ = sender.next()
    assert sender.key != KEY
    assert (sender.index, KEY.hex() in repr(sender)) == (TAG_CHAIN_STEP, False)


def test_the_directions_of_a_pair_share_no_tag() -> None:
    other = chain_start(ROOT, DIRECTION_TO_FOUNDER)
    assert {tag for tag, _ in sent(300)}.isdisjoint(tag for tag, _ in sent(300, other))


@settings(max_examples=20)
@given(st.binary(min_size=16, max_size=16), st.integers(0, INVITE_TAGS - 1))
def test_all_that_grows_from_an_invites_secret_differs(secret: bytes, index: int) -> None:
    contact, bundle = invite_tag_key(secret), invite_bundle_key(secret)
    assert contact != bundle
    assert len({tag_of(contact, index), tag_of(bundle, index)}) == 2
    assert len({box_key_of(contact, index), box_key_of(bundle, index), contact, bundle}) == 4


def test_invite_indices_go_round_below_their_bound() -> None:
    assert next_invite_index(0) == 1
    assert next_invite_index(INVITE_TAGS - 1) == 0
    key = invite_tag_key(bytes(16))
    assert len({tag_of(key, index) for index in range(INVITE_TAGS)}) == INVITE_TAGS
