"""Groups as rows: what is taken in, what waits, and that what is kept beside the rows is theirs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest

from mesh.content.entry import OperationId
from mesh.crypto.signing import SigningKey
from mesh.database import Connection
from mesh.errors import PeerError
from mesh.group.membership import Change
from mesh.group.operations import (
    NO_CONSENT,
    RULES,
    Action,
    Add,
    Create,
    Leave,
    Record,
    Role,
    RoleChange,
    encode_operation,
)
from mesh.group.posts import NO_GROUP, GroupId, SignedPost, sign_post
from mesh.group.settings import SettingsChange
from mesh.ids import ConversationId, UnixSeconds
from mesh.storage.connection import transaction
from mesh.storage.migrations import migrate_vault
from mesh.storage.vault.groups import GroupRow, GroupRows
from tests.storage.plain import connect_plainly

NOW = UnixSeconds(1_800_000_000)
HERE, OTHER = ConversationId(71), ConversationId(72)
NAMES = ("ada", "ben", "cem", "dan")
KEYS = {name: SigningKey.from_seed(name.encode().ljust(32)) for name in NAMES}


def record(name: str) -> Record:
    return Record(KEYS[name].verify_key, bytes(32), bytes(32), bytes(16), name, NO_CONSENT)


class Told:
    """Signed operations of one group, each after those that it names."""

    def __init__(self) -> None:
        create = Create(RULES, bytes(16), record("ada"), SettingsChange())
        post = encode_operation(create, clock=0, seq=0, parents=())
        self.posts = [sign_post(KEYS["ada"], NO_GROUP, post)]
        self.group = GroupId(self.posts[0].id)

    def tell(self, name: str, action: Action, *parents: SignedPost) -> SignedPost:
        ids = tuple(OperationId(each.id) for each in parents or self.posts[-1:])
        post = encode_operation(action, clock=len(self.posts), seq=len(self.posts), parents=ids)
        self.posts.append(sign_post(KEYS[name], self.group, post))
        return self.posts[-1]


def story() -> Told:
    """A group of four, one of whom is raised and one of whom leaves."""
    told = Told()
    added = told.tell("ada", Add((record("ben"), record("cem"))))
    told.tell("ada", RoleChange(KEYS["ben"].verify_key, Role.ADMIN, None, ()))
    told.tell("ben", Add((record("dan"),)))
    told.tell("cem", Leave(()), added)
    told.tell("ada", SettingsChange(name="choir"), *told.posts[-2:])
    return told


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    opened = connect_plainly(tmp_path / "vault.db")
    migrate_vault(opened)
    with transaction(opened):
        for group in (HERE, OTHER):
            opened.execute(
                "INSERT INTO conversations (number, kind, read_position, sends_read_receipts, "
                "muted_until, is_pinned, is_archived, is_marked_unread) "
                "VALUES (?, 'group', 0, 0, 0, 0, 0, 0)",
                (group,),
            )
    yield opened
    opened.close()


def started(connection: Connection, told: Told, conversation: ConversationId = HERE) -> GroupRows:
    """Rows in which a group is known, without any operation."""
    rows = GroupRows(connection)
    with transaction(connection):
        rows.add(GroupRow(conversation, told.group, bytes(32), "in", NOW, True))
    return rows


def take(rows: GroupRows, connection: Connection, *posts: SignedPost) -> Change:
    group = rows.find(HERE)
    assert group is not None
    with transaction(connection):
        return rows.take(group, posts, NOW)


def members(rows: GroupRows) -> list[str]:
    membership = rows.membership(HERE)
    assert membership is not None
    return sorted(member.record.name for member in membership.members.values())


def test_groups_are_found_by_their_conversation_and_id(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    group = rows.find(HERE)
    assert group == GroupRow(HERE, told.group, bytes(32), "in", NOW, True)
    assert rows.find_by_id(told.group) == group
    assert rows.find(OTHER) is None
    assert rows.all() == [group]
    with transaction(connection):
        rows.set_state(HERE, "left", joined=NOW)
    assert group is not None
    assert rows.find(HERE) == msgspec.structs.replace(group, state="left")


@pytest.mark.parametrize("seed", range(8))
def test_operations_are_taken_in_in_any_order(connection: Connection, seed: int) -> None:
    told = story()
    rows = started(connection, told)
    coming = [*told.posts]
    Random(seed).shuffle(coming)
    counting: list[OperationId] = []
    for post in coming:
        counting += take(rows, connection, post).counting
    assert members(rows) == ["ada", "ben", "dan"]
    assert sorted(counting) == sorted(OperationId(post.id) for post in told.posts)
    assert rows.missing(HERE) == []
    # What is kept beside the rows is what they say.
    assert members(GroupRows(connection)) == members(rows)
    assert rows.operations(HERE)[0].signed == told.posts[0]
    found = rows.find_operation(HERE, OperationId(told.posts[2].id))
    assert found is not None
    assert found.signed == told.posts[2]


def waiting(rows: GroupRows) -> dict[str, int]:
    names = {key.verify_key: name for name, key in KEYS.items()}
    return {names[row.author]: row.count for row in rows.waiting(HERE)}


def test_what_waits_is_asked_for_by_its_first_ancestors(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    take(rows, connection, told.posts[0], *told.posts[3:])
    assert rows.missing(HERE) == sorted(OperationId(told.posts[at].id) for at in (1, 2))
    assert waiting(rows) == {"ada": 1, "ben": 1, "cem": 1}
    take(rows, connection, told.posts[5])
    assert waiting(rows)["ada"] == 1
    take(rows, connection, told.posts[1], told.posts[2])
    assert rows.missing(HERE) == []
    assert members(rows) == ["ada", "ben", "dan"]


def test_what_is_taken_twice_is_there_once(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    take(rows, connection, *told.posts)
    assert take(rows, connection, *told.posts) == Change()
    assert len(rows.operations(HERE)) == len(told.posts)


def test_a_transaction_that_fails_leaves_the_membership_as_it_was(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    take(rows, connection, *told.posts[:2])
    with suppress(ZeroDivisionError), transaction(connection):
        group = rows.find(HERE)
        assert group is not None
        rows.take(group, told.posts[2:4], NOW)
        assert members(rows) == ["ada", "ben", "cem", "dan"]
        raise ZeroDivisionError
    assert members(rows) == ["ada", "ben", "cem"]
    take(rows, connection, *told.posts[2:])
    assert members(rows) == members(GroupRows(connection)) == ["ada", "ben", "dan"]


def test_who_was_never_added_costs_no_row(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    take(rows, connection, told.posts[0])
    foreign = told.tell("dan", SettingsChange(name="mine"), told.posts[0])
    followed = told.tell("ada", SettingsChange(name="ours"), foreign)
    take(rows, connection, foreign, followed)
    assert len(rows.operations(HERE)) == 1
    assert rows.missing(HERE) == []


def test_another_groups_beginning_changes_nothing(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    create = Create(RULES, b"another 16 bytes", record("ben"), SettingsChange())
    other = sign_post(KEYS["ben"], NO_GROUP, encode_operation(create, clock=0, seq=0, parents=()))
    with pytest.raises(PeerError):
        take(rows, connection, told.posts[0], other)
    with pytest.raises(PeerError):
        take(rows, connection, SignedPost(KEYS["ada"].verify_key, b"\xc1", bytes(64)))
    assert rows.membership(HERE) is None
    assert rows.operations(HERE) == []


def test_a_group_that_is_forgotten_leaves_nothing(connection: Connection) -> None:
    told = story()
    rows = started(connection, told)
    take(rows, connection, *told.posts[:2], told.posts[5])
    with transaction(connection):
        rows.forget(HERE)
    assert rows.find(HERE) is None
    assert rows.membership(HERE) is None
    assert rows.missing(HERE) == []
