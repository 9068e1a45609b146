"""A daemon's store, written before it starts, and read while it runs."""

from collections.abc import Sequence

from mesh.ids import EnvelopeId
from mesh.node.key_files import decode_store_key
from mesh.node.profile import Profile
from mesh.storage.connection import connect, transaction
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope
from tests.integration.nodes import Node

_ROWS_PER_BATCH = 2_000


def fill(node: Node, envelopes: Sequence[Envelope]) -> None:
    """Write envelopes into the store of a node that does not run."""
    with Profile.held(node.folders) as profile:
        connection = profile.open_store()
        store = Store(connection)
        for start in range(0, len(envelopes), _ROWS_PER_BATCH):
            with transaction(connection):
                store.add(envelopes[start : start + _ROWS_PER_BATCH])
        connection.close()


def known_ids(node: Node) -> list[EnvelopeId]:
    """The ids that a node knows, in their order; it may be running."""
    path = node.folders.store_key_file
    key = decode_store_key(path.read_bytes(), str(path))
    connection = connect(node.folders.store_file, key)
    try:
        return sorted(row.id for row in Store(connection).index_rows())
    finally:
        connection.close()
