"""Writing: what a person says in a conversation, and what they change of what was said.

One way for everything: an object, or a change of one, becomes an entry, which is kept here and,
with a contact, goes out as any message does.
"""

from collections.abc import Callable, Sequence

from mesh.commands.conversations import AskConversation, ConversationAnswer, SetTimer
from mesh.commands.fields import KeepFor
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    ClosePoll,
    EditItem,
    ForgetItem,
    HideItem,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer
from mesh.content import poll as polls
from mesh.content.entry import EntryId, Kind
from mesh.content.fields import InvalidContentError
from mesh.content.file import File
from mesh.content.kinds import KINDS, OBJECTS, Content, Field, Right, check_fit
from mesh.content.poll import Close
from mesh.content.retraction import Hide, Retract
from mesh.content.settings import Pin, Timer
from mesh.content.text import Text
from mesh.errors import UserError
from mesh.ids import Instant, UnixSeconds
from mesh.limits.content import OVER_MAX, TIMER_SECONDS_MAX
from mesh.limits.messages import CLOCK_AHEAD_SECONDS_SHOWN, IDEMPOTENCY_KEY_BYTES_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import Contacts
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.file_posting import FilePosting
from mesh.messenger.conversations.folding import of_type
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.conversations.outbox import Outbox
from mesh.messenger.conversations.statements import (
    answer_of,
    change_of,
    checked,
    edit_of,
    object_of,
    reaction_of,
)
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.sessions.payloads import keeping_for, require_posted_again
from mesh.storage.vault.rows import OURSELVES, ContactRow, ConversationRow, EntryRow
from mesh.wire.payload import HLC_COUNTER_BITS


class Writing:
    """Writes objects and changes of them."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        conversations: Conversations,
        check_reachable: Callable[[ContactRow, UnixSeconds], None],
        outbox: Outbox,
        entries: Entries,
        file_posting: FilePosting,
        message_pages: MessagePages,
    ) -> None:
        self._rows = account.vault.entries
        self._registers = account.vault.registers
        self._conversation_rows = account.vault.conversations
        self._people = account.vault.contacts
        self._contacts = contacts
        self._conversations = conversations
        # UserError if nothing that is sent to a contact now could be opened.
        self._check_reachable = check_reachable
        self._outbox = outbox
        self._entries = entries
        self._file_posting = file_posting
        self._erasing = entries.erasing
        self._message_pages = message_pages

    def feature(self) -> Feature:
        """All that is written but mere messages."""
        return Feature(
            commands=[
                command(WriteItem, self.write_item),
                command(EditItem, self._edit),
                command(RetractItem, self._retract),
                command(ForgetItem, self._forget),
                command(ReactToItem, self._react),
                command(PinItem, self._pin),
                command(HideItem, self._hide),
                command(Vote, self._vote),
                command(ClosePoll, self._close),
                command(AnswerCheckIn, self._answer_check_in),
                command(ChangeTask, self._change_task),
                command(SetTimer, self._set_timer),
            ],
            chores=[Chore(self._erasing.expire_running)],
            cleanups=[self._erasing.expire],
        )

    def write(
        self,
        conversation: ConversationRow,
        statement: Statement,
        *,
        now: Instant,
        send_key: str | None = None,
        keep_for: KeepFor | None = None,
    ) -> EntryRow:
        """Write an entry into a conversation: it is kept here, and sent to whom it is with."""
        if keep_for is not None:
            require_posted_again(conversation)
        if conversation.kind == "group":
            return self._conversations.groups.write(
                conversation, statement, now=now, send_key=send_key
            )
        if conversation.contact is None:
            return self._conversations.write_to_oneself(statement, now=now, send_key=send_key)
        contact = self._people.contact(conversation.contact)
        if contact.is_blocked:
            raise UserError(
                "blocked",
                f"{contact.label} is blocked; unblock them before you write.",
                name=contact.label,
            )
        self._check_reachable(contact, min(now.mesh, now.expiry))
        keeping = keeping_for(keep_for or conversation.keep_for, now.expiry)
        row = self._outbox.send(contact, statement, now=now, send_key=send_key, keeping=keeping)
        # Who is written to is a contact.
        self._contacts.accept_request(contact)
        return row

    # --- Objects ------------------------------------------------------------------------------

    def write_item(self, asked: WriteItem, now: Instant) -> ItemAnswer:
        """Write an object; UserError says in words why not."""
        key = checked_send_key(asked.idempotency_key)
        conversation = self._conversations.conversation(asked.conversation)
        before = None if key is None else self._rows.find_by_send_key(key)
        reply = b""
        if asked.reply and before is None:
            reply = self._message_pages.whole(asked.reply, conversation.number).id
        elif asked.reply:
            # What was answered may be gone since then.
            about = self._rows.find(asked.reply)
            reply = b"" if about is None else about.id
        if asked.files and asked.kind != "text":
            raise UserError("bad-content", "Files stand in texts alone.")
        described = (
            self.described(asked.files) if before is None else self._described_before(asked, before)
        )
        kind, content = object_of(asked, reply, described)
        if before is not None:
            if (before.conversation, before.kind) != (conversation.number, kind) or (
                not before.gone and self._entries.content(before) != content
            ):
                raise key_reused()
            return self._message_pages.item(before)
        timer = asked.timer
        if timer is None:
            timer = self._entries.timer(conversation.number)
        if kind not in (Kind.TEXT, Kind.POLL):
            timer = 0
        if timer > TIMER_SECONDS_MAX:
            raise _too_long_a_timer()
        statement = Statement(kind, content, timer=timer)
        row = self.write(conversation, statement, now=now, send_key=key, keep_for=asked.keep_for)
        if described:
            self._file_posting.written(row, asked.files, described, now)
        return self._message_pages.tell_added(row)

    def described(self, files: Sequence[int]) -> list[File]:
        """Return the descriptions of files for a text; UserError if they cannot be sent."""
        if len(dict.fromkeys(files)) < len(files):
            raise UserError("bad-content", "A file stands in a message once.")
        return [self._file_posting.describe(number) for number in files]

    def _described_before(self, asked: WriteItem, before: EntryRow) -> list[File]:
        """Return the files of a text that was written already, with these or others."""
        content = self._entries.content(before)
        files = content.files if isinstance(content, Text) else []
        is_same = len(files) == len(asked.files) and all(
            self._file_posting.is_same(number, file)
            for number, file in zip(asked.files, files, strict=True)
        )
        return list(files) if is_same else []

    # --- Changes ------------------------------------------------------------------------------

    def _edit(self, asked: EditItem, now: Instant) -> ItemAnswer:
        return self._set(asked.item, Kind.EDIT, edit_of(asked), Field.TEXT, now)

    def _react(self, asked: ReactToItem, now: Instant) -> ItemAnswer:
        return self._set(asked.item, Kind.REACT, reaction_of(asked), Field.REACTION, now)

    def _pin(self, asked: PinItem, now: Instant) -> ItemAnswer:
        return self._set(asked.item, Kind.PIN, Pin(asked.is_on), Field.PIN, now)

    def _hide(self, asked: HideItem, now: Instant) -> ItemAnswer:
        row = self._message_pages.whole(asked.item)
        if self._entries.rules.find_group(row.conversation) is None:
            raise UserError("bad-content", "Hiding is for groups; delete it here instead.")
        return self._set(asked.item, Kind.HIDE, Hide(asked.is_on), Field.HIDDEN, now)

    def _vote(self, asked: Vote, now: Instant) -> ItemAnswer:
        vote = checked(lambda: polls.Vote(sorted(dict.fromkeys(asked.options))))
        row = self.find_kind(asked.item, Kind.VOTE)
        ends = self._registers.find_ends(row.number)
        if ends is not None and ends <= now.mesh_ms << HLC_COUNTER_BITS:
            raise UserError("too-late", "The poll is over: votes do not count any more.")
        return self._set(asked.item, Kind.VOTE, vote, Field.VOTE, now)

    def _close(self, asked: ClosePoll, now: Instant) -> ItemAnswer:
        row = self.find_kind(asked.item, Kind.CLOSE)
        votes = of_type(self._entries.last_words(row.conversation, row.id, Field.VOTE), polls.Vote)
        ahead_max = (now.mesh_ms + CLOCK_AHEAD_SECONDS_SHOWN * 1_000) << HLC_COUNTER_BITS
        at = polls.close_at(now.mesh_ms << HLC_COUNTER_BITS, votes, ahead_max)
        self._change(row, Statement(Kind.CLOSE, Close(at), row.id), now)
        return self._answer(row)

    def _answer_check_in(self, asked: AnswerCheckIn, now: Instant) -> ItemAnswer:
        answer = answer_of(asked)
        row = self.find_kind(asked.item, Kind.ANSWER)
        me = self._entries.rules.of(row.conversation).key_of(OURSELVES)
        holder = answer.subject or me
        over: tuple[EntryId, ...] = ()
        if holder == me:
            # One's own word settles what others said of oneself.
            words = self._entries.last_words(row.conversation, row.id, Field.ANSWER, me)
            over = tuple(word.id for word in words)
        return self._set(asked.item, Kind.ANSWER, answer, Field.ANSWER, now, holder, over)

    def _change_task(self, asked: ChangeTask, now: Instant) -> ItemAnswer:
        change = change_of(asked)
        holder = bytes([change.field])
        return self._set(asked.item, Kind.CHANGE, change, Field.TASK, now, holder)

    def _set_timer(self, asked: SetTimer, now: Instant) -> ConversationAnswer:
        if asked.seconds > TIMER_SECONDS_MAX:
            raise _too_long_a_timer()
        conversation = self._conversations.conversation(asked.conversation)
        timer = Timer(asked.seconds)
        self._replace(conversation, b"", Kind.TIMER, timer, (Field.TIMER, b""), (), now)
        return self._conversations.ask(AskConversation(conversation.number), now)

    def _retract(self, asked: RetractItem, now: Instant) -> ItemAnswer:
        before = self._rows.find(asked.item)
        if before is not None and before.is_mine and before.gone == "retracted":
            return self._answer(before)
        row = self.find_kind(asked.item, Kind.RETRACT)
        self._change(row, Statement(Kind.RETRACT, Retract(), row.id), now)
        return self._answer(row)

    def _forget(self, asked: ForgetItem, now: Instant) -> ItemAnswer:
        row = self._message_pages.whole(asked.item)
        self._erasing.forget(row)
        return self._answer(row)

    def _set(
        self,
        item: int,
        kind: Kind,
        content: Content,
        field: Field,
        now: Instant,
        holder: bytes = b"",
        over: tuple[EntryId, ...] = (),
    ) -> ItemAnswer:
        """Set a register of an object with one press, whatever clocks lie in it."""
        row = self.find_kind(item, kind)
        about = self._entries.content(row)
        try:
            if about is not None:
                check_fit(content, about)
        except InvalidContentError as error:
            raise UserError("bad-content", f"That does not fit: {error}.") from error
        conversation = self._conversation_rows.conversation(row.conversation)
        self._replace(conversation, row.id, kind, content, (field, holder), over, now)
        return self._answer(row)

    def _replace(
        self,
        conversation: ConversationRow,
        target: bytes,
        kind: Kind,
        content: Content,
        register: tuple[Field, bytes],
        over: tuple[EntryId, ...],
        now: Instant,
    ) -> None:
        """Write a value over all that stands. Where that is more than one entry names, each
        further one names the one before.
        """
        field, holder = register
        to_replace = self._registers.to_replace(conversation.number, target, field.value, holder)
        wanted = list(dict.fromkeys((*over, *(EntryId(id_) for id_ in to_replace))))
        named, wanted = tuple(wanted[:OVER_MAX]), wanted[OVER_MAX:]
        while True:
            statement = Statement(kind, content, target, named)
            row = self.write(conversation, statement, now=now)
            if row.place:
                self._message_pages.tell_added(row)
            if not wanted:
                return
            named = (EntryId(row.id), *wanted[: OVER_MAX - 1])
            wanted = wanted[OVER_MAX - 1 :]

    def _change(self, row: EntryRow, statement: Statement, now: Instant) -> None:
        self.write(self._conversation_rows.conversation(row.conversation), statement, now=now)

    # --- Which item ---------------------------------------------------------------------------

    def find_kind(self, item: int, kind: Kind) -> EntryRow:
        """The item that a change may be about; UserError if it may not be about this one."""
        row = self._message_pages.whole(item)
        rules = KINDS[kind]
        if row.kind not in rules.targets and rules.targets != OBJECTS:
            raise UserError("bad-content", f"The message {item} is of another kind.")
        is_led = self._entries.rules.find_group(row.conversation) is not None
        by_author = (Right.AUTHOR,) if is_led else (Right.AUTHOR, Right.AUTHOR_OR_ADMIN)
        if rules.right in by_author and not row.is_mine:
            raise UserError("not-yours", f"The message {item} is not yours.")
        return row

    def _answer(self, row: EntryRow) -> ItemAnswer:
        return self._message_pages.item(self._rows.message(row.number))


def checked_send_key(key: str) -> str | None:
    """Return a caller's key, None without one; UserError if it cannot be one."""
    if not key:
        return None
    if not (key.isascii() and key.isprintable() and len(key) <= IDEMPOTENCY_KEY_BYTES_MAX):
        raise UserError(
            "bad-key",
            f"An idempotency key is at most {IDEMPOTENCY_KEY_BYTES_MAX} printable ASCII letters.",
        )
    return key


def key_reused() -> UserError:
    """Return what a caller is told whose key was that of something else."""
    return UserError(
        "key-reused", "This idempotency key was used for another message; take a new one."
    )


def _too_long_a_timer() -> UserError:
    return UserError("bad-content", f"A timer has at most {TIMER_SECONDS_MAX} seconds.")
