"""A passphrase that somebody chose is told as weak or not, and never refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.strength import amount, find_warning, lasting_at_most
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX, PASSPHRASE_GUESSES_MIN
from mesh.node.strength import guesses_of


@pytest.mark.parametrize(
    "passphrase", ["password", "qwertyuiop", "correct horse", "Überraschung", "12.07.1998"]
)
def test_what_people_choose_often_is_called_weak(passphrase: str) -> None:
    warning = find_warning(passphrase)
    assert warning is not None
    assert "weak" in warning
    assert passphrase not in warning


@pytest.mark.parametrize(
    "passphrase", ["zoo bar ink mud", "vogel lampe tisch regen", "J4k#w8Qz!tL2vB"]
)
def test_four_random_words_are_not(passphrase: str) -> None:
    assert find_warning(passphrase) is None


def test_no_passphrase_has_a_warning_of_its_own() -> None:
    assert find_warning("") is None


def test_ones_own_name_is_guessed_first() -> None:
    assert guesses_of("annabellaschwarz", ["Annabellaschwarz"]) < 10
    assert guesses_of("annabellaschwarz") > 1_000


@given(st.text(max_size=PASSPHRASE_BYTES_MAX // 4))
def test_every_passphrase_has_an_estimate(passphrase: str) -> None:
    is_weak = find_warning(passphrase) is not None
    assert is_weak == (passphrase != "" and guesses_of(passphrase) < PASSPHRASE_GUESSES_MIN)


@pytest.mark.parametrize(
    "guesses, told",
    [
        (1, "1 guess"),
        (999, "999 guesses"),
        (15_400, "15 thousand guesses"),
        (10**11, "100 billion guesses"),
    ],
)
def test_a_number_of_guesses_is_told_as_one_speaks(guesses: int, told: str) -> None:
    assert amount(guesses) == told


@pytest.mark.parametrize(
    "guesses, told",
    [
        (3, "less than a second"),
        (500, "at most 1 second"),
        (10**8, "at most 2 days"),
        (10**12, "at most 63 years"),
    ],
)
def test_how_long_it_withstands_is_told_in_one_unit(guesses: int, told: str) -> None:
    assert lasting_at_most(guesses) == told
