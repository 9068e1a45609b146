"""Planted bugs that a person would feel, in what they chose, look for, and are told of groups.

They were chosen by reading `mesh/` alone, before anybody looked at what the simulator sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_in
from typing import Final

from msgspec.structs import replace

from mesh.commands.conversations import ChangeConversation, ConversationAnswer
from mesh.commands.items import PollAnswer
from mesh.content.kinds import Content, Field
from mesh.content.poll import Poll
from mesh.content.task import Change
from mesh.ids import ContactId, ConversationId, Instant, VerifyKey
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations import conversations
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.effects import Effects
from mesh.messenger.conversations.folding import Folding
from mesh.messenger.conversations.group_rules import Told
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.groups.group import Group
from mesh.messenger.groups.group_answers import GroupAnswers
from mesh.messenger.groups.group_receipts import GroupReceipts
from mesh.messenger.groups.invitations import Invitations
from mesh.messenger.pending_events import GroupNews, PendingEvents
from mesh.storage.vault import timers
from mesh.storage.vault.conversations import ConversationRows
from mesh.storage.vault.rows import EntryRow, all_of
from mesh.storage.vault.scheduled import ScheduledRow, ScheduledRows
from mesh.storage.vault.timers import TimerRows
from sim.bugs.injection import Bug
from sim.patching import Patch

# --- What somebody chose ------------------------------------------------------------------------


def _remembered_as_before(contacts: Contacts, contact: ContactId, label: str, name: str) -> None:
    """The row is right, and what is in memory stays until the next start."""
    _REMEMBER(contacts, contact, vars(contacts)["_labels"].get(contact, label), name)


_REMEMBER: Final = Contacts._remember


def _kept_without_words(
    talk: Conversations, conversation: ConversationId, asked: ChangeConversation
) -> None:
    """A programmer may think: who sends no text has none."""
    _KEEP_DRAFT(talk, conversation, replace_in(asked, draft=asked.draft or ""))


_KEEP_DRAFT: Final = Conversations._keep_draft


def _by_news_alone(answer: ConversationAnswer) -> tuple[bool, int, int]:
    """Nobody asks what is pinned."""
    newest = 0 if answer.last_item is None else answer.last_item.number
    return answer.is_archived, -newest, answer.number


def _left_there(pages: MessagePages, number: ConversationId) -> None:
    """A programmer may think: the archive is left by hand."""


def _at_the_time_of_before(rows: ScheduledRows, row: ScheduledRow) -> None:
    """The answer is right, and the time in the row is that of before."""
    before = rows.find(row.number)
    _REPLACE(rows, row if before is None else replace(row, due=before.due))


_REPLACE: Final = ScheduledRows.replace


def _never_off(rows: ConversationRows, conversation: ConversationId, *, is_on: bool) -> None:
    """Once somebody lets it be known, they do for ever."""
    if is_on:
        _SET_RECEIPTS(rows, conversation, is_on=is_on)


_SET_RECEIPTS: Final = ConversationRows.set_sends_read_receipts


# --- What is shown and counted ------------------------------------------------------------------


def _started_unread(rows: TimerRows) -> list[EntryRow]:
    """A programmer may think: its time runs since it came."""
    sql = timers._TO_START.replace("AND is_read = 1", "")
    return all_of(vars(rows)["_connection"].execute(sql), EntryRow)


def _under_the_first_title(effects: Effects, target: EntryRow, content: Content) -> None:
    """A programmer may think: the text of an object is changed by edits alone."""
    if not isinstance(content, Change):
        _SHOW(effects, target, content)


_SHOW: Final = Effects._show


def _with_who_took_it_back(folding: Folding, row: EntryRow, poll: Poll, mesh_ms: int) -> PollAnswer:
    """A programmer may think: whoever has a word in the register has voted."""
    entries = vars(folding)["_entries"]
    words = entries.last_words(row.conversation, row.id, Field.VOTE)
    return replace(_POLL(folding, row, poll, mesh_ms), voters_count=len(words))


_POLL: Final = Folding.poll


# --- Groups -------------------------------------------------------------------------------------


def _declined_in_words(invitations: Invitations, group: Group, now: Instant) -> None:
    """An invite is told to be declined, and stays."""
    if group.row.state != "invited":
        _DECLINE(invitations, group, now)


_DECLINE: Final = Invitations.decline


def _out_in_silence(
    events: PendingEvents, conversation: ConversationId, news: GroupNews | None = None
) -> None:
    """The group is told to be another one, and nobody that they are out of it."""
    if news is None or news.kind != "left":
        _GROUP_CHANGED(events, conversation, news)


_GROUP_CHANGED: Final = PendingEvents.group_changed


def _by_their_own_name(answers: GroupAnswers, group: Group, key: VerifyKey) -> str | None:
    """In a group everybody is called as they call themselves."""
    return None


def _read_as_held(
    receipts: GroupReceipts, row: EntryRow, members: Sequence[VerifyKey]
) -> list[Told]:
    """A programmer may think: what came to somebody is read."""
    words = _WORDS(receipts, row, members)
    return [Told(told=each.told, silent=each.silent, read=each.told) for each in words]


_WORDS: Final = GroupReceipts.words


CHOICES: Final[Mapping[str, Bug]] = {
    "renamed-in-vain": Bug(
        "A contact whom somebody calls otherwise stands in lists under the label of before.",
        patches=(Patch(Contacts, "_remember", _remembered_as_before),),
    ),
    "reply-wipes-draft": Bug(
        "To choose what a draft answers to wipes what was written.",
        patches=(Patch(Conversations, "_keep_draft", _kept_without_words),),
    ),
    "pinned-below": Bug(
        "A conversation that is pinned stands below others.",
        patches=(Patch(conversations, "_newest_first", _by_news_alone),),
    ),
    "archived-for-good": Bug(
        "A conversation in which somebody writes stays in the archive.",
        patches=(Patch(MessagePages, "_leave_archive", _left_there),),
    ),
    "put-off-in-vain": Bug(
        "A text for later that was put off is sent at the time of before.",
        patches=(Patch(ScheduledRows, "replace", _at_the_time_of_before),),
    ),
    "read-told-for-ever": Bug(
        "Who lets somebody know what they read cannot take that back.",
        patches=(Patch(ConversationRows, "set_sends_read_receipts", _never_off),),
    ),
    "timed-unread": Bug(
        "The time of what disappears runs before anybody has read it.",
        patches=(Patch(TimerRows, "to_start", _started_unread),),
    ),
    "first-title": Bug(
        "A task with another title stands in lists and is found under its first one.",
        patches=(Patch(Effects, "_show", _under_the_first_title),),
    ),
    "vote-taken-back": Bug(
        "Whoever took a vote back is counted as a voter.",
        patches=(Patch(Folding, "poll", _with_who_took_it_back),),
    ),
    "declined-and-open": Bug(
        "An invite into a group that was declined stands open.",
        patches=(Patch(Invitations, "decline", _declined_in_words),),
    ),
    "out-untold": Bug(
        "Who is removed from a group is not told.",
        patches=(Patch(PendingEvents, "group_changed", _out_in_silence),),
    ),
    "called-by-own-name": Bug(
        "In a group a contact is called as they call themselves, and not as our person does.",
        patches=(Patch(GroupAnswers, "find_contact", _by_their_own_name),),
    ),
    "held-is-read": Bug(
        "In a group what somebody holds is told as read.",
        patches=(Patch(GroupReceipts, "words", _read_as_held),),
    ),
}
"""By the names that `--bug` takes."""
