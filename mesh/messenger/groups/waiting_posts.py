"""The room for operations that wait for others, which anybody can name that never were.

Implements `docs/protocol/groups.md`, section "Limits".
"""

from collections import Counter

from mesh.content.entry import OperationId
from mesh.errors import PeerError
from mesh.group.operations import Operation
from mesh.ids import VerifyKey
from mesh.limits.groups import (
    OPERATIONS_MAX,
    WAITING_BYTES_MAX,
    WAITING_POSTS_PER_AUTHOR_MAX,
)
from mesh.messenger.groups.group import Group
from mesh.storage.vault.groups import GroupRows

_STRANGERS = VerifyKey(bytes(32))
"""Share one room: keys cost nothing, and who is added later waits for little."""


class WaitingPosts:
    """The operations of one group that wait while some more are looked at."""

    def __init__(self, group: Group, rows: GroupRows) -> None:
        self._membership = group.membership
        self._is_joining = group.row.state == "joining"
        self._counts: Counter[VerifyKey] = Counter()
        self._bytes = 0
        self._coming: set[OperationId] = set()
        for row in rows.waiting(group.conversation):
            self._counts[self._whose(row.author)] += row.count
            self._bytes += row.bytes

    def admit(self, operation: Operation, length: int) -> None:
        """PeerError where an operation would wait, and too many do."""
        if all(self._is_known(parent) for parent in operation.parents):
            self._coming.add(operation.id)
            return
        whose = self._whose(operation.author)
        # Who comes in asks for nothing before he has all: most of it may be by one person.
        of_one = OPERATIONS_MAX if self._is_joining else WAITING_POSTS_PER_AUTHOR_MAX
        if self._counts[whose] >= of_one or self._bytes + length > WAITING_BYTES_MAX:
            raise PeerError("too many operations wait")
        self._counts[whose] += 1
        self._bytes += length

    def _is_known(self, operation: OperationId) -> bool:
        known = self._membership is not None and operation in self._membership.graph
        return known or operation in self._coming

    def _whose(self, author: VerifyKey) -> VerifyKey:
        known = self._membership is not None and author in self._membership.graph.people
        return author if known else _STRANGERS
