"""Texts that are to be sent later: kept in the vault, and written when they are due.

Implements `docs/protocol/conversations.md`, section "Sent later". It is written like anything that
a person writes at that moment, in the same transaction in which it ceases to wait: so a process
that is killed sends it once. While no node runs, or the vault is locked, nothing is sent; what fell
due meanwhile is sent afterwards.

Theory of operation. Nobody can call back what was sent early, so a clock that jumps sends nothing.
What the expiry time has reached is sent once the clock is steady, or where the steady clock says
the same: as much time has passed as lay before it when it was last looked at in this run.
"""

import dataclasses
from collections.abc import Sequence

import msgspec

from mesh.commands.item_commands import WriteItem
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduledAnswer,
    ScheduledAnswers,
    ScheduleText,
)
from mesh.errors import UserError
from mesh.events import ScheduledChanged
from mesh.ids import Instant, Monotonic, UnixSeconds, earliest
from mesh.limits.search import (
    SCHEDULED_AHEAD_SECONDS_MAX,
    SCHEDULED_FILES_MAX,
    SCHEDULED_MAX,
)
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.file_answers import FileAnswers
from mesh.messenger.conversations.file_posting import FilePosting
from mesh.messenger.conversations.statements import check_text, object_of
from mesh.messenger.conversations.writing import Writing, checked_send_key
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.sessions.payloads import require_posted_again
from mesh.storage.vault.scheduled import ScheduledRow


class Scheduled:
    """All that waits for its time, and the sending of it."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        conversations: Conversations,
        writing: Writing,
        file_posting: FilePosting,
        file_answers: FileAnswers,
    ) -> None:
        self._rows = account.vault.scheduled
        self._entries = account.vault.entries
        self._conversation_rows = account.vault.conversations
        self._people = account.vault.contacts
        self._pending_events = account.pending_events
        self._conversations = conversations
        self._contacts = contacts
        self._writing = writing
        self._files = account.vault.files
        self._file_posting = file_posting
        self._file_answers = file_answers
        # Of what was seen to lie ahead: when the steady clock will have reached it.
        self._reached_at: dict[int, Monotonic] = {}

    def feature(self) -> Feature:
        """Keeping, listing, changing, cancelling and sending."""
        return Feature(
            commands=[
                command(ScheduleText, self._schedule),
                command(AskScheduled, self._ask),
                command(ChangeScheduled, self._change),
                command(CancelScheduled, self._cancel),
            ],
            chores=[
                Chore(lambda now: self._send_due(now, is_steady=False)),
                Chore(lambda now: self._send_due(now, is_steady=True), needs_steady_clock=True),
            ],
            cleanups=[self._forget_files],
            # Of those that were seen to lie ahead.
            deadline=lambda: earliest(self._reached_at.values()),
        )

    def _schedule(self, asked: ScheduleText, now: Instant) -> ScheduledAnswer:
        key = checked_send_key(asked.idempotency_key)
        named = self._conversations.conversation(asked.conversation)
        conversation = named.number
        contact = None if named.contact is None else self._people.contact(named.contact)
        if asked.keep_for is not None:
            require_posted_again(named)
        before = None if key is None else self._rows.find_by_send_key(key)
        if before is not None:
            item = _item_of(before)
            told = before.conversation, item.text, len(item.files)
            if told != (conversation, asked.text, len(asked.files)):
                raise UserError(
                    "key-reused", "This idempotency key was used for another text; take a new one."
                )
            return self._answer(before)
        if key is not None and self._entries.find_by_send_key(key) is not None:
            raise UserError("too-late", "What bears this idempotency key was sent already.")
        if contact is not None and contact.is_blocked:
            raise UserError(
                "blocked",
                f"{contact.label} is blocked; unblock them before you write.",
                name=contact.label,
            )
        _check_time(asked.at, now)
        if self._rows.count() >= SCHEDULED_MAX:
            raise UserError(
                "too-many", f"{SCHEDULED_MAX} texts wait to be sent; cancel one of them first."
            )
        item = WriteItem(
            conversation="",
            text=asked.text,
            marks=asked.marks,
            mentions=asked.mentions,
            reply=asked.reply,
            files=asked.files,
            keep_for=asked.keep_for,
            idempotency_key=asked.idempotency_key,
        )
        object_of(item, b"", self._writing.described(asked.files))
        item = dataclasses.replace(item, files=self._kept_files(asked.files, now))
        return self._kept(
            self._rows.add(
                ScheduledRow(
                    number=0,
                    conversation=conversation,
                    due=UnixSeconds(asked.at),
                    item=msgspec.json.encode(item),
                    send_key=key,
                )
            ),
            now,
        )

    def _ask(self, asked: AskScheduled, now: Instant) -> ScheduledAnswers:
        conversation = None
        if asked.conversation != "":
            conversation = self._conversations.conversation(asked.conversation).number
        return ScheduledAnswers(
            scheduled=[self._answer(row) for row in self._rows.of(conversation)]
        )

    def _change(self, asked: ChangeScheduled, now: Instant) -> ScheduledAnswer:
        row = self._row(asked.scheduled)
        item = _item_of(row)
        if asked.at is not None:
            _check_time(asked.at, now)
            row = msgspec.structs.replace(row, due=UnixSeconds(asked.at))
        if asked.text is not None:
            if asked.text or not item.files:
                check_text(asked.text, is_alone=not item.files)
            # Spans are of the words that they were made for.
            item = dataclasses.replace(item, text=asked.text, marks=(), mentions=())
        row = msgspec.structs.replace(row, item=msgspec.json.encode(item), failure="")
        self._rows.replace(row)
        return self._kept(row, now)

    def _cancel(self, asked: CancelScheduled, now: Instant) -> ScheduledAnswer:
        row = self._row(asked.scheduled)
        answer = self._answer(row)
        for number in self._files_of(row):
            self._files.hand_over_again(number, now.expiry)
        self._over(row, answer)
        return answer

    # --- Files --------------------------------------------------------------------------------

    def _kept_files(self, numbers: Sequence[int], now: Instant) -> tuple[int, ...]:
        """Keep files until their text is sent; return their numbers."""
        if len(self._files.for_later()) + len(numbers) > SCHEDULED_FILES_MAX:
            raise UserError(
                "too-many",
                f"{SCHEDULED_FILES_MAX} files wait to be sent; cancel one of their texts first.",
            )
        kept = tuple(self._file_posting.own(number, now).number for number in numbers)
        for number in kept:
            self._files.set_state(number, "later")
        return kept

    def _files_of(self, row: ScheduledRow) -> list[int]:
        """The files that are here of those that a text has."""
        found = [self._files.find(number) for number in _item_of(row).files]
        return [one.number for one in found if one is not None and one.state == "later"]

    def _forget_files(self, now: Instant) -> None:
        """Let go of files whose texts went with their conversation."""
        named = {number for row in self._rows.of(None) for number in _item_of(row).files}
        for one in self._files.for_later():
            if one.number not in named:
                self._files.delete(one.number)

    # --- When they are due --------------------------------------------------------------------

    def _send_due(self, now: Instant, *, is_steady: bool) -> None:
        """Write what is due; what cannot be written stays, with the reason."""
        waiting = self._rows.waiting()
        for number, due in waiting:
            reached_at = self._reached_at.get(number)
            if due > now.expiry:
                self._reached_at[number] = now.after((due - now.expiry) * 1000)
            elif is_steady or (reached_at is not None and reached_at <= now.monotonic):
                self._send(self._row(number), now)
        here = {number for number, _ in self._rows.waiting()}
        for number in [one for one in self._reached_at if one not in here]:
            del self._reached_at[number]

    def _send(self, row: ScheduledRow, now: Instant) -> None:
        answer, files = self._answer(row), self._files_of(row)
        for number in files:
            self._files.set_state(number, "new")
        try:
            item = dataclasses.replace(_item_of(row), conversation=row.conversation)
            self._writing.write_item(item, now)
        except UserError as error:
            for number in files:
                self._files.set_state(number, "later")
            row = msgspec.structs.replace(row, failure=str(error))
            self._rows.replace(row)
            self._pending_events.tell(ScheduledChanged(self._answer(row)))
        else:
            self._over(row, answer)

    def _over(self, row: ScheduledRow, answer: ScheduledAnswer) -> None:
        self._rows.delete(row.number)
        self._reached_at.pop(row.number, None)
        self._pending_events.tell(ScheduledChanged(answer, is_over=True))

    def _kept(self, row: ScheduledRow, now: Instant) -> ScheduledAnswer:
        """Tell of one that is new, or changed, and look at it when it is due."""
        self._reached_at[row.number] = now.after((row.due - now.expiry) * 1000)
        answer = self._answer(row)
        self._pending_events.tell(ScheduledChanged(answer))
        return answer

    def _row(self, number: int) -> ScheduledRow:
        row = self._rows.find(number)
        if row is None:
            raise UserError(
                "not-found", f"There is no text {number} that waits to be sent; it may be sent."
            )
        return row

    def _answer(self, row: ScheduledRow) -> ScheduledAnswer:
        item = _item_of(row)
        conversation = self._conversation_rows.conversation(row.conversation)
        return ScheduledAnswer(
            number=row.number,
            conversation=row.conversation,
            title=self._conversations.title(conversation),
            text=item.text,
            reply=item.reply,
            at=row.due,
            failure=row.failure,
            files=[
                self._file_answers.answer(one)
                for number in item.files
                if (one := self._files.find(number)) is not None
            ],
        )


def _item_of(row: ScheduledRow) -> WriteItem:
    """Return what will be asked, but for the conversation; it was encoded here."""
    return msgspec.json.decode(row.item, type=WriteItem)


def _check_time(at: int, now: Instant) -> None:
    if at <= now.expiry:
        raise UserError("bad-time", "That time is over; send it now, or choose a later one.")
    if at > now.expiry + SCHEDULED_AHEAD_SECONDS_MAX:
        days = SCHEDULED_AHEAD_SECONDS_MAX // 86_400
        raise UserError("bad-time", f"What is sent later is sent within {days} days.")
