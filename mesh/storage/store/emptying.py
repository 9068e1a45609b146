"""Empties a store whose envelopes are of another mesh.

Implements `docs/protocol/storage.md`, section "The mesh of a profile". What a person configured
stays; so does the last arrival number, since a reader remembers how far it read.
"""

from mesh.database import Connection


def empty(connection: Connection) -> None:
    """Forget every envelope, and all that was learned in the mesh of before."""
    for table in (
        "stems",
        "retirements",
        "missing",
        "bodies",
        "envelopes",
        "first_messages",
        "settings",
    ):
        # The names of our own tables, no words of anybody else.
        connection.execute(f"DELETE FROM {table}")
    connection.execute("UPDATE totals SET stored_bytes = 0, envelopes_count = 0")
