"""A name behind an @ means somebody who is in the conversation."""

import pytest

from mesh.cli.mentions import Somebody, mentions_in, told_apart

PEOPLE = {"Bo": "a", "Bo Li": "b", "\U0001f600ra": "c"}


@pytest.mark.parametrize(
    "text, found",
    [
        ("@Bo and @bo li, not x@Bo nor @Bob", [(0, 3, "a"), (8, 6, "b")]),
        ("\U0001f600 @\U0001f600ra!", [(2, 4, "c")]),
        ("@@Bo @", [(1, 3, "a")]),
        ("nobody@home", []),
    ],
)
def test_the_longest_name_between_other_words_is_meant(
    text: str, found: list[tuple[int, int, str]]
) -> None:
    told = mentions_in(text, PEOPLE)
    assert [(one.start, one.length, one.key) for one in told] == found


def test_more_than_may_be_named_are_not() -> None:
    assert len(mentions_in("@Bo " * 30, PEOPLE)) == 16


ADA = Somebody("Ada", "aaaaaaaa11", is_contact=True)
OTHER = Somebody("ada", "bbbbbbbb22", is_contact=False)
THIRD = Somebody("Ada", "cccccccc33", is_contact=False)
FALSE = Somebody("ada bbbbbbbb", "dddddddd44", is_contact=False)


@pytest.mark.parametrize(
    "people, found",
    [
        ([ADA, OTHER], {"Ada": ADA.key, "ada bbbbbbbb": OTHER.key}),
        ([OTHER, ADA], {"Ada": ADA.key, "ada bbbbbbbb": OTHER.key}),
        ([OTHER, THIRD], {"ada bbbbbbbb": OTHER.key, "Ada cccccccc": THIRD.key}),
        ([ADA, OTHER, FALSE], {"Ada": ADA.key}),
        ([OTHER], {"ada": OTHER.key}),
    ],
)
def test_a_name_that_two_bear_means_the_contact_or_nobody(
    people: list[Somebody], found: dict[str, str]
) -> None:
    assert told_apart(people) == found
