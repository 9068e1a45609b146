"""The secrecy of texts: the run's marker, looked for wherever it must not stand (S6).

Every text holds a marker of the run. It is looked for in all bytes that a node hands to a
stream, at every step, and in all rows of all databases when a run ends and before a disk is lost.
A store holds it nowhere. A vault holds texts of its own user only. Each search of a database
must also find a marker that is planted in it for the search, or it proves nothing.
"""

import re
from collections.abc import Iterator

from mesh.database import Connection
from sim.invariants.database_search import search
from sim.invariants.group_log import GroupLog
from sim.invariants.invariants import S6, BrokenInvariant
from sim.invariants.message_log import MessageLog


class Secrecy:
    """All searches of one run."""

    def __init__(self, message_log: MessageLog, group_log: GroupLog) -> None:
        self._message_log = message_log
        self._group_log = group_log
        self._marker = message_log.marker.encode()
        # A text as a whole, or the marker in a form that a slip could give it.
        self._clear = re.compile(rb"(\d{7}) " + re.escape(self._marker))
        self._in_group = re.compile(rb"(\d{7})g " + re.escape(self._marker))
        self._forms = (self._marker, self._marker.hex().encode(), self._marker[::-1])
        self.searches_count = 0

    def sending(self, node: int, sent: bytes) -> None:
        """A node hands bytes to a stream."""
        if self._marker in sent:
            raise BrokenInvariant(S6, "a text stands in clear in what is sent", node)

    def search_store(self, node: int, store: Connection) -> None:
        """No text stands in a store."""
        for table, _ in self._values(store):
            raise BrokenInvariant(S6, f"a text stands in the table {table} of a store", node)

    def search_vault(self, node: int, owner: int, vault: Connection) -> None:
        """Only texts that its owner wrote or may read stand in a vault."""
        for table, value in self._values(vault):
            for found in self._in_group.finditer(value):
                self._group_log.require_reader(int(found[1]), node, owner, table)
            for found in self._clear.finditer(value):
                message = self._message_log.messages[int(found[1])]
                if owner not in (message.sender, message.recipient):
                    detail = (
                        f"the message {message.number} of node {message.sender} for node "
                        f"{message.recipient} stands in the table {table} of a stranger's vault"
                    )
                    raise BrokenInvariant(S6, detail, node)

    def _values(self, database: Connection) -> Iterator[tuple[str, bytes]]:
        """All that holds something like the marker."""
        self.searches_count += 1
        return search(database, self._marker.decode(), self._is_in)

    def _is_in(self, value: bytes) -> bool:
        return any(form in value for form in self._forms)
