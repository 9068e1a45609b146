"""Planted bugs that a person would feel: shown, hidden, told, counted, kept or lost wrongly.

They were chosen by reading `mesh/` alone, before anybody looked at what the simulator sees.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mesh.commands.items import ItemAnswer
from mesh.commands.scheduled import CancelScheduled, ScheduledAnswer
from mesh.content.check_in import Answer, CheckIn, Word, word_of
from mesh.content.kinds import Content
from mesh.content.register import Value
from mesh.content.task import Change
from mesh.engine.arrivals import Arrivals
from mesh.group import rights as rights_module
from mesh.group.members import View
from mesh.group.rights import Deed, role_needed
from mesh.ids import ConversationId, Instant, LinkId, UnixSeconds, VerifyKey
from mesh.messenger.conversations import effects, folding, group_rules
from mesh.messenger.conversations.at_hand import moves
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.receipts import Receipts
from mesh.messenger.conversations.scheduled import Scheduled
from mesh.messenger.messenger import Messenger
from mesh.peering.recognition import Recognition
from mesh.posting.admission import Admission, Refuse, Verdict
from mesh.storage.vault.changes import ChangeRows
from mesh.storage.vault.entries import Place
from mesh.storage.vault.rows import EntryRow
from mesh.timekeeping.expiry_clock import ExpiryClock
from mesh.wire.envelope import Envelope, Stub
from sim.bugs.injection import Bug
from sim.patching import Patch

# --- What is shown ------------------------------------------------------------------------------


def _settled_by_any(
    check_in: CheckIn, subject: VerifyKey, answers: Iterable[Value[Answer]]
) -> Word:
    """A programmer may think: who speaks for himself is well enough to be believed."""
    word = word_of(check_in, subject, answers)
    is_own = word.said is not None and word.said.author == subject
    return Word(word.said, ()) if is_own else word


def _moved_by_no_task(content: Content) -> bool:
    return moves(content) and not isinstance(content, Change)


def _above_the_last(
    changes: ChangeRows, conversation: ConversationId, until: Place
) -> list[EntryRow]:
    """One too few."""
    rows = _UNREAD(changes, conversation, until)
    return [row for row in rows if (row.position, row.id) < until]


_UNREAD: Final = ChangeRows.unread


def _still_known(recognition: Recognition, link: LinkId) -> None:
    """The link goes, and what was found of all links stays as it was."""
    vars(recognition)["_links"].pop(link, None)


# --- What is told, and kept ---------------------------------------------------------------------


def _told_and_wiped(pages: MessagePages, row: EntryRow) -> ItemAnswer:
    """A programmer may think: what was begun answers to what came before."""
    if not row.is_mine:
        vars(pages)["_conversations"].set_draft(row.conversation, "", b"")
    return _TELL_ADDED(pages, row)


_TELL_ADDED: Final = MessagePages.tell_added


def _told_by_all(receipts: Receipts, messages: Sequence[EntryRow], *, now: Instant) -> None:
    """Nobody asks whether our person lets it be known."""
    conversations = vars(receipts)["_conversations"]
    for row in messages:
        conversations.set_sends_read_receipts(row.conversation, is_on=True)
    _WERE_READ(receipts, messages, now=now)


_WERE_READ: Final = Receipts.were_read


def _cancelled_in_words(
    scheduled: Scheduled, asked: CancelScheduled, now: Instant
) -> ScheduledAnswer:
    """The answer is right, and the row stays."""
    return scheduled._answer(scheduled._row(asked.scheduled))


def _marked_over(
    arrivals: Arrivals, messenger: Messenger, live: Sequence[Envelope], now: Instant
) -> None:
    """A programmer may think: what the store has was looked at, so the mark goes behind it."""
    _OPEN_DUE(arrivals, messenger, live, now)
    messenger.set_read_mark(vars(arrivals)["_stored_to"])


_OPEN_DUE: Final = Arrivals.open_due


def _may_while_in(view: View, key: VerifyKey, deed: Deed) -> bool:
    """Nobody asks whether the group is closed."""
    return view.is_in(key) and view.role(key) >= role_needed(view, deed)


# --- Clocks -------------------------------------------------------------------------------------


def _latest_of_all(clock: ExpiryClock, now: Instant, mesh_now: UnixSeconds) -> UnixSeconds:
    """A programmer may think: time only goes on, so the latest is right."""
    return UnixSeconds(max(_READ(clock, now, mesh_now), mesh_now, now.unix_seconds))


_READ: Final = ExpiryClock.read


def _nothing_ahead(
    admission: Admission, envelope: Envelope | Stub, *, may_check_stamp: bool = True, now: Instant
) -> Verdict:
    """A programmer may think: nobody writes tomorrow."""
    if envelope.header.created > max(now.mesh, now.expiry):
        return Refuse("created too far ahead", is_fault=False)
    return _JUDGE(admission, envelope, may_check_stamp=may_check_stamp, now=now)


_JUDGE: Final = Admission.judge


FELT: Final[Mapping[str, Bug]] = {
    "call-forgotten": Bug(
        "Somebody's own word settles all calls for help for him, also those that it does not name.",
        patches=(Patch(folding, "word_of", _settled_by_any),),
    ),
    "done-and-open": Bug(
        "A task that is done stays in the list of what is open.",
        patches=(Patch(effects, "moves", _moved_by_no_task),),
    ),
    "last-stays-unread": Bug(
        "Who reads a conversation down to an item has not read that one.",
        patches=(Patch(ChangeRows, "unread", _above_the_last),),
    ),
    "still-linked": Bug(
        "A contact whose link has ended counts as linked.",
        patches=(Patch(Recognition, "link_down", _still_known),),
    ),
    "draft-wiped": Bug(
        "A message that comes wipes what its reader has begun to write.",
        patches=(Patch(MessagePages, "tell_added", _told_and_wiped),),
    ),
    "read-told-unasked": Bug(
        "What was read is told to its author though its reader lets nobody know.",
        patches=(Patch(Receipts, "were_read", _told_by_all),),
    ),
    "called-off-and-sent": Bug(
        "A text for later is told to be called off, and is sent.",
        patches=(Patch(Scheduled, "_cancel", _cancelled_in_words),),
    ),
    "mark-too-far": Bug(
        "After a crash nobody looks for mail that waited for its order.",
        patches=(Patch(Arrivals, "open_due", _marked_over),),
    ),
    "closed-and-open": Bug(
        "In a group that is closed people write on.",
        patches=(
            Patch(rights_module, "may", _may_while_in),
            Patch(group_rules, "may", _may_while_in),
        ),
    ),
    "latest-clock": Bug(
        "Things lapse by whichever clock is the latest.",
        patches=(Patch(ExpiryClock, "read", _latest_of_all),),
    ),
    "nothing-ahead": Bug(
        "What was made by a clock that is a little ahead is not taken.",
        patches=(Patch(Admission, "judge", _nothing_ahead),),
    ),
}
"""By the names that `--bug` takes."""
