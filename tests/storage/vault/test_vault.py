"""The rows of the vault: what is written is read, and a damaged row is said to be one."""

from pathlib import Path

import msgspec
import pytest

from mesh.database import Connection
from mesh.errors import StorageError
from mesh.ids import (
    ContactId,
    EnvelopeId,
    InviteId,
    MessageId,
    PostingKey,
    UnixSeconds,
    VerifyKey,
    direct_conversation,
)
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate, migrate_vault
from mesh.storage.vault.entries import BEFORE_ALL, BEYOND_ALL, WAS_SEALED, Selection
from mesh.storage.vault.rows import (
    NEW_CONTACT,
    AcceptedInviteRow,
    ContactRow,
    EntryRow,
    GenerationRow,
    InviteRow,
    OpeningRow,
    OutboxRow,
    PostingKeyRow,
    RendezvousRow,
    SessionRow,
)
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.storage.vault.vault import Vault


@pytest.fixture
def connection() -> Connection:
    opened = connect(None, None)
    migrate_vault(opened)
    return opened


def add_contact(vault: Vault, label: str = "Bob") -> ContactRow:
    return vault.add_contact(
        ContactRow(
            id=NEW_CONTACT,
            label=label,
            name=label,
            verify_key=VerifyKey(label.encode().ljust(32, b"k")),
            agreement_key=None,
            trust="known",
            first_trust="known",
            state="waiting for their key",
            bundle=None,
        )
    )


def add_message(
    vault: Vault, contact: ContactId, id_: bytes, position: int, *, is_read: bool = False
) -> EntryRow:
    return vault.entries.insert(
        EntryRow(
            number=0,
            conversation=direct_conversation(contact),
            id=MessageId(id_.ljust(32, b"m")),
            is_mine=False,
            parents=b"",
            clock=position,
            position=position,
            received=UnixSeconds(0),
            state="received",
            is_read=is_read,
        )
    )


def test_an_empty_vault_has_no_identity_and_gets_one(connection: Connection) -> None:
    vault = Vault(connection)
    assert vault.find_identity() is None
    with transaction(connection):
        vault.add_identity(seed=bytes(32), name="Ann", created=UnixSeconds(1))
    row = vault.find_identity()
    assert row is not None
    assert (row.seed, row.name) == (bytes(32), "Ann")


def test_a_row_shows_no_field_in_its_repr(connection: Connection) -> None:
    vault = Vault(connection)
    with transaction(connection):
        vault.add_identity(seed=b"secret" * 6, name="Ann", created=UnixSeconds(1))
    assert repr(vault.find_identity()) == "IdentityRow(...)"


def test_a_mark_is_zero_at_first_and_replaced(connection: Connection) -> None:
    vault = Vault(connection)
    assert vault.mark("read") == 0
    with transaction(connection):
        vault.set_mark("read", 7)
        vault.set_mark("read", 9)
    assert vault.mark("read") == 9
    assert vault.mark("other") == 0


def test_a_damaged_row_is_an_error_of_the_disk(connection: Connection) -> None:
    vault = Vault(connection)
    with transaction(connection):
        add_contact(vault)
        connection.execute("UPDATE contacts SET trust = 'nonsense'")
    with pytest.raises(StorageError, match="ContactRow"):
        vault.contacts.contacts()


def test_contacts_are_found_by_each_of_their_names(connection: Connection) -> None:
    vault = Vault(connection)
    people = vault.contacts
    with transaction(connection):
        bob, cem = add_contact(vault, "Bob"), add_contact(vault, "Cem")
        people.set_keys(bob.id, agreement_key=b"a" * 32, bundle=b"b")
        people.set_state(bob.id, "invited")
        people.set_name(bob.id, "Robert")
        people.set_label(cem.id, "Cemal")
    found = people.contact(bob.id)
    assert (found.agreement_key, found.bundle, found.state) == (b"a" * 32, b"b", "invited")
    assert (found.name, found.label) == ("Robert", "Bob")
    assert people.find_contact_by_label("Cemal") == people.find_contact(cem.id)
    assert people.find_contact_by_label("Cem") is None
    assert people.find_contact_by_key(cem.verify_key) == people.contact(cem.id)
    assert people.contacts_by_key_range(b"Bob", b"Boc") == [found]
    assert [row.label for row in people.contacts()] == ["Bob", "Cemal"]
    assert people.requests_count() == 0
    with transaction(connection):
        people.set_request(cem.id, is_request=True)
    assert people.requests_count() == 1


def test_an_invitation_waits_for_its_bundle_and_goes(connection: Connection) -> None:
    vault = Vault(connection)
    invites = vault.invites
    with transaction(connection):
        bob = add_contact(vault)
        row = AcceptedInviteRow(bob.id, b"s" * 16, b"h" * 32, UnixSeconds(9), UnixSeconds(1))
        invites.put_accepted_invite(row)
        assert invites.accepted_invites_without_bundle() == [row]
        vault.contacts.set_keys(bob.id, agreement_key=b"a" * 32, bundle=b"b")
        assert invites.accepted_invites_without_bundle() == []
        assert invites.find_accepted_invite(bob.id) == row
        invites.erase_accepted_invite(bob.id)
    assert invites.find_accepted_invite(bob.id) is None


def test_an_erased_invite_keeps_no_secret(connection: Connection) -> None:
    vault = Vault(connection)
    with transaction(connection):
        prekey = vault.prekeys.add_prekey(
            contact=None, bundle=b"b", private=b"p" * 96, made=UnixSeconds(1)
        )
        invite = vault.invites.insert_invite(
            InviteRow(
                id=InviteId(0),
                label="party",
                secret=b"s" * 16,
                prekey=prekey.id,
                hint="",
                created=UnixSeconds(1),
                expires=UnixSeconds(2),
                uses_max=3,
                erase_after=UnixSeconds(4),
            )
        )
        vault.prekeys.note_opening(prekey.id, b"e" * 32, session=b"i" * 16, header_key=b"h" * 32)
        assert vault.invites.invites_with_secret() == [invite]
        vault.invites.erase_invite_keys(invite.id)
        vault.prekeys.erase_prekey(prekey.id)
    (row,) = vault.invites.invites()
    assert (row.secret, row.prekey, row.label, row.uses_max) == (None, None, "party", 3)
    assert vault.invites.invites_with_secret() == []
    assert vault.prekeys.find_opening(prekey.id, b"e" * 32) is None


def test_an_opening_founds_once_and_is_remembered_when_its_session_is_gone(
    connection: Connection,
) -> None:
    vault = Vault(connection)
    rows = vault.prekeys
    with transaction(connection):
        assert rows.find_opening(1, b"e" * 32) is None
        rows.note_opening(1, b"e" * 32, session=b"i" * 16, header_key=b"h" * 32)
    assert rows.find_opening(1, b"e" * 32) == OpeningRow(b"i" * 16, b"h" * 32)
    assert rows.find_opening(2, b"e" * 32) is None
    with pytest.raises(AssertionError), transaction(connection):
        rows.note_opening(1, b"e" * 32, session=b"j" * 16, header_key=b"h" * 32)
    with transaction(connection):
        vault.sessions.erase_session(b"i" * 16)
    assert rows.find_opening(1, b"e" * 32) == OpeningRow(b"i" * 16, b"")


def test_a_session_keeps_what_each_side_writes_under(connection: Connection) -> None:
    vault = Vault(connection)
    rows = vault.sessions
    with transaction(connection):
        bob = add_contact(vault)
        session = SessionRow(
            id=b"i" * 16,
            contact=bob.id,
            is_begun_here=True,
            is_known=False,
            is_over=False,
            created=UnixSeconds(7),
            ratchet=b"fast",
            post_quantum=b"slow",
            generation=0,
            out_key=b"o" * 32,
            out_index=0,
            out_before=0,
            out_next=None,
            rendezvous_start=3,
            rendezvous_count=0,
            heard=UnixSeconds(0),
        )
        rows.add_session(session)
        generation = GenerationRow(b"i" * 16, 0, b"n" * 32, 0, b"", 256, b"", None, None)
        rows.put_generation(generation)
        ways = rows.ways.add(RendezvousRow(0, session.id, 0, b"r" * 32, b"s" * 32, 0, b"l" * 32))
        younger = rows.ways.add(msgspec.structs.replace(ways, generation=1))
    assert ways.number < younger.number
    assert rows.ways.all() == [ways, younger]
    assert rows.sessions() == [session]
    assert rows.generations() == [generation]
    with transaction(connection):
        rows.set_known(session.id)
        rows.set_heard(session.id, UnixSeconds(9))
        rows.set_out_tag(session.id, key=b"p" * 32, index=64, ratchet=b"faster")
        rows.set_successor(session.id, b"j" * 16)
        rows.ways.put(msgspec.structs.replace(ways, used=5, closed=UnixSeconds(8)))
        rows.ways.erase(younger.number)
        rows.put_generation(msgspec.structs.replace(generation, opened=b"\x01", expected=300))
    (row,) = rows.sessions()
    assert (row.is_begun_here, row.is_known, row.ratchet) == (True, True, b"faster")
    assert (row.heard, row.successor) == (9, b"j" * 16)
    assert [(one.used, one.closed) for one in rows.ways.all()] == [(5, 8)]
    assert (row.out_key, row.out_index) == (b"p" * 32, 64)
    (kept,) = rows.generations()
    assert (kept.opened, kept.expected) == (b"\x01", 300)


def test_a_posting_key_outlives_its_seed(connection: Connection) -> None:
    rows = Vault(connection).posting_keys
    key = PostingKey(b"k" * 32)
    with transaction(connection):
        number = rows.add_posting_key(key, seed=b"s" * 32, audience=0, day=5, stamp=None)
        rows.set_key_uses(key, 9)
        rows.set_stamp(key, b"t" * 12, 7)
        rows.set_key_uses(key, 3)
    (row,) = rows.posting_keys_with_seed()
    assert row == PostingKeyRow(number, key, b"s" * 32, 0, 5, b"t" * 12, 7, 3)
    with transaction(connection):
        rows.erase_posting_seeds(6)
    assert rows.posting_keys_with_seed() == []
    assert rows.posting_keys() == [key]
    with transaction(connection):
        assert not rows.forget_posting_keys(5)
        assert rows.forget_posting_keys(6)
    assert rows.posting_keys() == []


def test_pages_run_in_the_order_of_the_conversation_or_of_arrival(connection: Connection) -> None:
    vault = Vault(connection)
    rows = vault.entries
    with transaction(connection):
        bob, cem = add_contact(vault, "Bob"), add_contact(vault, "Cem")
        for id_, position in ((b"c", 3), (b"a", 1), (b"b2", 2), (b"b1", 2)):
            add_message(vault, bob.id, id_, position)
        add_message(vault, cem.id, b"x", 9, is_read=True)

    def texts(found: list[EntryRow]) -> list[str]:
        return [row.id.rstrip(b"m").decode() for row in found]

    with_bob, with_cem = direct_conversation(bob.id), direct_conversation(cem.id)
    in_order = Selection(with_bob, is_by_arrival=False)
    newest = rows.in_span(in_order, BEFORE_ALL, BEYOND_ALL, 3, is_newest_first=True)
    assert texts(newest) == ["c", "b2", "b1"]
    # A span holds the place where it starts, and not the one where it ends.
    assert texts(rows.in_span(in_order, (2, b"b1"), (3, b"c"), 9)) == ["b1", "b2"]
    assert texts(rows.in_span(in_order, (2, b"b1"), (2, b"b1"), 9)) == []
    of_all = Selection(is_by_arrival=True)
    assert texts(rows.in_span(of_all, BEFORE_ALL, BEYOND_ALL, 2, is_newest_first=True)) == [
        "x",
        "b1",
    ]
    assert texts(rows.in_span(of_all, (3, b""), (5, b""), 9)) == ["b2", "b1"]
    unread = Selection(is_by_arrival=True, is_unread_only=True)
    assert texts(rows.in_span(unread, (3, b""), BEYOND_ALL, 9)) == ["b2", "b1"]
    as_they_came = Selection(with_bob, is_by_arrival=True)
    assert texts(rows.in_span(as_they_came, (2, b""), BEYOND_ALL, 2)) == ["a", "b2"]
    unread = Selection(with_cem, is_by_arrival=True, is_unread_only=True)
    assert texts(rows.in_span(unread, BEFORE_ALL, BEYOND_ALL, 9)) == []
    assert rows.counts() == {bob.id: 4, cem.id: 1}
    assert rows.unread_counts() == {bob.id: 4}
    with transaction(connection):
        rows.mark_read([1, 2])
    assert (rows.count(with_bob), rows.unread_count(with_bob)) == (4, 2)


def test_a_gap_is_closed_once(connection: Connection) -> None:
    vault = Vault(connection)
    rows = vault.history
    parent = MessageId(b"p" * 32)
    with transaction(connection):
        bob = add_contact(vault)
        child = add_message(vault, bob.id, b"c", 1)
        rows.add_gap(child.conversation, parent, child.number)
        assert rows.close_gap(child.conversation, parent) == [child]
        assert rows.close_gap(child.conversation, parent) == []


def test_an_envelope_keeps_its_bytes_until_somebody_else_has_it(connection: Connection) -> None:
    rows = Vault(connection).outbox
    id_ = EnvelopeId(b"i" * 32)
    with transaction(connection):
        rows.add(OutboxRow(id_, None, UnixSeconds(9), b"h" * 16, b"t" * 16), b"data")
        assert rows.find(id_) == rows.all()[0]
        assert rows.kept() == [(id_, 0)]
        assert rows.data_of([id_]) == [b"data"]
        rows.drop_data(id_)
        assert rows.kept() == []
        assert [row.id for row in rows.all()] == [id_]
        assert rows.expired(UnixSeconds(9), 5) == []
        assert [row.id for row in rows.expired(UnixSeconds(10), 5)] == [id_]
        rows.remove(id_)
    assert rows.all() == []


def test_of_what_was_written_before_it_was_kept_apart_it_is_told_whether_it_was_sealed() -> None:
    connection = connect(None, None)
    # The conversation itself does not matter here.
    connection.execute("PRAGMA foreign_keys = OFF")
    newest = VAULT_MIGRATIONS.index(WAS_SEALED)
    migrate(connection, VAULT_MIGRATIONS[:newest], name="vault")
    former = [
        # State, when it lapses, and the states in which it was; then whether it was sealed.
        ("queued", None, ["awaiting-key", "queued"], 0),
        ("carried", 9, ["queued", "carried"], 1),
        ("delivered", None, ["queued", "delivered"], 1),
        ("withdrawn", None, ["queued", "carried", "withdrawn"], 1),
        ("withdrawn", None, ["awaiting-key", "withdrawn"], 0),
        ("expired", None, ["awaiting-key", "expired"], 0),
        ("expired", None, ["awaiting-key", "queued", "expired"], 1),
        # Of the time before states were written down.
        ("expired", None, [], 1),
    ]
    with transaction(connection):
        for number, (state, lapses, steps, _) in enumerate(former, 1):
            connection.execute(
                "INSERT INTO entries (number, conversation, id, is_mine, parents, clock, position, "
                "received, state, carriers, lapses, is_read, is_late) "
                "VALUES (?, 1, ?, 1, x'', 0, 0, 0, ?, 0, ?, 1, 0)",
                (number, bytes([number]) * 32, state, lapses),
            )
            connection.executemany(
                "INSERT INTO message_steps (message, state, at) VALUES (?, ?, 0)",
                [(number, step) for step in steps],
            )
    migrate_vault(connection)
    vault = Vault(connection)
    found = [int(vault.entries.message(number + 1).was_sealed) for number in range(len(former))]
    assert found == [was_sealed for *_, was_sealed in former]


def test_a_mark_that_is_written_anew_reaches_the_disk(tmp_path: Path) -> None:
    """Else a commit after a word about others' mail costs nothing, and one about ours an fsync."""
    path = tmp_path / "vault.db"
    connection = connect(path, bytes(32))
    migrate_vault(connection)
    vault = Vault(connection)
    with transaction(connection):
        vault.set_mark("read to arrival", 5)
    log = path.with_name("vault.db-wal")
    for _ in range(3):
        before = log.stat().st_size
        with transaction(connection):
            vault.write_mark_anew("read to arrival", 5)
        assert log.stat().st_size > before
    assert vault.mark("read to arrival") == 5
