"""Look-alikes: what a reader could mistake is found, and what nobody mistakes is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.ids import ContactId
from mesh.messenger.confusables import LOOKS
from mesh.messenger.contacts.look_alikes import LookAlikes
from mesh.messenger.looks import is_alike, looks_of

ANN, BOB, CEM = ContactId(1), ContactId(2), ContactId(3)


@pytest.mark.parametrize(
    "one, other",
    [
        ("paypal", "р\u0430ур\u0430l"),  # Cyrillic
        ("Ann", "\u0391nn"),  # Greek
        ("Алиса", "\u0410лиc\u0430"),  # a Latin c among Cyrillic letters
        ("Ann", "Ａｎｎ"),  # full width
        ("Ann", "𝐀𝐧𝐧"),  # mathematical
        ("Ann", "ann"),
        ("Ian", "lan"),
        ("Ian", "1an"),
        ("bob", "b0b"),
        ("Bob", "B0b"),
        ("modern", "modem"),
        ("José", "Jose"),
        ("Jose\u0301", "José"),
        ("Søren", "Soren"),
        ("Łukasz", "Lukasz"),
        ("Ann Lee", "Ann  Lee"),
        ("Ann Lee", "Ann\u00a0Lee"),
        ("Ann", "Ann\ufe0f"),
        ("O'Neil", "O’Neil"),
        ("file", "ﬁle"),
    ],
)
def test_names_that_could_be_mistaken_look_alike(one: str, other: str) -> None:
    assert is_alike(one, other)
    assert is_alike(other, one)


@pytest.mark.parametrize(
    "one, other",
    [
        ("Ann", "Anna"),
        ("Ann", "Ann 2"),
        ("Bob", "Rob"),
        ("Ali", "All"),
        ("राम", "रीम"),
        ("محمد", "محمود"),
        ("李", "季"),
        ("AnnLee", "Ann Lee"),
    ],
)
def test_names_that_nobody_mistakes_do_not(one: str, other: str) -> None:
    assert not is_alike(one, other)


@given(st.text(max_size=30))
def test_every_name_looks_like_itself_and_its_skeleton_like_it(name: str) -> None:
    assert is_alike(name, name)
    written, _ = looks_of(name)
    assert looks_of(written)[0] == written


def test_the_table_maps_to_what_it_does_not_map_further() -> None:
    assert len(LOOKS) > 2_000
    for character, look in LOOKS.items():
        assert chr(character) != look
        assert look.translate(LOOKS) == look


def test_those_who_look_alike_find_each_other_until_they_do_not() -> None:
    looks = LookAlikes()
    looks.put(ANN, ["Ann", "Anne Smith"])
    looks.put(BOB, ["Bob", "\u0391nn"])
    looks.put(CEM, ["Cem", ""])
    assert (looks.of(ANN), looks.of(BOB), looks.of(CEM)) == ([BOB], [ANN], [])
    assert looks.like("ANNE SMITH") == [ANN]
    assert looks.like("ann") == [ANN, BOB]
    assert looks.like("ann", but=ANN) == [BOB]
    assert looks.like("") == []
    looks.put(BOB, ["Bob"])
    assert looks.of(ANN) == []
    looks.remove(ANN)
    looks.remove(ANN)
    assert looks.like("Ann") == []
    assert looks.of(ANN) == []
