"""A vault that a release of the 0.1 line made: everything in it is found again.

`vaults/0.1.sql` holds its rows, with a message in each state, a gap, sealed and unsealed mail, a
blocked contact and one who waits apart; `vaults/0.1.json` what that release told of it.
"""

import json
from pathlib import Path

import pytest

from mesh.commands.item_commands import EditItem
from mesh.commands.messages import MessageAnswer
from mesh.database import Connection
from mesh.errors import UserError
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault, schema_version
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from tests.messenger.people import START_S, Clock, Person

VAULTS = Path(__file__).parent / "vaults"
TOLD = json.loads((VAULTS / "0.1.json").read_text(encoding="utf-8"))
CODES = {
    "waiting for their key": "awaiting-key",
    "queued here": "queued",
    "delivered before it was withdrawn": "delivered-then-withdrawn",
}
NEW = (
    "author",
    "conversation",
    "state",
    "exported",
    "kept_until",
    "posts_count",
    "unanswered_since",
    "is_invite_closed",
)
UNCHANGED = ("heads", "gaps", "outbox", "unsealed", "carriers")
RENAMED = {"unsealed": "payloads", "messages": "entries"}
TOLD_ANEW = ("contact_keys", "keys_given")
"""Contacts told whole posting keys to 0.1; their hashes come with the next messages."""


def rows(connection: Connection, columns: str, table: str) -> list[list[object]]:
    """The rows of a table as they stand in the file of what was told."""
    found = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
    return [[each.hex() if isinstance(each, bytes) else each for each in row] for row in found]


@pytest.fixture
def former() -> Connection:
    connection = connect(None, None)
    statements = (VAULTS / "0.1.sql").read_text(encoding="utf-8").split(";\n")
    for statement in statements:
        # Tables are made before those that they refer to, and foreign keys look at the commit.
        sql = statement.removeprefix("-- The vault of a test, dumped by the last release of the ")
        sql = sql.split("\n", 1)[1] if sql.startswith("0.1 line") else sql
        if sql.strip():
            connection.execute(sql)
            if sql.startswith("BEGIN"):
                connection.execute("PRAGMA defer_foreign_keys = ON")
    assert schema_version(connection) == 3
    return connection


@pytest.fixture
def person(former: Connection) -> Person:
    """Ann, at the moment at which her vault was kept."""
    migrate_vault(former)
    clock = Clock()
    clock.pass_by(TOLD["unix_ms"] / 1000 - START_S)
    person = Person("Nobody", clock, seed=9)
    person.connection = former
    person.restart()
    return person


def test_it_steps_up_to_the_schema_of_a_new_vault(former: Connection) -> None:
    fresh = connect(None, None)
    migrate_vault(fresh)
    migrate_vault(former)
    assert schema_version(former) == len(VAULT_MIGRATIONS)
    schemas = [
        sorted(
            (name, " ".join(sql.split()))
            for name, sql in each.execute("SELECT name, sql FROM sqlite_master").fetchall()
            if isinstance(name, str) and isinstance(sql, str)
        )
        for each in (fresh, former)
    ]
    assert schemas[0] == schemas[1]
    assert former.execute("PRAGMA foreign_key_check").fetchall() == []


def test_every_row_is_carried_over(former: Connection) -> None:
    migrate_vault(former)
    dump = TOLD["dump"]
    columns = {
        "heads": "conversation, position, id",
        "gaps": "conversation, parent, child",
        "outbox": "id, message, lapses, read_hash",
        "unsealed": "contact, message, payload",
        "carriers": "message, link",
    }
    for table in UNCHANGED:
        assert rows(former, columns[table], RENAMED.get(table, table)) == dump[table], table
    messages = rows(
        former, "number, conversation, id, position, state, lapses, send_key", "entries"
    )
    assert messages == [
        [CODES.get(each, each) if isinstance(each, str) else each for each in row]
        for row in dump["messages"]
    ]
    columns_counted = "contact, sent_count, seen_count, keys_told, lapsed_count, renewed"
    counted = rows(former, columns_counted, "exchanges")
    assert counted == [[row[0], row[1], *row[4:]] for row in dump["conversations"]]
    settings = "number, read_position, sends_read_receipts"
    direct = rows(former, settings, "conversations WHERE kind = 'direct'")
    assert direct == [[row[0], row[2], row[3]] for row in dump["conversations"]]
    for table, count in TOLD["rows"].items():
        if table in TOLD_ANEW:
            assert rows(former, "*", table) == [], table
        elif table != "conversations":
            assert len(rows(former, "*", RENAMED.get(table, table))) == count, table


def test_contacts_invites_and_messages_are_told_as_before(person: Person) -> None:
    contacts = [
        {name: getattr(each, name) for name in TOLD["contacts"][0]} for each in person.contacts()
    ]
    assert contacts == TOLD["contacts"]
    for label, messages in TOLD["messages"].items():
        found = person.messages(label)
        assert [told_before(each) for each in found] == messages, label


def test_words_of_before_are_where_words_are_and_are_changed_like_others(person: Person) -> None:
    words = "SELECT text, CAST(data AS TEXT), form, kind, verdict, place FROM entries "
    words += "JOIN texts ON texts.entry = number JOIN contents ON contents.entry = number"
    found = person.connection.execute(words).fetchall()
    assert len(found) == TOLD["rows"]["messages"]
    assert all(row[0] == row[1] and row[2:] == (1, 0, "valid", 1) for row in found)
    (label, messages) = next((each, said) for each, said in TOLD["messages"].items() if said)
    mine = next(message for message in messages if message["is_mine"])
    with pytest.raises(UserError, match="plain texts only"):
        person.ask(EditItem(mine["number"], "with other words"))
    with transaction(person.connection):
        person.connection.execute("UPDATE exchanges SET reads = 2")
    person.ask(EditItem(mine["number"], "with other words"))
    assert "with other words" in person.texts(label)


def told_before(message: MessageAnswer) -> dict[str, object]:
    """A message as the former release told it."""
    words = {code: sentence for sentence, code in CODES.items()}
    told: dict[str, object] = {
        name: getattr(message, name) for name in message.__struct_fields__ if name not in NEW
    }
    return told | {"state": words.get(message.state, message.state)}


def test_numbers_go_on_above_all_that_were_given(person: Person) -> None:
    (last,) = person.connection.execute("SELECT max(id) FROM contacts").fetchall()[0]
    assert isinstance(last, int)
    assert person.send("me", "after the step").number == TOLD["next_number"] + 1
    # A contact who comes now does not get the number of the conversation with oneself.
    guest = Person("Guest", person.clock, seed=10)
    assert person.add(guest.invite().link).id == last + 2


def test_a_failed_step_leaves_the_former_vault(former: Connection) -> None:
    with transaction(former):
        former.execute("CREATE TABLE former_carriers (here INTEGER)")
    with pytest.raises(AssertionError, match="former_carriers"):
        migrate_vault(former)
    assert schema_version(former) == 3
    assert len(rows(former, "*", "messages")) == TOLD["rows"]["messages"]
