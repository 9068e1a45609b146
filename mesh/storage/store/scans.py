"""Reading through the store in an order: of arrival, of creation, or what bears some tags."""

from collections.abc import Sequence

from mesh.database import Connection
from mesh.ids import EnvelopeId, Tag, UnixSeconds
from mesh.storage.store.rows import (
    ArrivedTag,
    CarriedRow,
    blob,
    carried_row,
    first_integer,
    integer,
    joined,
    select_by_keys,
)


class StoreScans:
    """Pages of envelopes that are here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_tags(self, tags: Sequence[Tag]) -> list[bytes]:
        """The envelopes that bear one of these tags and have a body, in order of arrival."""
        rows = select_by_keys(
            self._connection,
            "SELECT arrival, stub, body FROM envelopes JOIN bodies USING (arrival) WHERE tag IN",
            tags,
        )
        rows.sort(key=first_integer)
        return [joined(stub, body) for _, stub, body in rows]

    def has_body_of(self, tag: Tag) -> bool:
        """Say whether an envelope with this tag is here with its body."""
        found = self._connection.execute(
            "SELECT 1 FROM envelopes JOIN bodies USING (arrival) WHERE tag = ? LIMIT 1", (tag,)
        )
        return found.fetchone() is not None

    def arrivals_after(self, mark: int, limit: int) -> list[tuple[int, bytes]]:
        """The next envelopes with a body beyond an arrival number, with their own numbers."""
        rows = self._connection.execute(
            "SELECT arrival, stub, body FROM bodies JOIN envelopes USING (arrival) "
            "WHERE arrival > ? ORDER BY arrival LIMIT ?",
            (mark, limit),
        ).fetchall()
        return [(integer(arrival), joined(stub, body)) for arrival, stub, body in rows]

    def arrived_tags(self, mark: int, limit: int) -> list[ArrivedTag]:
        """The same without the envelopes, for who looks for a few of many."""
        rows = self._connection.execute(
            "SELECT arrival, id, tag FROM bodies JOIN envelopes USING (arrival) "
            "WHERE arrival > ? ORDER BY arrival LIMIT ?",
            (mark, limit),
        ).fetchall()
        return [
            ArrivedTag(integer(arrival), EnvelopeId(blob(id_)), Tag(blob(tag)))
            for arrival, id_, tag in rows
        ]

    def bodies_created(
        self, since: UnixSeconds, before: UnixSeconds, limit: int
    ) -> list[tuple[UnixSeconds, EnvelopeId]]:
        """The next envelopes with a body that were created in this time, the oldest first."""
        rows = self._connection.execute(
            "SELECT created, id FROM envelopes JOIN bodies USING (arrival) "
            "WHERE created >= ? AND created < ? ORDER BY created, id LIMIT ?",
            (since, before, limit),
        ).fetchall()
        return [(UnixSeconds(integer(created)), EnvelopeId(blob(id_))) for created, id_ in rows]

    def newest_before(
        self, created: UnixSeconds, envelope_id: EnvelopeId, limit: int
    ) -> list[CarriedRow]:
        """The next envelopes down from a creation second and an id, the newest first."""
        rows = self._connection.execute(
            "SELECT created, id, size_class, lapses, "
            "bodies.arrival IS NOT NULL, missing.arrival IS NOT NULL "
            "FROM envelopes LEFT JOIN bodies USING (arrival) LEFT JOIN missing USING (arrival) "
            "WHERE (created, id) < (?, ?) ORDER BY created DESC, id DESC LIMIT ?",
            (created, envelope_id, limit),
        ).fetchall()
        return [carried_row(row) for row in rows]
