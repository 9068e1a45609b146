"""Contacts who are removed, and contacts who go on under a new identity."""

import pytest

from mesh.commands.answer import Done
from mesh.commands.contacts import (
    AskContact,
    BlockContact,
    ContactAnswer,
    RemoveContact,
    ReplaceIdentity,
    VerifyContact,
)
from mesh.commands.verification import Compare
from mesh.errors import UserError
from mesh.events import (
    ContactChanged,
    ContactNoted,
    ContactRemoved,
)
from tests.messenger.people import (
    Clock,
    Person,
    acquainted,
    details,
    exchange,
    notes,
    one_contact,
)


def rows_of(person: Person, contact: int) -> list[str]:
    """Tables in which a row still speaks of a contact."""
    tables = person.connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    found = []
    for (table,) in tables:
        for column in person.connection.execute(f"PRAGMA table_info({table})").fetchall():
            name = column[1]
            is_about_contacts = name in (
                "contact",
                "voucher",
                "guest",
                "host",
                "introduced_by",
                "vouched_by",
            ) or (table, name) == ("contacts", "id")
            if is_about_contacts:
                rows = person.connection.execute(
                    f"SELECT 1 FROM {table} WHERE {name} = ?", (contact,)
                ).fetchall()
                found += [f"{table}.{name}"] * bool(rows)
    return found


# --- Removal ------------------------------------------------------------------------------------


def test_of_who_is_removed_nothing_is_left() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    cem = Person("Cem", clock, seed=3)
    cem.add(ann.invite().link)
    exchange(ann, cem)
    bob.send("Ann", "a marker that nobody else writes")
    exchange(ann, bob)
    ann.send("Bob", "an answer to the marker")
    ann.ask(Compare("Bob"))
    ann.ask(VerifyContact("Bob"))
    ann.send("Cem", "stay")
    bobs = one_contact(ann, "Bob").id
    assert rows_of(ann, bobs) != []
    ann.take_events()
    assert ann.ask(RemoveContact("Bob")) == Done()
    assert ann.take_events() == [ContactRemoved(bobs, "Bob")]
    assert rows_of(ann, bobs) == []
    assert [contact.label for contact in ann.contacts()] == ["Cem"]
    with pytest.raises(UserError) as caught:
        ann.ask(AskContact("Bob"))
    assert caught.value.kind == "not-found"
    tables = ann.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    for (table,) in tables.fetchall():
        assert "marker" not in repr(ann.connection.execute(f"SELECT * FROM {table}").fetchall())
    bob.send("Ann", "are you there?")
    late = bob.post()
    ann.receive(late)
    assert not any(one.header.tag in ann.messenger.parts.tag_index for one in late)
    assert ann.texts() == ["stay"]
    exchange(ann, cem)
    assert cem.texts("Ann") == ["stay"]
    ann.restart()
    assert [contact.label for contact in ann.contacts()] == ["Cem"]


def test_who_was_removed_can_come_again_as_somebody_new() -> None:
    ann, bob = acquainted(Clock())
    ann.ask(VerifyContact("Bob"))
    ann.ask(RemoveContact("Bob"))
    bob.ask(RemoveContact("Ann"))
    ann.add(bob.invite().link)
    exchange(ann, bob)
    assert one_contact(ann, "Bob").trust == "known"
    ann.send("Bob", "again")
    exchange(ann, bob)
    assert bob.texts("Ann") == ["again"]


def test_a_repetition_of_a_removed_contacts_first_contact_brings_nobody_back() -> None:
    clock = Clock()
    ann, bob = Person("Ann", clock, seed=1), Person("Bob", clock, seed=2)
    bob.add(ann.invite().link)
    bob.send("Ann", "one")
    first, second = bob.post()
    ann.receive([first])
    ann.ask(RemoveContact("Bob"))
    ann.receive([second, first])
    assert ann.contacts() == []


def test_messages_on_their_way_to_others_are_still_counted_after_a_removal() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    cem = Person("Cem", clock, seed=3)
    cem.add(ann.invite().link)
    exchange(ann, cem)
    ann.send("Cem", "kept")
    posted = ann.post()
    ann.send("Bob", "lost")
    ann.ask(RemoveContact("Bob"))
    assert ann.post() == []
    assert ann.messenger.parts.transit.deadline() is None
    ann.carried_by(b"n" * 32, posted)
    assert [message.state for message in ann.messages("Cem")] == ["carried"]
    assert bob.texts() == []


# --- Identities that change ---------------------------------------------------------------------


def test_a_conversation_goes_on_under_a_new_identity_and_trust_begins_again() -> None:
    clock = Clock()
    ann, bob = acquainted(clock)
    bob.send("Ann", "from my old laptop")
    exchange(ann, bob)
    ann.ask(VerifyContact("Bob"))
    old_number = details(ann, "Bob").safety_number
    clock.pass_by(10)
    fresh = Person("Bob", clock, seed=9)
    fresh.add(ann.invite().link)
    fresh.send("Ann", "from my new laptop")
    exchange(ann, fresh)
    former, newer = one_contact(ann, "Bob"), one_contact(ann, "Bob 2")
    ann.take_events()
    clock.pass_by(60)
    answer = ann.ask(ReplaceIdentity("Bob", "Bob 2"))
    assert isinstance(answer, ContactAnswer)
    assert (answer.id, answer.label, answer.trust) == (former.id, "Bob", "first seen")
    assert (answer.key, answer.identity_changed) == (newer.key, int(clock.now.mesh))
    assert answer.looks_like == []
    kinds = [type(event) for event in ann.take_events()]
    assert kinds == [ContactRemoved, ContactChanged, ContactNoted]
    assert rows_of(ann, newer.id) == []
    assert details(ann, "Bob").safety_number not in ("", old_number)
    assert "identity changed" in [note.kind for note in notes(ann, "Bob")]
    assert ann.texts("Bob") == ["from my old laptop", "from my new laptop"]
    fresh.send("Ann", "and on")
    exchange(ann, fresh)
    ann.send("Bob", "to the new one")
    exchange(ann, fresh, bob)
    assert ann.texts("Bob")[-2:] == ["and on", "to the new one"]
    assert fresh.texts("Ann")[-1] == "to the new one"
    assert bob.texts("Ann") == ["from my old laptop"]
    ann.restart()
    assert one_contact(ann, "Bob") == ann.contacts()[0]


def test_an_identity_is_not_replaced_by_itself_or_for_somebody_blocked() -> None:
    clock = Clock()
    ann, _ = acquainted(clock)
    cem = Person("Cem", clock, seed=3)
    cem.add(ann.invite().link)
    exchange(ann, cem)
    with pytest.raises(UserError) as caught:
        ann.ask(ReplaceIdentity("Bob", "Bob"))
    assert caught.value.kind == "same-contact"
    ann.ask(BlockContact("Cem"))
    for contact, by in (("Bob", "Cem"), ("Cem", "Bob")):
        with pytest.raises(UserError) as caught:
            ann.ask(ReplaceIdentity(contact, by))
        assert caught.value.kind == "blocked"
    assert len(ann.contacts()) == 2
