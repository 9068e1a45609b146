"""The rows of a backup: all that a person wants back, and nothing that opens a message."""

import pytest

from mesh.commands.item_commands import EditItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.database import Connection
from mesh.errors import PeerError
from mesh.ratchet.double_ratchet import Ratchet
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate, migrate_vault
from mesh.storage.vault.group_receipts import GROUP_TELLERS
from mesh.storage.vault.portable import KEPT, KEPT_BLOBS, LEFT_OUT, put_rows, rows_of
from mesh.storage.vault.rows import integer
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.wire.backup_records import RowsRecord, encode_record
from tests.messenger.people import Clock, Person, acquainted, exchange

SECRETS = {
    "sessions": ("ratchet", "post_quantum", "out_key", "out_next"),
    "rendezvous": ("link_key",),
    "generations": ("key",),
    "skipped": ("key",),
    "prekeys": ("private",),
    "openings": ("header_key",),
    "first_contacts": ("opening", "header_key"),
    "posting_keys": ("seed",),
    "invites": ("secret",),
    "outbox": ("data",),
    "retirements": ("token",),
    "comparisons": ("state",),
}
"""Columns whose bytes are in no backup: by them something opens, or is known as ours."""


SHOWN = (
    "identity",
    "contacts",
    "conversations",
    "entries",
    "texts",
    "contents",
    "register_values",
    "heads",
    "gaps",
    "invitations",
    "contact_notes",
    "drafts",
)
"""Tables of what a person sees."""


def lived() -> tuple[Person, Person]:
    """Two people between whom there is one of everything."""
    clock = Clock()
    ann, bob = acquainted(clock)
    for number in range(6):
        ann.send("Bob", f"ann {number}")
        bob.send("Ann", f"bob {number}")
        exchange(ann, bob)
    # A chain with a hole, an invite that is open, a contact who has not answered.
    for number in range(3):
        bob.send("Ann", f"late {number}")
    ann.receive(bob.post()[1:])
    ann.invite(uses_max=3)
    cleo = Person("Cleo", clock, seed=3)
    ann.add(cleo.invite().link, "cleo")
    ann.send("cleo", "on its way")
    ann.send("Bob", "on its way too")
    return ann, bob


def content(vault: Connection) -> list[RowsRecord]:
    return list(rows_of(vault))


def put_into_another(vault: Connection) -> Connection:
    other = connect(None, None)
    migrate_vault(other)
    other.execute("PRAGMA foreign_keys = OFF")
    with transaction(other):
        for record in content(vault):
            put_rows(other, record)
    assert other.execute("PRAGMA foreign_key_check").fetchall() == []
    other.execute("PRAGMA foreign_keys = ON")
    return other


def secrets_of(vault: Connection) -> dict[tuple[str, str], list[bytes]]:
    found = {}
    for table, columns in SECRETS.items():
        for column in columns:
            rows = vault.execute(f"SELECT {column} FROM {table}").fetchall()
            found[table, column] = [value for (value,) in rows if isinstance(value, bytes)]
    # Public keys stand beside the secret ones.
    ratchets = [
        Ratchet.from_bytes(fast, slow)
        for fast, slow in zip(
            found.pop(("sessions", "ratchet")), found.pop(("sessions", "post_quantum")), strict=True
        )
    ]
    chains = [chain for one in ratchets for chain in (one.sending, one.receiving)]
    found["sessions", "ratchet"] = [key for one in ratchets for key in (one.root, one.private)]
    found["sessions", "chains"] = [chain.key for chain in chains if chain is not None]
    found["sessions", "seed"] = [one.post_quantum.seed or b"" for one in ratchets]
    return found


def test_every_table_is_named_and_every_column_of_bytes_was_looked_at() -> None:
    vault = connect(None, None)
    migrate_vault(vault)
    tables = [
        str(name)
        for (name,) in vault.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
            "AND name <> 'sqlite_schema'"
        ).fetchall()
    ]
    assert sorted(tables) == sorted([*KEPT, *LEFT_OUT])
    for table, kept in KEPT.items():
        columns = vault.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall()
        blobs = {str(name) for name, kind in columns if kind == "BLOB"} - set(kept.instead)
        assert blobs == {column for name, column in KEPT_BLOBS if name == table}, table
        assert set(kept.instead) <= {str(name) for name, _ in columns}


def test_no_key_of_a_session_a_chain_or_a_message_is_in_a_backup() -> None:
    ann, _ = lived()
    data = b"".join(encode_record(record) for record in content(ann.connection))
    found = secrets_of(ann.connection)
    may_be_missing = {("sessions", "out_next"), ("outbox", "data"), ("comparisons", "state")}
    for place, secrets in found.items():
        assert any(secrets) or place in may_be_missing, f"the test would find nothing of {place}"
        for secret in secrets:
            # A piece of it would do.
            for at in range(0, len(secret) - 15, 4):
                assert secret[at : at + 16] not in data, place
    # What a person wants back is there, and so is who they are.
    (seed,) = ann.connection.execute("SELECT seed FROM identity").fetchall()[0]
    assert isinstance(seed, bytes)
    assert seed in data
    assert b"on its way too" in data


def test_everything_that_a_person_sees_comes_back() -> None:
    ann, _ = lived()
    other = put_into_another(ann.connection)
    for table in SHOWN:
        columns = "*"
        if table == "entries":
            columns = "number, conversation, id, parents, clock, position, state, is_read"
        if table == "conversations":
            columns = "number, kind, contact, read_position, is_pinned, keep_for"
        statement = f"SELECT {columns} FROM {table} ORDER BY 1, 2"
        assert other.execute(statement).fetchall() == ann.connection.execute(statement).fetchall()
    sequences = "SELECT name, seq FROM sqlite_sequence ORDER BY name"
    assert other.execute(sequences).fetchall() == ann.connection.execute(sequences).fetchall()


@pytest.mark.parametrize(
    "record",
    [
        RowsRecord("prekeys", ["id"], [[1]]),
        RowsRecord("sqlite_master", ["name"], [["x"]]),
        RowsRecord("drafts", ["conversation", "text) VALUES (1, 2); --"], [[1, "x"]]),
        RowsRecord("drafts", ["conversation", "text"], [[1]]),
        RowsRecord("drafts", ["conversation", "text"], [[1, ["x"]]]),
    ],
)
def test_rows_that_belong_to_no_backup_are_refused(record: RowsRecord) -> None:
    vault = connect(None, None)
    migrate_vault(vault)
    with transaction(vault), pytest.raises(PeerError):
        put_rows(vault, record)


def test_a_backup_of_before_a_table_got_another_name_comes_back() -> None:
    vault = connect(None, None)
    # The group itself does not matter here.
    vault.execute("PRAGMA foreign_keys = OFF")
    newest = VAULT_MIGRATIONS.index(GROUP_TELLERS)
    migrate(vault, VAULT_MIGRATIONS[:newest], name="vault")
    with transaction(vault):
        put_rows(vault, RowsRecord("group_silent", ["conversation", "member"], [[1, b"m" * 32]]))
    migrate_vault(vault)
    assert integer(vault.execute("SELECT count(*) FROM group_tellers")) == 1


def test_the_words_of_what_has_a_timer_are_in_no_backup() -> None:
    ann, _ = lived()
    timed = ann.ask(WriteItem("Bob", text="for an hour only", timer=3_600))
    assert isinstance(timed, ItemAnswer)
    ann.ask(EditItem(timed.number, "for an hour only, and edited"))
    ann.ask(WriteItem("Bob", text="for good"))
    data = b"".join(encode_record(record) for record in content(ann.connection))
    assert b"for good" in data
    assert b"for an hour" not in data
    other = put_into_another(ann.connection)
    gone = "SELECT gone, place, state FROM entries WHERE timer > 0"
    assert other.execute(gone).fetchall() == [("expired", 0, "expired")]


def test_what_a_backup_has_on_its_way_may_have_been_sealed_since() -> None:
    ann, _ = lived()
    with transaction(ann.connection):
        for state in ("queued", "expired"):
            ann.connection.execute(
                "UPDATE entries SET state = ?, was_sealed = 0 WHERE number = (SELECT min(number) "
                "FROM entries WHERE is_mine AND state NOT IN ('queued', 'expired'))",
                (state,),
            )
    other = put_into_another(ann.connection)
    told = "SELECT DISTINCT state, was_sealed FROM entries WHERE is_mine"
    found = set(other.execute(told).fetchall())
    assert {("queued", 1), ("expired", 0)} <= found
    assert ("queued", 0) not in found
