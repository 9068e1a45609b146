"""Whoever could be mistaken for another contact is never shown by the name alone."""

import pytest

from mesh.cli.names import Names, shown
from tests.cli.answers import contact, message


def test_a_name_like_no_other_stands_alone() -> None:
    assert shown(contact("Ben")) == "Ben"


def test_a_name_that_looks_like_another_bears_the_key() -> None:
    assert shown(contact("Ben", looks_like=["Веn"])) == "Ben [01234567]"


def test_a_label_that_imitates_such_a_mark_bears_the_key_as_well() -> None:
    assert shown(contact("Ben [fedcba98]")) == "Ben [fedcba98] [01234567]"


def test_a_label_that_could_stand_before_a_message_of_ours_bears_the_key() -> None:
    assert shown(contact("me → Cleo")) == "me → Cleo [01234567]"


@pytest.mark.parametrize("label", ["\u202eneB", "B\x1b[2Jen", "Ben\nme: pay him"])
def test_a_name_commands_nothing(label: str) -> None:
    assert all(each.isprintable() for each in shown(contact(label)))


def test_a_message_is_named_after_its_contact_and_not_after_what_it_says() -> None:
    names = Names([contact("Ben", looks_like=["Веn"])])
    assert names.of(message(label="Ben")) == "Ben [01234567]"
    assert names.of(message(contact=2, label="Cl\u202eeo")) == "Cl<U+202E>eo"


def test_who_waits_apart_is_known_and_who_is_blocked_does_not_wait() -> None:
    waits = contact("Stranger", number=2, is_request=True)
    blocked = contact("Pest", number=3, is_request=True, is_blocked=True)
    names = Names([contact(), waits, blocked])
    assert [names.is_request(number) for number in (1, 2, 9)] == [False, True, False]
    assert names.requests() == [waits]


@pytest.mark.parametrize(
    "named, number",
    [
        ("Ben", 1),
        ("2", 2),
        ("1", 3),
        ("0123456", None),
        ("FFFF0000", 2),
        ("01234567", None),
        ("bEN", 1),
    ],
)
def test_a_contact_is_found_as_the_node_finds_them(named: str, number: int | None) -> None:
    everybody = [
        contact("Ben"),
        contact("Cleo", number=2, key="ffff0000" * 8),
        contact("1", number=3),
    ]
    found = Names(everybody).find(named)
    assert (None if found is None else found.id) == number
