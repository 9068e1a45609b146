"""A power cut between two statements: what was committed stays, the rest is gone."""

import pytest

from mesh.storage.connection import connect, transaction
from sim.hosts.fragile import FragileConnection, Fuse, PowerCut


def table() -> tuple[Fuse, FragileConnection]:
    fuse = Fuse()
    connection = FragileConnection(connect(None, None), fuse)
    with transaction(connection):
        connection.execute("CREATE TABLE numbers (number INTEGER)")
    return fuse, connection


def numbers(connection: FragileConnection) -> list[object]:
    rows = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
    return [row[0] for row in rows]


def insert_three(connection: FragileConnection) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (1)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(2,), (3,)])


@pytest.mark.parametrize("statements", range(4))
def test_a_cut_before_the_commit_loses_the_transaction(statements: int) -> None:
    fuse, connection = table()
    fuse.statements_left = statements
    with pytest.raises(PowerCut):
        insert_three(connection)
    fuse.statements_left = None
    if statements:
        connection.execute("ROLLBACK")
    assert numbers(connection) == []


def test_a_cut_after_the_commit_loses_nothing() -> None:
    fuse, connection = table()
    fuse.statements_left = 3
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(PowerCut):
        numbers(connection)
    fuse.statements_left = None
    assert numbers(connection) == [1]
