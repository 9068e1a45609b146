"""The keys of groups as rows, and that those which are erased leave the files."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mesh.database import Connection
from mesh.ids import ConversationId, Tag, UnixSeconds, VerifyKey
from mesh.limits.group_keys import WRAP_SECRETS_MAX
from mesh.storage.connection import checkpoint, connect, transaction
from mesh.storage.migrations import migrate, migrate_vault
from mesh.storage.vault.group_keys import (
    GROUP_WRAP_SECRETS,
    ChainRow,
    EpochRow,
    GroupKeyRows,
    LeafRow,
    OwnLeafRow,
    SkippedKeyRow,
    WrapSecretRow,
)
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from tests.storage.plain import all_bytes, connect_plainly

NOW, DAY = UnixSeconds(1_800_000_000), 86_400
GROUP, OTHER = ConversationId(71), ConversationId(72)
ADA, BOB = VerifyKey(b"a" * 32), VerifyKey(b"b" * 32)
MARK = re.compile(rb"<([a-z_]+)>")


def after(days: float) -> UnixSeconds:
    return UnixSeconds(NOW + int(days * DAY))


def secret(name: str, length: int = 32) -> bytes:
    """A value that is found in a file by its name."""
    mark = f"<{name}>".encode()
    return (mark * (length // len(mark) + 1))[:length]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vault.db"


@pytest.fixture
def connection(file: Path) -> Iterator[Connection]:
    opened = connect_plainly(file)
    migrate_vault(opened)
    with transaction(opened):
        for group in (GROUP, OTHER):
            opened.execute(
                "INSERT INTO conversations (number, kind, read_position, sends_read_receipts, "
                "muted_until, is_pinned, is_archived, is_marked_unread) "
                "VALUES (?, 'group', 0, 0, 0, 0, 0, 0)",
                (group,),
            )
    yield opened
    opened.close()


@pytest.fixture
def rows(connection: Connection) -> Iterator[GroupKeyRows]:
    with transaction(connection):
        yield GroupKeyRows(connection)


def marks_in(file: Path) -> set[str]:
    """All names of secrets in the bytes of a database and of what stands beside it."""
    return {each.decode() for each in MARK.findall(all_bytes(file))}


def add_own_leaf(
    rows: GroupKeyRows, name: str, number: int, *, is_long: bool, group: ConversationId = GROUP
) -> None:
    leaf = OwnLeafRow(group, is_long, number, b"public", secret(name, 96), NOW)
    rows.succeed_own_leaf(leaf, erase_after=after(8))


def add_epoch(
    rows: GroupKeyRows, name: str, *, id_: bytes = b"e", group: ConversationId = GROUP
) -> EpochRow:
    seed, wraps = secret(name), secret(f"{name}_wraps", 500)
    return rows.add_epoch(EpochRow(0, group, id_ * 32, b"post", wraps, seed, NOW))


def add_chain(rows: GroupKeyRows, epoch: int, name: str, member: VerifyKey = ADA) -> ChainRow:
    chain = ChainRow(
        0,
        epoch,
        member,
        secret(f"{name}_chain"),
        secret(f"{name}_tags"),
        secret(f"{name}_hello"),
        0,
        None,
        UnixSeconds(0),
    )
    return rows.add_chain(chain)


def skipped(chain: int, number: int, name: str, erase_after: UnixSeconds) -> SkippedKeyRow:
    return SkippedKeyRow(chain, number, Tag(bytes([number]) * 16), secret(name), erase_after)


def test_leaves_are_read_as_they_were_kept(rows: GroupKeyRows) -> None:
    first, second = LeafRow(GROUP, BOB, b"bundle", None), LeafRow(GROUP, ADA, None, b"short")
    for row in (first, second, LeafRow(OTHER, ADA, b"elsewhere", None)):
        rows.put_leaf(row)
    assert rows.leaves(GROUP) == [second, first]
    newer = LeafRow(GROUP, BOB, b"bundle", b"newer")
    rows.put_leaf(newer)
    assert rows.leaves(GROUP) == [second, newer]
    rows.put_wrap_secret(WrapSecretRow(GROUP, BOB, True, NOW, b"out", NOW))
    rows.forget_leaf(GROUP, BOB)
    assert (rows.leaves(GROUP), rows.wrap_secrets(GROUP, is_out=True)) == ([second], [])


def test_a_leaf_of_ours_lives_until_a_while_after_its_successor(rows: GroupKeyRows) -> None:
    add_own_leaf(rows, "one", 1, is_long=False)
    add_own_leaf(rows, "bundle", 5, is_long=True)
    add_own_leaf(rows, "two", 2, is_long=False)
    found = [(one.name, one.erase_after) for one in rows.own_leaves(GROUP)]
    assert found == [(5, None), (2, None), (1, after(8))]
    later = OwnLeafRow(GROUP, False, 3, b"", b"", NOW)
    rows.succeed_own_leaf(later, erase_after=after(30))
    assert [one.erase_after for one in rows.own_leaves(GROUP)] == [None, None, after(30), after(8)]
    rows.erase_due(after(8))
    assert [one.name for one in rows.own_leaves(GROUP)] == [5, 3, 2]


def test_secrets_are_kept_by_bundle_and_direction(rows: GroupKeyRows) -> None:
    def row(is_out: bool, valid_from: int, value: bytes, founded: float) -> WrapSecretRow:
        return WrapSecretRow(GROUP, ADA, is_out, UnixSeconds(valid_from), value, after(founded))

    for one in (row(False, 1, b"old", 0), row(False, 2, b"new", 1), row(True, 1, b"out", 0)):
        rows.put_wrap_secret(one)
    rows.put_wrap_secret(row(False, 1, b"again", 2))
    rows.put_wrap_secret(row(True, 1, b"out again", 0))
    found = [one.secret for one in rows.wrap_secrets(GROUP, is_out=False)]
    assert found == [b"again", b"new", b"old"]
    assert [one.secret for one in rows.wrap_secrets(GROUP, is_out=True)] == [b"out again"]
    rows.forget_outgoing(GROUP)
    assert rows.wrap_secrets(GROUP, is_out=True) == []
    assert len(rows.wrap_secrets(GROUP, is_out=False)) == 3


def test_of_one_maker_the_secrets_are_kept_that_were_founded_last(rows: GroupKeyRows) -> None:
    def found(maker: VerifyKey, number: int, at: float) -> None:
        secret_of = number.to_bytes(2, "big")
        rows.put_wrap_secret(WrapSecretRow(GROUP, maker, False, NOW, secret_of, after(at)))

    def left(maker: VerifyKey) -> list[int]:
        kept = rows.wrap_secrets(GROUP, is_out=False)
        return sorted(int.from_bytes(one.secret, "big") for one in kept if one.member == maker)

    found(BOB, 0, 0)
    for number in range(WRAP_SECRETS_MAX + 3):
        found(ADA, number, number)
    assert left(ADA) == list(range(3, WRAP_SECRETS_MAX + 3))
    assert left(BOB) == [0]
    # The one that comes stays: of one second, and where mesh time was ahead before.
    for at in (9, 9_000, 10):
        for number in range(99, 99 - WRAP_SECRETS_MAX - 1, -1):
            found(BOB, number + at, at)
            assert number + at in left(BOB)
    assert max(left(BOB)) < 9_000


def test_a_secret_goes_with_the_bundle_that_founded_it(rows: GroupKeyRows) -> None:
    add_own_leaf(rows, "old", 5, is_long=True)
    add_own_leaf(rows, "new", 9, is_long=True)
    add_own_leaf(rows, "elsewhere", 5, is_long=True, group=OTHER)
    for group, is_out, valid_from in (
        (GROUP, False, 5),
        (GROUP, False, 9),
        (GROUP, True, 5),
        (OTHER, False, 5),
    ):
        rows.put_wrap_secret(WrapSecretRow(group, ADA, is_out, UnixSeconds(valid_from), b"x", NOW))
    rows.erase_due(after(8))
    left = [one.valid_from for one in rows.wrap_secrets(GROUP, is_out=False)]
    assert left == [9]
    assert len(rows.wrap_secrets(GROUP, is_out=True)) == 1
    assert len(rows.wrap_secrets(OTHER, is_out=False)) == 1


def test_a_chain_is_kept_as_it_stands(rows: GroupKeyRows) -> None:
    epoch = add_epoch(rows, "seed")
    chain = add_chain(rows, epoch.number, "ada")
    bob = add_chain(rows, epoch.number, "bob", BOB)
    moved = msgspec.structs.replace(chain, chain=b"n" * 32, next=3, ends=9, opened=NOW)
    missing = [skipped(chain.number, number, "key", after(31)) for number in (0, 1)]
    rows.move_chain(moved, missing)
    assert rows.chains(epoch.number) == [moved, bob]
    assert rows.find_chain(epoch.number, ADA) == moved
    assert rows.find_chain(epoch.number, VerifyKey(bytes(32))) is None
    assert rows.skipped(chain.number) == missing
    rows.erase_skipped(chain.number, 0)
    assert rows.skipped(chain.number) == missing[1:]


def test_of_two_ends_of_a_chain_the_earlier_one_stands(rows: GroupKeyRows) -> None:
    epoch = add_epoch(rows, "seed")
    chain = add_chain(rows, epoch.number, "ada")
    for days, ends in ((31, 31), (7, 7), (20, 7)):
        rows.erase_chain_after(chain.number, after(days))
        [row] = rows.chains(epoch.number)
        assert row.erase_after == after(ends)
    rows.erase_due(UnixSeconds(after(7) - 1))
    assert len(rows.chains(epoch.number)) == 1
    rows.erase_due(after(7))
    assert rows.chains(epoch.number) == []


def test_epochs_stand_in_the_order_in_which_they_came(rows: GroupKeyRows) -> None:
    one, two = (add_epoch(rows, name, id_=name.encode()) for name in ("z", "a"))
    assert rows.epochs(GROUP) == [one, two]
    rows.set_over(one.number, after(1))
    rows.set_over(one.number, after(2))
    rows.keep_wraps_of(GROUP, two.number)
    rows.erase_seed(two.number)
    found = [(row.over_since, row.wraps is None, row.seed is None) for row in rows.epochs(GROUP)]
    assert found == [(after(1), True, False), (None, False, True)]


def test_every_key_that_is_erased_leaves_the_files(connection: Connection, file: Path) -> None:
    rows = GroupKeyRows(connection)
    with transaction(connection):
        add_own_leaf(rows, "old_leaf", 1, is_long=False)
        add_own_leaf(rows, "kept_leaf", 2, is_long=False)
        add_own_leaf(rows, "old_bundle", 1, is_long=True)
        add_own_leaf(rows, "kept_bundle", 2, is_long=True)
        for name, valid_from in (("old_secret", 1), ("kept_secret", 2)):
            rows.put_wrap_secret(
                WrapSecretRow(GROUP, ADA, False, UnixSeconds(valid_from), secret(name), NOW)
            )
        rows.put_wrap_secret(WrapSecretRow(GROUP, ADA, True, NOW, secret("out_secret"), NOW))
        epoch = add_epoch(rows, "seed")
        gone, kept = (
            add_chain(rows, epoch.number, name, member)
            for name, member in (("gone", ADA), ("kept", BOB))
        )
        rows.move_chain(gone, [skipped(gone.number, 0, "with_its_chain", after(31))])
        rows.move_chain(
            kept,
            [
                skipped(kept.number, number, name, after(days))
                for number, name, days in (
                    (0, "opened_key", 31),
                    (1, "late_key", 8),
                    (2, "kept_key", 31),
                )
            ],
        )
        rows.erase_chain_after(gone.number, after(7))
    everything = marks_in(file)
    assert {"old_leaf", "seed", "gone_chain", "with_its_chain", "late_key"} <= everything
    with transaction(connection):
        rows.erase_seed(epoch.number)
        rows.keep_wraps_of(GROUP, epoch.number + 1)
        rows.forget_outgoing(GROUP)
        rows.erase_skipped(kept.number, 0)
        moved = msgspec.structs.replace(
            kept, chain=secret("next_chain"), tag_key=secret("next_tags"), next=3
        )
        rows.move_chain(moved, [])
        rows.erase_due(after(8))
    assert checkpoint(connection)
    assert marks_in(file) == {
        "kept_leaf",
        "kept_bundle",
        "kept_secret",
        "next_chain",
        "next_tags",
        "kept_hello",
        "kept_key",
    }


def test_of_a_group_that_is_forgotten_no_key_stays(connection: Connection, file: Path) -> None:
    rows = GroupKeyRows(connection)
    with transaction(connection):
        for group, name in ((GROUP, "gone"), (OTHER, "kept")):
            add_own_leaf(rows, f"{name}_leaf", 1, is_long=False, group=group)
            rows.put_leaf(LeafRow(group, ADA, secret(f"{name}_bundle", 1_352), None))
            rows.put_wrap_secret(
                WrapSecretRow(group, ADA, True, NOW, secret(f"{name}_secret"), NOW)
            )
            epoch = add_epoch(rows, f"{name}_seed", group=group)
            chain = add_chain(rows, epoch.number, name)
            rows.move_chain(chain, [skipped(chain.number, 0, f"{name}_key", after(31))])
    assert any(mark.startswith("gone") for mark in marks_in(file))
    with transaction(connection):
        rows.forget(GROUP)
    assert checkpoint(connection)
    left = marks_in(file)
    assert len(left) == 9
    assert all(mark.startswith("kept") for mark in left)


def test_secrets_of_before_are_kept_when_more_may_be_of_one_bundle() -> None:
    connection = connect(None, None)
    before = VAULT_MIGRATIONS[: VAULT_MIGRATIONS.index(GROUP_WRAP_SECRETS)]
    migrate(connection, before, name="vault")
    connection.execute("PRAGMA foreign_keys = OFF")
    had = [(GROUP, ADA, is_out, 1, bytes([is_out]), int(NOW)) for is_out in (0, 1)]
    with transaction(connection):
        for row in had:
            connection.execute("INSERT INTO group_wrap_secrets VALUES (?, ?, ?, ?, ?, ?)", row)
    migrate_vault(connection)
    assert connection.execute("SELECT * FROM group_wrap_secrets").fetchall() == had
