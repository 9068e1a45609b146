"""Conversations: which there are, how a person names one, their local settings and drafts.

A conversation is with a contact or with oneself. The latter is kept in the vault alone: nothing of
it is sealed, posted or told to anybody. Settings and drafts never leave the profile.
"""

from msgspec.structs import replace

from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
)
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemsAnswer, ReplyAnswer
from mesh.errors import UserError
from mesh.events import ConversationChanged
from mesh.ids import ContactId, ConversationId, Instant, MessageId, direct_conversation
from mesh.limits.messages import DRAFT_BYTES_MAX, MOMENT_MAX
from mesh.messenger.account import Account
from mesh.messenger.contacts.contacts import NOTE_TO_SELF, ONESELF, Contacts
from mesh.messenger.conversations.entries import Entries, Statement
from mesh.messenger.conversations.group_entries import GroupEntries
from mesh.messenger.conversations.history import History, row_of_own
from mesh.messenger.conversations.message_pages import MessagePages
from mesh.messenger.feature import Chore, Feature, command
from mesh.messenger.sessions.payloads import require_posted_again
from mesh.messenger.titles import Titled, ambiguous, find_number, groups_called, one_group
from mesh.ratchet.comparison import Comparison, Stage
from mesh.storage.vault.rows import (
    ContactRow,
    ConversationRow,
    ConversationSummaryRow,
    EntryRow,
)
from mesh.wire.payload import READS


class Conversations:
    """All conversations of this profile."""

    def __init__(
        self,
        account: Account,
        *,
        contacts: Contacts,
        history: History,
        entries: Entries,
        message_pages: MessagePages,
        groups: GroupEntries,
    ) -> None:
        self._rows = account.vault.conversations
        self._messages = account.vault.entries
        self._people = account.vault.contacts
        self._exchanges = account.vault.exchanges
        self._groups = account.vault.groups
        self._trust = account.vault.trust
        keys = account.identity.keys
        self._ours = keys.verify_key + keys.identity_key
        self._contacts = contacts
        self._entries = entries
        self._history = history
        self._message_pages = message_pages
        self.groups = groups
        """Those of members."""

        # After how many changes of groups they were found.
        self._titles: tuple[int, list[Titled]] = -1, []
        self._pending_events = account.pending_events
        contacts.titles = lambda: [one.title for one in self._titled() if one.is_held]

    def feature(self) -> Feature:
        """Lists of conversations, their settings, and pages of what is in them."""
        return Feature(
            commands=[
                command(AskConversations, lambda *_: self._answers()),
                command(AskConversation, self.ask),
                command(ChangeConversation, self._change),
                command(AskItems, self._items),
            ],
            chores=[Chore(lambda _: self._history.move_down())],
        )

    def conversation(self, named: str | int) -> ConversationRow:
        """The conversation of a contact's name, of a group's, of a number, or of `me`; UserError if
        there is none, or if a name may mean several.
        """
        number = find_number(named)
        row = None if number is None else self._rows.find(ConversationId(number))
        if row is not None and row.kind == "group":
            return row
        # Whoever names a number reads none of them.
        called = [] if number is not None else groups_called(named, self._titled())
        try:
            contact = self.addressee(named)
        except UserError as error:
            group = one_group(called)
            if group is not None:
                return self._rows.conversation(group.number)
            if error.kind != "not-found":
                raise
            raise UserError(
                "not-found", f"There is no contact or group {named!r}; see: mesh chats"
            ) from error
        if contact is None:
            return self._rows.with_oneself()
        held = [one.number for one in called if one.is_held]
        if held:
            # Either may be meant, and each could have chosen the name because of the other.
            raise ambiguous([contact.id, *held], "A contact and a group")
        return self._rows.conversation(direct_conversation(contact.id))

    def addressee(self, named: str | int) -> ContactRow | None:
        """The contact at the other end of what is named as in `conversation`; None is oneself.

        A number means one thing: that of a contact is that of the conversation with them. 0 is what
        is told as the contact of what one wrote to oneself.
        """
        number = find_number(named)
        if number == 0 or (isinstance(named, str) and _is_oneself(named)):
            return None
        if number is not None:
            row = self._rows.find(ConversationId(number))
            if row is not None and row.contact is None:
                return None
        return self._contacts.contact(named)

    def _titled(self) -> list[Titled]:
        """All groups with what they are called, as it was found when one changed last."""
        count, title = self._groups.changes_count, self._entries.rules.title
        if self._titles[0] != count:
            self._titles = (
                count,
                [
                    Titled.of(row.conversation, title(row.conversation), row.state)
                    for row in self._groups.all()
                ],
            )
        return self._titles[1]

    def ask(self, asked: AskConversation, now: Instant) -> ConversationAnswer:
        """Return what a list shows of one."""
        row = self.conversation(asked.conversation)
        return self._answer(row, self._rows.summary(row.number))

    def _items(self, asked: AskItems, now: Instant) -> ItemsAnswer:
        return self._message_pages.items(asked, self.conversation(asked.conversation).number)

    def _answers(self) -> ConversationsAnswer:
        """All of them: pinned ones first, archived ones last, else by what came or was written."""
        rows = zip(self._rows.all(), self._rows.summaries(), strict=True)
        answers = [self._answer(row, summary) for row, summary in rows]
        answers.sort(key=_newest_first)
        return ConversationsAnswer(conversations=answers)

    def _change(self, asked: ChangeConversation, now: Instant) -> ConversationAnswer:
        """Change what a person may choose; UserError if a value is beyond its bound."""
        row = self.conversation(asked.conversation)
        settings = {
            name: value
            for name in ("muted_until", "is_pinned", "is_archived", "is_marked_unread", "keep_for")
            if (value := getattr(asked, name)) is not None
        }
        if "keep_for" in settings:
            require_posted_again(row)
        if settings.get("muted_until", 0) > MOMENT_MAX:
            raise UserError("bad-request", f"`muted_until` is at most {MOMENT_MAX}.")
        if settings:
            row = replace(row, **settings)
            self._rows.set_settings(row)
        if asked.draft is not None or asked.draft_reply is not None:
            self._keep_draft(row.number, asked)
        return self.tell_changed(row.number)

    def write_to_oneself(
        self, statement: Statement, *, now: Instant, send_key: str | None
    ) -> EntryRow:
        """Keep what a person wrote to themselves; it is never sealed."""
        conversation = self._rows.with_oneself()
        place = self._history.ancestry_of_next(conversation.number, now.mesh_ms)
        row = row_of_own(conversation.number, place, now)
        new = self._entries.compose(conversation, statement, replace(row, send_key=send_key))
        return self._entries.add(new, now)

    def tell_changed(self, conversation: ConversationId) -> ConversationAnswer:
        """Tell of a conversation that something of it changed; return what is told."""
        row = self._rows.conversation(conversation)
        answer = self._answer(row, self._rows.summary(row.number))
        self._pending_events.tell(ConversationChanged(answer))
        return answer

    def title(self, row: ConversationRow) -> str:
        """Return what a conversation is called."""
        if row.kind == "group":
            return self._entries.rules.title(row.number)
        return NOTE_TO_SELF if row.contact is None else self._contacts.label(row.contact)

    def _keep_draft(self, conversation: ConversationId, asked: ChangeConversation) -> None:
        before = self._rows.summary(conversation)
        text = before.draft if asked.draft is None else asked.draft
        if asked.draft_reply:
            reply: bytes = self._message_pages.whole(asked.draft_reply, conversation).id
        else:
            is_kept = asked.draft_reply is None and text
            reply = before.draft_reply if is_kept else b""
        try:
            length = len(text.encode())
        except UnicodeEncodeError as error:
            raise UserError("bad-text", "The draft is not valid Unicode text.") from error
        if length > DRAFT_BYTES_MAX:
            raise UserError("too-large", f"A draft has at most {DRAFT_BYTES_MAX} bytes.")
        self._rows.set_draft(conversation, text, reply)

    def _answer(self, row: ConversationRow, summary: ConversationSummaryRow) -> ConversationAnswer:
        contact = None if row.contact is None else self._people.contact(row.contact)
        # Of whoever is blocked a list shows nothing and counts nothing.
        is_blocked = contact is not None and contact.is_blocked
        number = None if is_blocked else summary.newest
        newest = None if number is None else self._messages.message(number)
        return ConversationAnswer(
            number=row.number,
            kind=row.kind,
            title=self.title(row),
            contact=ContactId(0) if contact is None else contact.id,
            last_item=None if newest is None else self._message_pages.item(newest),
            unread_count=0 if is_blocked else summary.unread_count,
            is_marked_unread=row.is_marked_unread and not is_blocked,
            muted_until=row.muted_until,
            is_pinned=row.is_pinned,
            is_archived=row.is_archived,
            draft=summary.draft,
            draft_reply=None if is_blocked else self._draft_reply(summary),
            is_request=contact is not None and contact.waits_apart,
            is_blocked=is_blocked,
            keep_for=row.keep_for,
            timer=self._entries.timer(row.number),
            comparison="none" if contact is None or is_blocked else self._stage(contact),
            help_count=0 if is_blocked else self._message_pages.help_count(row.number),
            reads=READS if contact is None else self._exchanges.exchange(contact.id).reads,
        )

    def _stage(self, contact: ContactRow) -> Stage:
        """Return how far a live comparison with a contact is."""
        data = self._trust.find_comparison(contact.id)
        if data is None or contact.agreement_key is None:
            return "none"
        theirs = contact.verify_key + contact.agreement_key
        return Comparison.decode(self._ours, theirs, data).stage

    def _draft_reply(self, summary: ConversationSummaryRow) -> ReplyAnswer | None:
        if not summary.draft_reply:
            return None
        quote = self._message_pages.quote(summary.number, MessageId(summary.draft_reply))
        return quote if quote.number and quote.gone in ("", "hidden") else None


def _newest_first(answer: ConversationAnswer) -> tuple[bool, bool, int, int]:
    """Numbers of items rise as they come; nobody's clock moves a conversation up."""
    newest = 0 if answer.last_item is None else answer.last_item.number
    return answer.is_archived, not answer.is_pinned, -newest, answer.number


def _is_oneself(named: str) -> bool:
    return named.strip().casefold() in (ONESELF, NOTE_TO_SELF.casefold())
