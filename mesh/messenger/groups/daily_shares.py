"""The bytes that each member of a group may have stored here in a day.

Implements `docs/protocol/groups.md`, section "Limits". What is beyond a member's share stays sealed
in the store, as what is not opened yet does, and is opened when the day is over. What others pass
on of him beyond it is not taken in: it is asked for again, as all that is missing.
"""

from dataclasses import dataclass

from mesh.ids import ConversationId, Instant, Tag, UnixSeconds, VerifyKey
from mesh.limits.groups import SAID_BYTES_PER_DAY_MAX
from mesh.messenger.account import Account
from mesh.messenger.feature import Chore, Feature
from mesh.messenger.sessions.tag_index import TagIndex
from mesh.wire.envelope import SECONDS_PER_DAY


@dataclass(slots=True)
class _Day:
    """The bytes of one member since a day of his began, and the tags of what waits for its end."""

    since: UnixSeconds
    bytes: int
    waiting: dict[Tag, None]


class DailyShares:
    """The sizes of what members said lately. Memory alone: at a start it is counted anew."""

    def __init__(self, account: Account, tag_index: TagIndex) -> None:
        self._authors = account.vault.authors
        self._tag_index = tag_index
        self._days: dict[tuple[ConversationId, VerifyKey], _Day] = {}

    def feature(self) -> Feature:
        """Open what waited for a day to be over."""
        return Feature(chores=[Chore(self._open_due)])

    def has_room(
        self, conversation: ConversationId, author: VerifyKey, size: int, now: Instant
    ) -> bool:
        """Say whether so many bytes of a member may enter the vault in this day."""
        return self._day(conversation, author, now).bytes + size <= SAID_BYTES_PER_DAY_MAX

    def add(self, conversation: ConversationId, author: VerifyKey, size: int, now: Instant) -> None:
        """So many bytes of a member enter the vault."""
        self._day(conversation, author, now).bytes += size

    def wait(self, conversation: ConversationId, author: VerifyKey, tag: Tag, now: Instant) -> None:
        """Open what came under a tag of a member when his day is over. Only tags that are
        expected come here, so these are no more.
        """
        self._day(conversation, author, now).waiting[tag] = None

    def _day(self, conversation: ConversationId, author: VerifyKey, now: Instant) -> _Day:
        day = self._days.get((conversation, author))
        if day is None:
            day = self._days[conversation, author] = self._of_vault(conversation, author, now)
        elif not _is_on(day, now):
            self._tag_index.want(day.waiting)
            day.since, day.bytes, day.waiting = now.expiry, 0, {}
        return day

    def _of_vault(self, conversation: ConversationId, author: VerifyKey, now: Instant) -> _Day:
        """Count what came in the last day, in this run or another one."""
        row = self._authors.find(conversation, author)
        if row is None:
            return _Day(now.expiry, 0, {})
        earliest, stored = self._authors.said_between(
            row, UnixSeconds(now.mesh - SECONDS_PER_DAY), now.mesh
        )
        age = now.mesh - earliest if stored else 0
        return _Day(UnixSeconds(now.expiry - age), stored, {})

    def _open_due(self, now: Instant) -> None:
        for whose, day in list(self._days.items()):
            if _is_on(day, now):
                continue
            self._tag_index.want(day.waiting)
            if day.waiting:
                # His next day begins, as it does where a message finds that the last one is over.
                day.since, day.bytes, day.waiting = now.expiry, 0, {}
            else:
                del self._days[whose]


def _is_on(day: _Day, now: Instant) -> bool:
    """Say whether a day is on; one that began under a clock that was ahead is over."""
    return now.expiry - SECONDS_PER_DAY < day.since <= now.expiry
