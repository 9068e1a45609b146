"""A receiver of tags beside the plain rules of the page: any order of openings, ends, erasures."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mesh.ids import UnixSeconds
from mesh.limits.sessions import TAG_CHAIN_STEP, TAG_KEY_KEPT_SECONDS, TAG_WINDOW
from mesh.ratchet.tags import TagReceiver, TagSender, chain_start

START = chain_start(bytes(32), 1)
LENGTH = 3_000


def chain() -> list[tuple[bytes, bytes]]:
    """The (tag, box key) of the first indices, as the sender makes them."""
    sender, found = TagSender(START), list[tuple[bytes, bytes]]()
    for _ in range(LENGTH):
        sender, tag, box_key = sender.next()
        found.append((tag, box_key))
    return found


SENT = chain()


class Receiver(RuleBasedStateMachine):
    """One receiver, and beside it only numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.receiver = TagReceiver.start(START)
        self.now = UnixSeconds(1_800_000_000)
        self.opened: set[int] = set()
        self.expected_to = TAG_WINDOW
        self.erased_below = 0
        self.end: int | None = None
        self.uses: list[tuple[int, int]] = []

    @property
    def expected(self) -> list[int]:
        """The window, and all unopened below it, as far as neither age nor an end forbids."""
        return [
            index
            for index in range(self.erased_below, self.expected_to)
            if index not in self.opened
        ]

    @precondition(lambda self: self.expected and self.expected_to < LENGTH - TAG_WINDOW)
    @rule(data=st.data(), count=st.sampled_from((1, 5, 64, 130)), is_last=st.booleans())
    def open(self, data: st.DataObject, count: int, is_last: bool) -> None:
        """Some expected messages: from any place on, or the last ones first."""
        start = data.draw(st.integers(0, len(self.expected) - 1), label="from")
        indices = self.expected[-count:][::-1] if is_last else self.expected[start : start + count]
        for index in indices:
            before = self.receiver.expected_to
            self.receiver = self.receiver.after_opening(index).use(index, self.now)
            self.opened.add(index)
            self.uses.append((index // TAG_CHAIN_STEP, self.now))
            self.expected_to = max(self.expected_to, index + 1 + TAG_WINDOW)
            if self.end is not None:
                self.expected_to = min(self.expected_to, self.end)
            fresh = [one for one, _ in self.receiver.expected_from(before)]
            assert fresh == list(range(before, self.expected_to))

    @rule(days=st.sampled_from((1, 15, 30)), seconds=st.integers(0, 1))
    def wait(self, days: int, seconds: int) -> None:
        """Time passes."""
        self.now = UnixSeconds(self.now + days * 86_400 + seconds)

    @rule()
    def erase(self) -> None:
        """31 days after a later key was first used, a key goes."""
        before = self.expected
        old = [step for step, at in self.uses if at + TAG_KEY_KEPT_SECONDS <= self.now]
        self.erased_below = max(self.erased_below, max(old, default=0) * TAG_CHAIN_STEP)
        self.receiver, lost = self.receiver.erase(self.now)
        assert lost == [SENT[one][0] for one in before if one < self.erased_below]
        # What is erased is erased: to do it again changes nothing.
        assert self.receiver.erase(self.now) == (self.receiver, [])

    @precondition(lambda self: self.end is None)
    @rule(data=st.data())
    def end_it(self, data: st.DataObject) -> None:
        """The sender says how many there are; a liar may say fewer than have come."""
        highest = max(self.opened, default=-1) + 1
        end = data.draw(
            st.one_of(st.integers(0, self.expected_to + 200), st.just(highest)), label="end"
        )
        before = self.expected
        self.receiver, lost = self.receiver.ending_at(end)
        assert lost == [SENT[one][0] for one in before if one >= end]
        self.end = end
        self.expected_to = min(self.expected_to, end)

    @invariant()
    def it_expects_what_the_rules_say(self) -> None:
        """Index, tag and box key."""
        expected = self.expected
        assert self.receiver.expected() == [(index, SENT[index][0]) for index in expected]
        for index in (*expected[:2], *expected[-2:]):
            assert self.receiver.box_key(index) == SENT[index][1]

    @invariant()
    def it_keeps_no_key_without_need(self) -> None:
        """A key is there only while one of its indices is expected."""
        needed = list(dict.fromkeys(index // TAG_CHAIN_STEP for index in self.expected))
        assert [step for step, _ in self.receiver.steps] == needed
        assert self.receiver.is_done == (not needed)
        assert [step for step, _ in self.receiver.used] == sorted(
            {step for step, _ in self.receiver.used}
        )


def test_a_receiver_keeps_to_the_rules() -> None:
    run_state_machine_as_test(Receiver, settings=settings(max_examples=4 * settings().max_examples))
