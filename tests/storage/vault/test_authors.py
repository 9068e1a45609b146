"""Authors of entries: the step to them, and registers into which any number of them write."""

from collections.abc import Iterable
from random import Random

import pytest

from mesh.content.entry import EntryId
from mesh.content.register import Value, fold, last_words
from mesh.database import Connection
from mesh.ids import ConversationId, MessageId, UnixSeconds, VerifyKey, direct_conversation
from mesh.storage import migrations
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.authors import AUTHORS
from mesh.storage.vault.registers import HIDDEN_SINCE, ValueRow
from mesh.storage.vault.rows import NEW_CONTACT, ContactRow, EntryRow
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.storage.vault.vault import Vault

TARGET = bytes(32)


def group(connection: Connection) -> tuple[Vault, ConversationId]:
    vault = Vault(connection)
    with transaction(connection):
        return vault, vault.conversations.add_group()


@pytest.fixture
def empty() -> Connection:
    connection = connect(None, None)
    migrate_vault(connection)
    return connection


def key_of(author: int) -> VerifyKey:
    return VerifyKey(author.to_bytes(32))


def added(vault: Vault, conversation: ConversationId, author: int, id_: bytes, clock: int) -> int:
    """Add the entry of a value, and return its number."""
    row = EntryRow(
        number=0,
        conversation=conversation,
        id=MessageId(id_),
        is_mine=author == 0,
        author=author,
        parents=b"",
        clock=clock,
        position=clock,
        received=UnixSeconds(0),
        state="received",
        kind=68,
        target=TARGET,
        place=False,
        is_read=True,
    )
    return vault.entries.insert(row).number


def shown(rows: Iterable[ValueRow]) -> list[bytes]:
    return [bytes(row.id) for row in rows]


@pytest.mark.parametrize("seed", range(30))
def test_a_register_shows_what_the_rules_say_however_values_come_and_go(
    empty: Connection, seed: int
) -> None:
    chance, (vault, conversation) = Random(seed), group(empty)
    values: list[Value[int]] = []
    numbers: dict[EntryId, int] = {}
    counted: dict[EntryId, Value[int]] = {}
    authors = chance.choice((2, 3, 6))
    with transaction(empty):
        for number in range(14):
            id_ = EntryId(chance.randbytes(32))
            known = [value.id for value in values]
            over = tuple(chance.sample(known, min(len(known), chance.randrange(4))))
            author = chance.randrange(authors) if authors > 2 else chance.randrange(2)
            value = Value(id_, key_of(author), chance.randrange(5), over, number)
            values.append(value)
            numbers[id_] = added(vault, conversation, author, id_, value.clock)
        for _ in range(40):
            value = chance.choice(values)
            if value.id in counted:
                del counted[value.id]
                assert vault.registers.remove(numbers[value.id]) is not None
                assert vault.registers.remove(numbers[value.id]) is None
            else:
                counted[value.id] = value
                row = ValueRow(
                    numbers[value.id],
                    conversation,
                    TARGET,
                    "pin",
                    b"",
                    int.from_bytes(value.author),
                    value.clock,
                    MessageId(value.id),
                )
                vault.registers.add(row, value.over)
            where = (conversation, TARGET, "pin")
            words = sorted(
                last_words(counted.values()).values(), key=lambda one: one.rank, reverse=True
            )
            assert shown(vault.registers.last_words(*where)) == [word.id for word in words]
            folded = fold(counted.values())
            standing = [] if folded is None else [folded.shown, *folded.others]
            assert shown(vault.registers.standing(*where)) == [word.id for word in standing]


def test_in_an_older_vault_what_is_hidden_is_so_since_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = connect(None, None)
    before = VAULT_MIGRATIONS[: VAULT_MIGRATIONS.index(HIDDEN_SINCE)]
    monkeypatch.setattr(migrations, "VAULT_MIGRATIONS", before)
    migrate_vault(connection)
    with transaction(connection):
        conversation = Vault(connection).conversations.add_group()
        for number, kind in ((1, 0), (2, 66)):
            connection.execute(
                "INSERT INTO entries (number, conversation, id, is_mine, parents, clock, position, "
                "received, state, carriers, is_read, is_late, kind, target) "
                "VALUES (?, ?, ?, 0, x'', 1, 1, ?, 'received', 0, 1, 0, ?, ?)",
                (number, conversation, number.to_bytes(32), 1_000 * number, kind, TARGET),
            )
        connection.execute(
            "INSERT INTO register_values VALUES (2, ?, ?, 'hidden', x'', 0, 1, ?, 0, 0, 1)",
            (conversation, (1).to_bytes(32), (2).to_bytes(32)),
        )
    monkeypatch.undo()
    migrate_vault(connection)
    registers = Vault(connection).registers
    assert registers.hidden_before(UnixSeconds(1_999)) == []
    assert [row.number for row in registers.hidden_before(UnixSeconds(2_000))] == [1]


def test_an_older_vault_gets_its_authors_and_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(None, None)
    before = VAULT_MIGRATIONS[: VAULT_MIGRATIONS.index(AUTHORS)]
    monkeypatch.setattr(migrations, "VAULT_MIGRATIONS", before)
    migrate_vault(connection)
    with transaction(connection):
        connection.execute(
            "INSERT INTO conversations (number, kind, contact, read_position, sends_read_receipts, "
            "muted_until, is_pinned, is_archived, is_marked_unread) "
            "VALUES (1, 'self', NULL, 0, 0, 0, 0, 0, 0)"
        )
        for number, is_mine, clock, is_own_named in (
            (1, 1, 5, 1),
            (2, 1, 3, 0),
            (3, 0, 4, 0),
            (4, 0, 9, 0),
        ):
            id_ = number.to_bytes(32)
            connection.execute(
                "INSERT INTO entries (number, conversation, id, is_mine, parents, clock, position, "
                "received, state, carriers, is_read, is_late, kind, target, place) "
                "VALUES (?, 1, ?, ?, x'', ?, ?, 0, 'kept', 0, 1, 0, 68, ?, 0)",
                (number, id_, is_mine, clock, clock, TARGET),
            )
            connection.execute(
                "INSERT INTO register_values VALUES (?, 1, ?, 'pin', x'', ?, ?, ?, ?, ?)",
                (number, TARGET, is_mine, clock, id_, is_own_named, is_own_named),
            )
        connection.execute(
            "INSERT INTO named VALUES (1, ?, ?, 'pin', x'', 1, 2)", ((1).to_bytes(32), TARGET)
        )
        connection.execute("INSERT INTO deleted_messages VALUES (1, x'07', 7, 0)")
        connection.execute("INSERT INTO heads VALUES (1, 7, x'07')")
    monkeypatch.undo()
    migrate_vault(connection)
    vault, conversation = Vault(connection), ConversationId(1)
    assert [vault.entries.message(number).author for number in (1, 2, 3, 4)] == [0, 0, 1, 1]
    words = vault.registers.last_words(conversation, TARGET, "pin")
    assert [(word.entry, word.author) for word in words] == [(4, 1), (2, 0)]
    (head,) = vault.history.heads(conversation)
    assert (head.author, head.is_mine) == (1, False)
    # The value that named another one goes, and the other stands again.
    with transaction(connection):
        vault.registers.remove(2)
    words = vault.registers.last_words(conversation, TARGET, "pin")
    assert [(word.entry, word.author) for word in words] == [(4, 1), (1, 0)]


def test_authors_have_numbers_of_their_own_and_keep_them(empty: Connection) -> None:
    vault, conversation = group(empty)
    _, other = group(empty)
    with transaction(empty):
        ben = vault.authors.add(conversation, key_of(7), "Ben")
        same = vault.authors.add(other, key_of(7), "Ben")
        vault.authors.set_name(ben.number, "Benjamin")
    # 0 and 1 are taken in every conversation.
    assert (ben.number, same.number) == (2, 3)
    assert vault.authors.author(ben.number).name == "Benjamin"
    found = vault.authors.find(conversation, key_of(7))
    assert found is not None
    assert found.number == ben.number
    assert [row.number for row in vault.authors.of(other)] == [same.number]
    assert vault.authors.find(conversation, key_of(8)) is None


def test_of_two_timers_of_one_author_one_is_his_last_word_when_two_contacts_become_one(
    empty: Connection,
) -> None:
    vault = Vault(empty)
    with transaction(empty):
        one, other = (
            vault.add_contact(
                ContactRow(
                    id=NEW_CONTACT,
                    label=f"contact {number}",
                    name="",
                    verify_key=key_of(number),
                    agreement_key=None,
                    trust="known",
                    first_trust="known",
                    state="answered",
                    bundle=None,
                )
            )
            for number in (50, 51)
        )
        for contact, clock in ((one, 5), (other, 9)):
            conversation = direct_conversation(contact.id)
            id_ = MessageId(contact.id.to_bytes(32))
            number = added(vault, conversation, 0, id_, clock)
            row = ValueRow(number, conversation, b"", "timer", b"", 0, clock, id_)
            vault.registers.add(row, ())
        vault.leaving.replace(one.id, other, UnixSeconds(1))
    words = vault.registers.last_words(direct_conversation(one.id), b"", "timer")
    assert [(word.clock, word.is_last) for word in words] == [(9, True)]
