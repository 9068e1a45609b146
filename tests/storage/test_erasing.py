"""Erased rows are nowhere in the files: looked for in a database that is not encrypted.

The same schema under the same settings, without a key, so that every byte can be read. Whatever
is looked for is first found.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.commands.conversations import ReadItems
from mesh.commands.item_commands import EditItem, RetractItem, WriteItem
from mesh.commands.items import ItemAnswer
from mesh.database import Connection
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
from mesh.storage.connection import checkpoint, connect, rebuild, transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.contents import ContentRow
from mesh.storage.vault.rows import (
    NEW_CONTACT,
    AcceptedInviteRow,
    ClosedAnswerRow,
    ContactRow,
    EntryRow,
    FirstContactRow,
    GenerationRow,
    InviteRow,
    OutboxRow,
    RendezvousRow,
    SessionRow,
    SkippedRow,
)
from mesh.storage.vault.trust import NoteRow
from mesh.storage.vault.vault import Vault
from tests.messenger.people import Clock, acquainted, copied, exchange
from tests.storage.plain import all_bytes, connect_plainly

NOW = UnixSeconds(1_700_000_000)
MARK = re.compile(rb"<(\w+ \d{6} of \w+)>")


def filled(name: str, length: int) -> bytes:
    """A value that says its name again and again: a part that is left says so too."""
    mark = f"<{name}>".encode()
    return (mark * (length // len(mark) + 1))[:length]


@dataclass
class Marks:
    """Values that are looked for; each consists of a mark that no other has."""

    family: str = "one"
    made: list[str] = field(default_factory=list)

    def blob(self, what: str, length: int = 48) -> bytes:
        """Return a value whose mark says what it is."""
        self.made.append(f"{what} {len(self.made):06} of {self.family}")
        return filled(self.made[-1], length)

    def text(self, what: str, length: int = 48) -> str:
        return self.blob(what, length).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vault.db"


@pytest.fixture
def connection(file: Path) -> Iterator[Connection]:
    opened = connect_plainly(file)
    migrate_vault(opened)
    yield opened
    opened.close()


def marks_in(file: Path) -> set[str]:
    """All marks in the bytes of a database and of what stands beside it."""
    return {each.decode() for each in MARK.findall(all_bytes(file))}


def add_contact(vault: Vault, marks: Marks, number: int) -> ContactId:
    row = ContactRow(
        id=NEW_CONTACT,
        label=f"contact {number}",
        name="",
        verify_key=VerifyKey(bytes([number]) * 32),
        agreement_key=None,
        trust="first seen",
        first_trust="first seen",
        state="invited",
        bundle=marks.blob("bundle", 1_300),
    )
    return vault.add_contact(row).id


def add_session(vault: Vault, marks: Marks, contact: ContactId) -> bytes:
    """A session with all that hangs on it."""
    id_ = marks.blob("session")
    names = ("ratchet", "post_quantum", "out_key", "successor")
    secrets = {name: marks.blob(name, 96) for name in names}
    vault.sessions.add_session(
        SessionRow(
            id=id_,
            contact=contact,
            is_begun_here=True,
            is_known=True,
            is_over=False,
            created=NOW,
            generation=1,
            out_index=0,
            out_before=0,
            out_next=marks.blob("out_next"),
            rendezvous_start=0,
            rendezvous_count=0,
            heard=UnixSeconds(0),
            **secrets,
        )
    )
    key_out, key_in, link_key = (marks.blob(name) for name in ("key_out", "key_in", "link_key"))
    vault.sessions.ways.add(RendezvousRow(0, id_, 1, key_out, key_in, 0, link_key))
    vault.sessions.put_generation(
        GenerationRow(id_, 1, marks.blob("generation"), 0, b"", 256, b"", None, None)
    )
    vault.sessions.add_skipped(
        [
            SkippedRow(id_, marks.blob("public"), number, marks.blob("skipped"), NOW)
            for number in range(20)
        ]
    )
    opening = marks.blob("opening", 1_200)
    vault.first_contacts.put_first_contact(
        FirstContactRow(
            contact,
            id_,
            opening,
            marks.blob("first_header_key"),
            None,
            0,
            1,
            marks.blob("closed_key"),
        )
    )
    return id_


def add_message(
    vault: Vault, contact: ContactId, text: str, *, number: int, send_key: str | None = None
) -> int:
    row = EntryRow(
        number=0,
        conversation=direct_conversation(contact),
        id=MessageId(number.to_bytes(32, "big")),
        is_mine=True,
        parents=b"",
        clock=number,
        position=number,
        received=NOW,
        state="queued",
        is_read=True,
        send_key=send_key,
    )
    number = vault.entries.insert(row).number
    vault.contents.add(ContentRow(number, 1, text.encode()))
    vault.contents.show(number, text)
    return number


def test_every_kind_of_secret_that_is_erased_leaves_the_files(
    connection: Connection, file: Path
) -> None:
    vault, marks, kept = Vault(connection), Marks("gone"), Marks("kept")
    with transaction(connection):
        contact, other = add_contact(vault, kept, 1), add_contact(vault, kept, 2)
        session = add_session(vault, marks, contact)
        add_session(vault, kept, other)
        secret, bundle_hash = marks.blob("invitation"), marks.blob("bundle_hash")
        vault.invites.put_accepted_invite(AcceptedInviteRow(contact, secret, bundle_hash, NOW, NOW))
        old, inviting = (
            vault.prekeys.add_prekey(
                contact=None,
                bundle=marks.blob("our_bundle", 1_300),
                private=marks.blob("private", 96),
                made=NOW,
            )
            for _ in range(2)
        )
        vault.prekeys.note_opening(
            old.id,
            marks.blob("ephemeral"),
            session=marks.blob("founded"),
            header_key=marks.blob("opening_header_key"),
        )
        invite = vault.invites.insert_invite(
            InviteRow(
                id=InviteId(0),
                label="",
                secret=marks.blob("invite"),
                prekey=inviting.id,
                hint="",
                created=NOW,
                expires=NOW,
                uses_max=1,
                erase_after=NOW,
            )
        )
        closed = ClosedAnswerRow(
            invite=invite.id,
            author=VerifyKey(bytes(32)),
            key=marks.blob("closed_answer"),
            due_ms=0,
        )
        vault.closed_answers.add(closed)
        vault.posting_keys.add_posting_key(
            PostingKey(kept.blob("posting")),
            seed=marks.blob("posting_seed"),
            audience=0,
            day=1,
            stamp=None,
        )
        message = add_message(
            vault, contact, kept.text("text"), number=1, send_key=marks.text("send_key")
        )
        vault.payloads.add(contact, message, marks.blob("payload", 900))
        envelope = EnvelopeId(kept.blob("envelope"))
        row = OutboxRow(envelope, message, NOW, b"", kept.blob("withdraw_token"))
        vault.outbox.add(row, marks.blob("sealed", 1_000))
        vault.outbox.add_carrier(message, marks.blob("carrier"))
    assert marks_in(file) >= set(marks.made) | set(kept.made)
    with transaction(connection):
        vault.sessions.erase_session(session)
        vault.invites.erase_accepted_invite(contact)
        vault.invites.erase_invite_keys(invite.id)
        vault.closed_answers.set_sealed(closed, lapses=NOW)
        vault.prekeys.erase_prekey(old.id)
        vault.prekeys.erase_prekey(inviting.id)
        vault.posting_keys.erase_posting_seeds(2)
        vault.entries.forget_send_keys(vault.changes.newest())
        for waiting in vault.payloads.waiting_of(contact):
            vault.payloads.remove(waiting.number)
        vault.outbox.drop_data(envelope)
        vault.outbox.forget_carriers(message)
    # The log still holds them: it is not enough to delete.
    assert marks_in(file) & set(marks.made)
    assert checkpoint(connection)
    assert marks_in(file) == set(kept.made)


def test_of_a_contact_who_is_removed_nothing_stays_in_the_files(
    connection: Connection, file: Path
) -> None:
    vault, marks, kept = Vault(connection), Marks("gone"), Marks("kept")
    with transaction(connection):
        contact, other = add_contact(vault, marks, 1), add_contact(vault, kept, 2)
        add_session(vault, marks, contact)
        add_session(vault, kept, other)
        for number in range(1, 60, 2):
            add_message(vault, contact, marks.text("text", 400), number=number)
            add_message(vault, other, kept.text("text", 400), number=number + 1)
        vault.trust.put_comparison(contact, marks.blob("comparison"))
        for person, its in ((contact, marks), (other, kept)):
            note = NoteRow(at=NOW, kind="verified", sentence=its.text("note"))
            vault.trust.add_note(person, note, kept_max=9)
    assert marks_in(file) >= set(marks.made) | set(kept.made)
    with transaction(connection):
        vault.leaving.remove(contact)
    assert marks_in(file) & set(marks.made)
    assert checkpoint(connection)
    assert marks_in(file) == set(kept.made)


def test_each_former_state_of_a_session_leaves_the_files(
    connection: Connection, file: Path
) -> None:
    vault, marks = Vault(connection), Marks()
    with transaction(connection):
        session = add_session(vault, marks, add_contact(vault, marks, 1))
    former = [
        each for each in marks.made if each.split()[0] in ("ratchet", "out_key", "generation")
    ]
    assert len(former) == 3
    for step in range(1, 40):
        with transaction(connection):
            key, ratchet = marks.blob("out_key", 96), marks.blob("ratchet", 96)
            vault.sessions.set_out_tag(session, key=key, index=step, ratchet=ratchet)
            generation = marks.blob("generation")
            vault.sessions.put_generation(
                GenerationRow(session, 1, generation, step, b"", step, bytes(step), None, None)
            )
        former += marks.made[-3:]
    assert marks_in(file) >= set(former)
    assert checkpoint(connection)
    assert marks_in(file) & set(former) == set(former[-3:])


# For each of these, copies are left in gaps if the file is only check-pointed.
@pytest.mark.parametrize("seed", [0, 2, 4, 6])
def test_a_vault_that_was_much_used_has_no_copies_left_once_it_is_rebuilt(
    connection: Connection, file: Path, seed: int
) -> None:
    """Pages are split and joined in any order; deleting alone misses copies in their gaps."""
    draw = random.Random(seed)
    vault, marks, kept = Vault(connection), Marks("gone"), Marks("kept")
    with transaction(connection):
        contact = add_contact(vault, kept, 1)
    waiting: list[tuple[int, str]] = []
    for _ in range(150):
        with transaction(connection):
            for _ in range(20):
                vault.payloads.add(contact, None, marks.blob("payload", 72))
                waiting.append((vault.payloads.waiting(last(waiting), 1)[0].number, marks.made[-1]))
            draw.shuffle(waiting)
            for _ in range(draw.choice((5, 10, 19, 25))):
                if waiting:
                    vault.payloads.remove(waiting.pop()[0])
    gone = set(marks.made) - {name for _, name in waiting}
    assert marks_in(file) & gone
    assert rebuild(connection, bytes_max=1 << 30)
    assert checkpoint(connection)
    left = marks_in(file)
    assert not left & gone
    assert left == {name for _, name in waiting} | set(kept.made)


def last(waiting: list[tuple[int, str]]) -> int:
    return max((number for number, _ in waiting), default=0)


def test_a_vault_beyond_the_bound_is_not_rebuilt(connection: Connection) -> None:
    assert not rebuild(connection, bytes_max=4_096)


def test_an_encrypted_vault_shows_no_mark_even_before_anything_is_erased(file: Path) -> None:
    opened = connect(file, bytes(range(32)))
    migrate_vault(opened)
    vault, marks = Vault(opened), Marks()
    with transaction(opened):
        add_session(vault, marks, add_contact(vault, marks, 1))
        row = vault.find_identity()
    assert row is None
    assert file.with_name("vault.db-wal").stat().st_size > 0
    assert marks_in(file) == set()
    assert checkpoint(opened)
    assert marks_in(file) == set()
    assert {each.id for each in vault.sessions.sessions()} == {
        filled(each, 48) for each in marks.made if each.startswith("session ")
    }
    opened.close()


def test_words_that_were_taken_back_or_disappeared_leave_the_files(file: Path) -> None:
    ann, bob = acquainted(Clock())
    exchange(ann, bob)
    for person in (ann, bob):
        person.connection = copied(person.connection, connect_plainly(file.with_name(person.name)))
        person.restart()
    files = [file.with_name(name) for name in ("Ann", "Bob")]
    kept = ann.ask(WriteItem("Bob", text="<keep 000001 of all>"))
    said = ann.ask(WriteItem("Bob", text="<said 000002 of all>"))
    short = ann.ask(WriteItem("Bob", text="<short 000003 of all>", timer=60))
    assert isinstance(kept, ItemAnswer)
    assert isinstance(said, ItemAnswer)
    assert isinstance(short, ItemAnswer)
    exchange(ann, bob)
    there = {one.text: one.number for one in bob.messages("Ann")}
    bob.ask(ReadItems("Ann", there["<short 000003 of all>"]))
    ann.ask(EditItem(said.number, "<edit 000004 of all>"))
    exchange(ann, bob)
    everything = {f"{name} of all" for name in ("keep 000001", "said 000002", "short 000003")}
    for each in files:
        assert marks_in(each) == everything | {"edit 000004 of all"}
    ann.ask(RetractItem(said.number))
    exchange(ann, bob)
    for person in (ann, bob):
        person.tend()
    ann.clock.pass_by(61)
    for person in (ann, bob):
        person.tend()
        assert checkpoint(person.connection)
    for each in files:
        assert marks_in(each) == {"keep 000001 of all"}
