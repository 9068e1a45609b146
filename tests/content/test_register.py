"""Registers: every order shows the same, and one press sets them, whatever clocks lie in them."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import EntryId
from mesh.content.register import Value, fold, last_words, overs_to_write
from mesh.ids import VerifyKey
from tests.content.making import ADA, BEN, CY, value_of

AUTHORS = (ADA, BEN, CY)


@st.composite
def registers(draw: st.DrawFn) -> list[Value[object]]:
    """Values that name others, some of which are nowhere; clocks lie."""
    values: list[Value[object]] = []
    for number in range(draw(st.integers(1, 12))):
        known = [value.id for value in values] + [EntryId(bytes(32))]
        over = draw(st.lists(st.sampled_from(known), max_size=8, unique=True))
        author, clock = draw(st.sampled_from(AUTHORS)), draw(st.integers(0, 5))
        values.append(value_of(number + 1, author, clock, number, tuple(over)))
    return values


@given(registers(), st.randoms())
def test_every_order_shows_the_same(values: list[Value[object]], chance: random.Random) -> None:
    shown = fold(values)
    shuffled = list(values)
    chance.shuffle(shuffled)
    assert fold(shuffled) == shown
    assert shown is not None
    assert shown.shown in values


@given(registers(), st.sampled_from(AUTHORS))
def test_one_press_sets_it(values: list[Value[object]], author: VerifyKey) -> None:
    after = pressed(values, author)
    shown = fold(after)
    assert shown is not None
    assert shown.shown.value == "pressed"
    assert shown.others == ()


def pressed(values: list[Value[object]], author: VerifyKey) -> list[Value[object]]:
    """Return all values after a press by somebody whose clock is at zero."""
    written: list[Value[object]] = []

    def write(over: tuple[EntryId, ...]) -> EntryId:
        one = value_of(10_000 + len(written), author, 0, "pressed", over)
        written.append(one)
        return one.id

    assert len(written) == 0
    ids = overs_to_write(values, author, write)
    assert [one.id for one in written] == ids
    assert all(len(one.over) <= 8 for one in written)
    return [*values, *written]


def test_a_liar_with_a_thousand_values_costs_one_entry() -> None:
    values = [value_of(number + 1, BEN, 1 << 60, number) for number in range(1_000)]
    assert len(pressed(values, ADA)) == 1_001


def test_twenty_liars_with_a_hundred_each_cost_three_entries() -> None:
    # Each has one last word; the first names eight of them, and each further one seven.
    liars = [VerifyKey(bytes([100 + number]) * 32) for number in range(20)]
    values = [
        value_of(100 * place + number + 1, liar, 1 << 60, number)
        for place, liar in enumerate(liars)
        for number in range(100)
    ]
    assert len(pressed(values, ADA)) == 2_003


def test_a_hundred_and_thirteen_are_named_by_sixteen_entries() -> None:
    authors = [VerifyKey(number.to_bytes(32)) for number in range(1, 114)]
    values = [value_of(place + 1, author, place, place) for place, author in enumerate(authors)]
    assert len(pressed(values, CY)) == 113 + 16


def test_what_two_sides_of_a_cut_set_stands_beside_each_other() -> None:
    first = value_of(1, ADA, 5, "open")
    one = value_of(2, ADA, 6, "done", (first.id,))
    other = value_of(3, BEN, 7, "being done", (first.id,))
    folded = fold([first, one, other])
    assert folded is not None
    assert (folded.shown, folded.others) == (other, (one,))


def test_a_clock_far_ahead_wins_until_somebody_touches_it() -> None:
    lie = value_of(1, BEN, 1 << 61, "lie")
    other = value_of(2, ADA, 5, "truth")
    folded = fold([lie, other])
    assert folded is not None
    assert folded.shown is lie
    touched = value_of(3, ADA, 6, "truth", (other.id, lie.id))
    folded = fold([lie, other, touched])
    assert folded is not None
    assert (folded.shown, folded.others) == (touched, ())


def test_if_all_are_named_the_greatest_last_word_stands() -> None:
    ada, ben = EntryId((1).to_bytes(32)), EntryId((2).to_bytes(32))
    values = [value_of(1, ADA, 5, "a", (ben,)), value_of(2, BEN, 6, "b", (ada,))]
    folded = fold(values)
    assert folded is not None
    assert (folded.shown.value, folded.others) == ("b", ())


def test_of_each_author_one_value_counts() -> None:
    first = value_of(1, ADA, 9, "first")
    second = value_of(2, ADA, 3, "second", (first.id,))
    third = value_of(3, BEN, 1, "third")
    assert last_words([first, second, third]) == {ADA: second, BEN: third}


def test_without_values_nothing_is_shown() -> None:
    assert fold([]) is None
