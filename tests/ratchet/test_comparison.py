"""The live comparison: both see the same, nobody in the middle does, and disorder harms nothing."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError, StorageError, UserError
from mesh.ids import UnixSeconds
from mesh.limits.contacts import COMPARISON_SECONDS_MAX
from mesh.ratchet.comparison import (
    COMMIT_BYTES,
    NONCE_BYTES,
    REFERENCE_BYTES,
    Asked,
    Comparison,
    Control,
    Failed,
    emoji_of,
    numbers_of,
)
from mesh.ratchet.emoji import EMOJI
from mesh.wire.controls import COMPARE_ANSWER, COMPARE_COMMIT, COMPARE_REVEAL, COMPARE_VERDICT
from tests.entropy import SeededEntropy

NOW = UnixSeconds(1_700_000_000)
ANN, BOB, EVE = b"a" * 64, b"b" * 64, b"e" * 64


class Side:
    """One side with what it says next."""

    def __init__(self, ours: bytes, theirs: bytes, seed: int) -> None:
        self.comparison = Comparison(ours, theirs)
        self.entropy = SeededEntropy(seed)
        self.said: list[Control] = []

    def ask(self, now: UnixSeconds = NOW) -> None:
        self.comparison, said = self.comparison.ask(self.entropy, now)
        self.said += said

    def say(self, *, is_equal: bool) -> None:
        self.comparison, said = self.comparison.say(is_equal=is_equal)
        self.said += said

    def take(self, *controls: Control) -> None:
        for kind, data in controls:
            self.comparison, said = self.comparison.came(kind, data, self.entropy, NOW)
            self.said += said

    def take_said(self) -> list[Control]:
        said, self.said = self.said, []
        return said


def pair() -> tuple[Side, Side]:
    return Side(ANN, BOB, 1), Side(BOB, ANN, 2)


def talk(one: Side, other: Side) -> None:
    """Carry everything to the other side until nobody has more to say."""
    while one.said or other.said:
        other.take(*one.take_said())
        one.take(*other.take_said())


def stages(*sides: Side) -> list[str]:
    return [side.comparison.stage for side in sides]


def comparing() -> tuple[Side, Side]:
    ann, bob = pair()
    ann.ask()
    talk(ann, bob)
    bob.ask()
    talk(ann, bob)
    return ann, bob


def test_both_see_the_same_and_it_matches_when_both_said_so() -> None:
    ann, bob = pair()
    ann.ask()
    assert (ann.comparison.stage, ann.comparison.emoji) == ("asked by us", [])
    talk(ann, bob)
    assert (bob.comparison.stage, bob.comparison.numbers) == ("asked by them", [])
    bob.ask()
    talk(ann, bob)
    assert stages(ann, bob) == ["compare", "compare"]
    assert ann.comparison.emoji == bob.comparison.emoji
    assert ann.comparison.numbers == bob.comparison.numbers
    assert len(ann.comparison.emoji) == 7
    assert len(ann.comparison.numbers) == 3
    ann.say(is_equal=True)
    talk(ann, bob)
    assert stages(ann, bob) == ["compare", "compare"]
    bob.say(is_equal=True)
    talk(ann, bob)
    assert stages(ann, bob) == ["matched", "matched"]
    assert ann.comparison.is_over
    assert ann.comparison.emoji == bob.comparison.emoji != []


def test_one_no_fails_it_on_both_sides_whatever_the_other_said() -> None:
    for first in (True, False):
        ann, bob = comparing()
        ann.say(is_equal=first)
        bob.say(is_equal=False)
        talk(ann, bob)
        assert stages(ann, bob) == ["failed", "failed"]
        assert bob.comparison.emoji == []


def test_an_offer_can_be_declined_and_a_question_taken_back() -> None:
    ann, bob = pair()
    ann.ask()
    talk(ann, bob)
    bob.say(is_equal=False)
    talk(ann, bob)
    assert ann.comparison.state == Failed(NOW, ann.comparison.state.commit, "said there")  # type: ignore[union-attr]  # neither is idle
    ann.ask(UnixSeconds(NOW + 5))
    ann.say(is_equal=False)
    talk(ann, bob)
    assert bob.comparison.stage == "failed"


def test_a_reveal_that_does_not_fit_its_commitment_proves_nothing() -> None:
    ann, bob = pair()
    ann.ask()
    talk(ann, bob)
    bob.ask()
    ann.take(*bob.take_said())
    ((kind, data),) = ann.take_said()
    assert kind == COMPARE_REVEAL
    forged = data[:-1] + bytes((data[-1] ^ 1,))
    bob.take((kind, forged))
    assert isinstance(bob.comparison.state, Failed)
    assert bob.comparison.state.failure == "broken"
    ann.take(*bob.take_said())
    assert ann.comparison.stage == "failed"
    bob.take((kind, data))
    assert bob.comparison.stage == "failed"


def test_who_sits_between_two_is_seen() -> None:
    ann, to_ann = Side(ANN, EVE, 1), Side(EVE, ANN, 3)
    bob, to_bob = Side(BOB, EVE, 2), Side(EVE, BOB, 4)
    ann.ask()
    talk(ann, to_ann)
    to_bob.ask()
    talk(to_bob, bob)
    to_ann.ask()
    bob.ask()
    talk(ann, to_ann)
    talk(to_bob, bob)
    assert stages(ann, bob) == ["compare", "compare"]
    assert ann.comparison.emoji != bob.comparison.emoji
    assert ann.comparison.numbers != bob.comparison.numbers


def test_passing_the_steps_on_unchanged_shows_two_something_else_too() -> None:
    # Ann and Bob each believe to talk to Eve, who hands every step through.
    ann, bob = Side(ANN, EVE, 1), Side(BOB, EVE, 2)
    ann.ask()
    talk(ann, bob)
    bob.ask()
    talk(ann, bob)
    # The commitment names who takes part, so that Bob sees that it is not Eve's.
    assert bob.comparison.stage == "failed"


@pytest.mark.parametrize("who_first", [0, 1])
def test_when_both_begin_at_once_the_lower_stays_first(who_first: int) -> None:
    ann, bob = pair()
    ann.ask()
    bob.ask()
    from_ann, from_bob = ann.take_said(), bob.take_said()
    if who_first == 0:
        bob.take(*from_ann)
        answer = bob.take_said()
        # The commitment from which Bob has yielded comes last.
        ann.take(*answer, *from_bob)
    else:
        ann.take(*from_bob)
        bob.take(*from_ann)
    talk(ann, bob)
    assert stages(ann, bob) == ["compare", "compare"]
    assert ann.comparison.emoji == bob.comparison.emoji


def test_asking_again_repeats_what_was_lost() -> None:
    ann, bob = pair()
    ann.ask()
    ann.take_said()
    ann.ask()
    bob.take(*ann.take_said())
    bob.ask()
    bob.take_said()
    bob.ask()
    ann.take(*bob.take_said())
    ann.take_said()
    # The reveal was lost: either side can have it said again.
    bob.ask()
    talk(ann, bob)
    assert bob.comparison.stage == "compare"
    ann.say(is_equal=True)
    ann.take_said()
    ann.ask()
    bob.say(is_equal=True)
    talk(ann, bob)
    assert stages(ann, bob) == ["matched", "matched"]


def test_each_side_repeats_its_own_step_and_answers_a_repeated_one() -> None:
    ann, bob = comparing()
    bob.ask()
    (answer,) = bob.take_said()
    assert answer[0] == COMPARE_ANSWER
    ann.take(answer)
    (reveal,) = ann.take_said()
    assert reveal[0] == COMPARE_REVEAL
    ann.ask()
    assert ann.take_said() == [reveal]
    assert stages(ann, bob) == ["compare", "compare"]


def test_another_answer_to_what_was_revealed_gets_no_word() -> None:
    ann, bob = comparing()
    bob.ask()
    ((kind, answer),) = bob.take_said()
    before = ann.comparison
    other_nonce = answer[:-1] + bytes((answer[-1] ^ 1,))
    other_reference = bytes((answer[0] ^ 1,)) + answer[1:]
    ann.take((kind, other_nonce), (kind, other_reference))
    assert ann.take_said() == []
    assert ann.comparison == before


def test_every_comparison_has_a_higher_number_also_within_a_second() -> None:
    ann, bob = pair()
    for count in range(3):
        ann.ask()
        assert ann.comparison.our_number == NOW + count
        bob.take(*ann.take_said())
        assert bob.comparison.stage == "asked by them"
        assert bob.comparison.their_number == NOW + count
        ann.say(is_equal=False)
        talk(ann, bob)


def test_a_verdict_that_overtakes_the_reveal_counts() -> None:
    ann, bob = pair()
    ann.ask()
    talk(ann, bob)
    bob.ask()
    ann.take(*bob.take_said())
    ann.say(is_equal=True)
    reveal, verdict = ann.take_said()
    bob.take(verdict, reveal)
    assert stages(bob) == ["compare"]
    bob.say(is_equal=True)
    assert stages(bob) == ["matched"]


def test_a_repeated_step_changes_nothing() -> None:
    ann, bob = pair()
    said: list[Control] = []
    ann.ask()
    said += ann.take_said()
    bob.take(*said)
    bob.ask()
    ann.take(*bob.take_said())
    said += ann.take_said()
    bob.take(*said)
    before = bob.comparison
    bob.take(*said, *said)
    assert bob.comparison == before
    ann.say(is_equal=True)
    bob.say(is_equal=True)
    said += ann.said
    talk(ann, bob)
    before = bob.comparison
    bob.take(*said, *said)
    assert bob.comparison == before
    assert before.stage == "matched"


def test_a_commitment_of_a_comparison_that_is_over_begins_no_other() -> None:
    ann, bob = pair()
    ann.ask()
    (old,) = ann.take_said()
    ann.say(is_equal=False)
    ann.take_said()
    ann.ask()
    talk(ann, bob)
    bob.ask()
    talk(ann, bob)
    bob.take(old)
    assert bob.comparison.stage == "compare"


def test_a_person_cannot_confirm_what_nobody_saw() -> None:
    ann, bob = pair()
    for is_equal in (True, False):
        with pytest.raises(UserError):
            ann.comparison.say(is_equal=is_equal)
    ann.ask()
    talk(ann, bob)
    for side in (ann, bob):
        with pytest.raises(UserError) as caught:
            side.comparison.say(is_equal=True)
        assert caught.value.kind == "nothing-to-compare"
    reference = ann.comparison.state.commit[:REFERENCE_BYTES]  # type: ignore[union-attr]  # asked
    with pytest.raises(PeerError):
        ann.take((COMPARE_VERDICT, reference + b"\x01"))
    assert ann.comparison.stage == "asked by us"


@pytest.mark.parametrize(
    "kind, length", [(COMPARE_COMMIT, 36), (COMPARE_ANSWER, 52), (COMPARE_REVEAL, 48)]
)
def test_a_step_of_a_wrong_length_is_refused(kind: int, length: int) -> None:
    ann, _ = pair()
    ann.take((kind, bytes(length)))
    for wrong in (0, length - 1, length + 1):
        with pytest.raises(PeerError):
            ann.take((kind, bytes(wrong)))
    for wrong_verdict in (b"", bytes(16), bytes(16) + b"\x02", bytes(18)):
        with pytest.raises(PeerError):
            ann.take((COMPARE_VERDICT, wrong_verdict))
    with pytest.raises(PeerError):
        ann.take((99, b""))


def test_after_a_day_it_is_as_if_nothing_had_been() -> None:
    ann, _ = comparing()
    late = UnixSeconds(NOW + COMPARISON_SECONDS_MAX)
    assert ann.comparison.expired(UnixSeconds(late - 1)) == ann.comparison
    assert ann.comparison.expired(late).stage == "none"
    assert ann.comparison.expired(UnixSeconds(NOW - COMPARISON_SECONDS_MAX)).stage == "none"
    idle = Comparison(ANN, BOB)
    assert idle.expired(late) == idle


def test_every_state_survives_a_row() -> None:
    ann, bob = pair()
    ann.ask()
    assert Comparison.decode(ANN, BOB, ann.comparison.encode()) == ann.comparison
    bob.take(*ann.take_said())
    assert Comparison.decode(BOB, ANN, bob.comparison.encode()) == bob.comparison
    bob.ask()
    assert Comparison.decode(BOB, ANN, bob.comparison.encode()) == bob.comparison
    talk(ann, bob)
    ann.say(is_equal=True)
    talk(ann, bob)
    assert Comparison.decode(BOB, ANN, bob.comparison.encode()) == bob.comparison
    with pytest.raises(StorageError):
        Comparison.decode(ANN, BOB, b"\x93")


def test_an_unrevealed_nonce_is_in_no_repr() -> None:
    ann, _ = pair()
    ann.ask()
    assert isinstance(ann.comparison.state, Asked)
    assert repr(ann.comparison.state) == "Asked(...)"


def test_what_is_shown_grows_from_nonces_roles_and_parties_as_specified() -> None:
    ann, bob = pair()
    ann.ask()
    assert isinstance(ann.comparison.state, Asked)
    nonce, number = ann.comparison.state.nonce, NOW.to_bytes(4, "big")
    parties = b"\x00\x40" + ANN + b"\x00\x40" + BOB
    commit = blake2b(nonce, number + parties, b"mesh/cmp/commit", COMMIT_BYTES)
    assert ann.said == [(COMPARE_COMMIT, number + commit)]
    talk(ann, bob)
    bob.ask()
    ((_, answer),) = bob.said
    talk(ann, bob)
    both = nonce + answer[-NONCE_BYTES:]
    shown = blake2b(both, commit + parties, b"mesh/cmp/shown", 11)
    assert bob.comparison.emoji == emoji_of(shown)
    assert bob.comparison.numbers == numbers_of(shown)


class Given:
    """Gives these bytes, once."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def draw(self, length: int) -> bytes:
        assert length == len(self.data)
        return self.data


def test_the_known_answer_of_the_protocol_page_comes_out() -> None:
    first, second = bytes(range(64)), bytes(range(64, 128))
    ann, bob = Comparison(first, second), Comparison(second, first)
    ann, ((kind, commit),) = ann.ask(Given(bytes(32)), NOW)
    assert commit.hex() == (
        "6553f10054ea6715da80d254ccba9c36b6ad87aedc88572d800f68511b7329003b54fe84"
    )
    bob, _ = bob.came(kind, commit, Given(b""), NOW)
    bob, (answer,) = bob.ask(Given(b"\xff" * 32), NOW)
    ann, _ = ann.came(*answer, Given(b""), NOW)
    assert ann._shown.hex() == "9118d3179be6f61bd141a8"
    assert [name for _, name in ann.emoji] == [
        "Thumbs Up",
        "Cactus",
        "Santa",
        "Globe",
        "Pig",
        "Guitar",
        "Key",
    ]
    assert ann.numbers == [8875, 4909, 1212]


def test_bits_become_pictures_and_numbers_from_the_top() -> None:
    emoji = 0b000001_000010_000011_111111_000000_100000_000101 << 6 | 0b101010
    numbers = 0b0000000000000_1111111111111_0000000000001 << 1 | 1
    shown = emoji.to_bytes(6, "big") + numbers.to_bytes(5, "big")
    assert emoji_of(shown) == [EMOJI[place] for place in (1, 2, 3, 63, 0, 32, 5)]
    assert numbers_of(shown) == [1000, 9191, 1001]


def test_no_two_pictures_or_names_are_one() -> None:
    assert len(EMOJI) == 64
    assert len({picture for picture, _ in EMOJI}) == len({name for _, name in EMOJI}) == 64


class Disorder(RuleBasedStateMachine):
    """Two honest sides over a channel that loses, repeats and reorders."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = [Side(ANN, BOB, 1), Side(BOB, ANN, 2)]
        self.sent: list[list[Control]] = [[], []]
        self.confirmed: list[list[bytes]] = [[], []]

    def _gather(self) -> None:
        for place, side in enumerate(self.sides):
            self.sent[place] += side.take_said()

    @rule(who=st.integers(0, 1))
    def ask(self, who: int) -> None:
        self.sides[who].ask()
        self._gather()

    @rule(who=st.integers(0, 1), is_equal=st.sampled_from([True, True, True, False]))
    def say(self, who: int, is_equal: bool) -> None:
        side = self.sides[who]
        if side.comparison.stage == "compare":
            if is_equal:
                self.confirmed[who].append(side.comparison._shown)
            side.say(is_equal=is_equal)
        self._gather()

    @precondition(lambda self: self.sent[0] or self.sent[1])
    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from([place for place in (0, 1) if self.sent[place]]))
        # The newest most often, so that comparisons come to an end at all.
        age = data.draw(st.integers(0, len(self.sent[who]) - 1))
        self.sides[1 - who].take(self.sent[who][-1 - age])
        self._gather()

    @rule(who=st.integers(0, 1))
    def restart(self, who: int) -> None:
        side = self.sides[who]
        kept = side.comparison
        side.comparison = Comparison.decode(kept.ours, kept.theirs, kept.encode())

    @invariant()
    def matched_stands_on_both_verdicts(self) -> None:
        for who, side in enumerate(self.sides):
            if side.comparison.stage == "matched":
                shown = side.comparison._shown
                assert shown in self.confirmed[who]
                assert shown in self.confirmed[1 - who]


TestDisorder = Disorder.TestCase
TestDisorder.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_whoever_compares_with_himself_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        Comparison(ANN, ANN)
    assert replace(Comparison(ANN, BOB), our_number=3).our_number == 3
