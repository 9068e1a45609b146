"""Chores about what was written: notes to oneself, drafts, later texts, searches, reminders."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.carry import AskMailFor
from mesh.commands.conversations import (
    AskConversation,
    AskConversations,
    AskRoom,
    ChangeConversation,
    ConversationAnswer,
    ConversationsAnswer,
    DeleteItems,
    ReadItems,
    SetTimer,
)
from mesh.commands.files import (
    AddFile,
    Appearance,
    AskFile,
    AskFileBlock,
    AskFilePreview,
    CancelFile,
    FetchFile,
    FileAnswer,
    FileBlockAnswer,
    PauseFile,
)
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    AskFiles,
    AskItem,
    AskItemPeople,
    AskItems,
    AskItemsByArrival,
    AskPins,
    AskVersions,
    ChangeTask,
    ChoiceAsked,
    ClosePoll,
    EditItem,
    ForgetItem,
    PinItem,
    ReactToItem,
    RemindOfCheckIn,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.messages import (
    AskMessage,
    AskMessages,
    MessageAnswer,
    SendMessage,
    WithdrawMessage,
)
from mesh.commands.scheduled import (
    AskScheduled,
    CancelScheduled,
    ChangeScheduled,
    ScheduledAnswer,
    ScheduleText,
)
from mesh.commands.search import HitsAnswer, Search
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.ids import UnixSeconds
from mesh.limits.files import FILE_BLOCK_BYTES
from sim.invariants.lists import (
    require_noted,
    require_shown,
    require_true_hits,
    require_true_order,
)
from sim.invariants.planned_texts import Planned
from sim.kernel.entropy import Chance
from sim.users.chores import Chore, Home, a_friend, names_of, nothing
from sim.users.doings import EMOJI, LEVELS
from sim.users.user import User

ONESELF: Final = "me"
TIMER_S: Final = 86_400
"""A timer that is over long after the world, so nothing that was written goes before its end."""

SHORT_TIMER_S: Final = 20
LOOKED_AFTER_US: Final = 300_000
LOOKED_EVERY_US: Final = 2_000_000
"""A picture is looked at while it comes, and when it should be here."""

LATER_S: Final = (5, 30)
PUT_OFF_S: Final = 4
"""So long after its time a text for later is sent that its author put off."""

KEPT_SHARE: Final = 0.4
"""So many of the texts for later are left as they are; others are changed or cancelled."""


FileDeed = type[PauseFile] | type[CancelFile] | type[FetchFile]
FILE_DEEDS: Final[Sequence[Sequence[FileDeed]]] = (
    (),
    (CancelFile,),
    (FetchFile, PauseFile),
    (FetchFile,),
    (),
)
"""The things that a reader does with a picture, look after look."""


def look(home: Home, user: User, chance: Chance) -> None:
    """Look at all that a node shows of a conversation and of some items in it."""
    key = chance.pick(list(user.contacts.values()))
    for reading in (
        AskConversation(key),
        AskRoom(),
        AskItemsByArrival(),
        AskPins(key),
        AskBoard(key),
        AskFiles(key),
        AskScheduled(),
        AskMailFor(key),
        AskMessages(contact=key, unread_only=True),
        AskStatus(),
    ):
        user.ask(reading, nothing)
    search(user, home.message_log.marker)

    def seen(answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        here = [item for item in answer.items if not item.gone]
        if not here:
            return
        user.ask(AskItem(chance.pick(here).number), nothing)
        user.ask(AskItemPeople(here[-1].number), nothing)
        texts = [item for item in here if item.kind == "text"]
        for text in texts[-1:]:
            user.ask(AskMessage(text.number), nothing)
            user.ask(AskVersions(text.number), nothing)
            search(user, text.text[:7])
        for one in here:
            for file in one.files[:1]:
                user.ask(AskFile(file.number), nothing)

    user.ask(AskItems(key), seen)


def search(user: User, words: str) -> None:
    """Search all that is here, and look before and after it who is kept apart."""
    lists: list[Sequence[ConversationAnswer]] = []
    found: list[HitsAnswer] = []

    def listed(answer: Answer) -> None:
        assert isinstance(answer, ConversationsAnswer)
        lists.append(answer.conversations)
        require_true_order(user.node.index, answer.conversations)
        # Of what was asked while the vault was locked there is no answer.
        if found and len(lists) == 2:
            before, after = ([one.number for one in each if _is_apart(one)] for each in lists)
            apart = [number for number in before if number in after]
            require_true_hits(user.node.index, words, found[0], apart)

    def hit(answer: Answer) -> None:
        assert isinstance(answer, HitsAnswer)
        found.append(answer)

    user.ask(AskConversations(), listed)
    user.ask(Search(words), hit)
    user.ask(AskConversations(), listed)


def _is_apart(conversation: ConversationAnswer) -> bool:
    return conversation.is_blocked or conversation.is_request


def note(home: Home, user: User, chance: Chance) -> None:
    """Write something for oneself; forget it, or all, or let it disappear.

    It reaches nobody, so it is no message that is confirmed and must arrive.
    """
    written = home.message_log.ask(user.index, user.index, "note", home.loop.now)

    def noted(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        match chance.below(3):
            case 0:
                user.ask(ForgetItem(answer.number), nothing)
            case 1:
                user.ask(DeleteItems(ONESELF), nothing)
            case _:
                user.ask(SetTimer(ONESELF, chance.pick((0, SHORT_TIMER_S))), nothing)

    user.ask(WriteItem(ONESELF, text=written.text), noted)


def set_up(home: Home, user: User, chance: Chance) -> None:
    """Set something about a conversation, for oneself or for both."""
    key = chance.pick(list(user.contacts.values()))
    if chance.is_true(0.3):
        user.ask(SetTimer(key, chance.pick((0, TIMER_S))), nothing)
        return
    now = home.mesh_seconds(user)
    changes = (
        ChangeConversation(key, muted_until=now + chance.between(0, 60)),
        ChangeConversation(key, is_pinned=chance.is_true(0.5)),
        ChangeConversation(key, is_archived=chance.is_true(0.5)),
        ChangeConversation(key, is_marked_unread=chance.is_true(0.5)),
        ChangeConversation(key, draft=f"draft {chance.below(100)}"),
    )
    change = chance.pick(changes)

    def changed(answer: Answer) -> None:
        assert isinstance(answer, ConversationAnswer)
        node, choices = user.node.index, home.message_log.choices
        for name in ("muted_until", "is_pinned", "draft"):
            if (chosen := getattr(change, name)) is not None:
                choices.keep(node, answer.number, name, chosen, home.loop.now)
        if change.is_archived is not None:
            date = UnixSeconds(home.mesh_seconds(user))
            choices.archive(node, answer, home.loop.now, date)
        if change.draft is not None and answer.last_item is not None:
            user.ask(ChangeConversation(key, draft_reply=answer.last_item.number), answers)

    def answers(answer: Answer) -> None:
        assert isinstance(answer, ConversationAnswer)
        if answer.draft_reply is not None:
            reply = answer.draft_reply.number
            home.message_log.choices.keep(
                user.node.index, answer.number, "draft_reply", reply, home.loop.now
            )

    user.ask(change, changed)


def read(home: Home, user: User, chance: Chance) -> None:
    """Mark a conversation as read down to its end."""
    node, key = chance.pick(list(user.contacts.items()))

    def seen(answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        if not answer.items:
            return
        for logged in home.message_log.messages:
            # All above what is marked is told as read, whichever page it stands on.
            if (logged.sender, logged.recipient) == (node, user.index):
                logged.is_read = logged.is_read or logged.is_shown
        last = answer.items[-1].number
        user.ask(ReadItems(key, last), partial(was_read, last))

    def was_read(last: int, _: Answer) -> None:
        user.ask(AskItemsByArrival(conversation=key, unread_only=True), partial(looked, last))

    def looked(last: int, answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        if any(item.number == last for item in answer.items):
            user.ask(AskStatus(), partial(unnoted, last))

    def unnoted(last: int, answer: Answer) -> None:
        assert isinstance(answer, StatusAnswer)
        # On a disk that is full nothing is noted, and what was read goes on being told as unread.
        require_noted(user.node.index, last, is_disk_full=answer.disk == "full")

    user.ask(AskItems(key), seen)


def write_later(home: Home, user: User, chance: Chance) -> None:
    """Write a text that is to be sent later; perhaps change or cancel it."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    logged = home.message_log.ask(user.index, other.index, "later", home.loop.now)
    logged.is_for_later = True
    at = home.mesh_seconds(user) + chance.between(*LATER_S)
    is_kept, is_cancelled = chance.is_true(KEPT_SHARE), chance.is_true(0.4)

    def planned(answer: Answer) -> None:
        assert isinstance(answer, ScheduledAnswer)
        kept(answer)
        if is_kept:
            return
        if is_cancelled:
            logged.is_withdrawn = True
            user.ask(CancelScheduled(answer.number), called_off)
        else:
            later = at + PUT_OFF_S
            user.ask(ChangeScheduled(answer.number, at=later, text=logged.edited()), kept)

    def kept(answer: Answer) -> None:
        assert isinstance(answer, ScheduledAnswer)
        now = home.loop.now
        not_before_us = user.node.calendar.reaches(answer.at, now)
        told = Planned(answer.conversation, send_key, now, not_before_us)
        home.message_log.planned.plan(user.node.index, logged.text, told)

    def called_off(_: Answer) -> None:
        logged.called_off_at = home.loop.now
        home.message_log.planned.call_off(user.node.index, logged.text)

    send_key = f"later {logged.number}"
    user.ask(ScheduleText(key, at, logged.text, idempotency_key=send_key), planned)


def remind(home: Home, user: User, chance: Chance) -> None:
    """Ask how somebody is, and remind them of it."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend

    def asked(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        logged = home.message_log.ask(user.index, other.index, "reminded", home.loop.now)
        begin = logged.text
        # The node puts a name behind the words, and people change theirs.
        for name in names_of(other):
            logged.edits.append(f"{begin} @{name}")
        user.ask(RemindOfCheckIn(answer.number, begin), partial(home.confirmed, logged))

    answers = tuple(ChoiceAsked(words=words, level=level) for words, level in LEVELS)
    question = f"well {chance.below(100)}?"
    user.ask(WriteItem(key, "check-in", question=question, answers=answers), asked)


def rewrite(home: Home, user: User, chance: Chance) -> None:
    """Write a text, ask what is on its way, give it other words, pin it, and take it back."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    logged = home.message_log.ask(user.index, other.index, "rewritten", home.loop.now)

    def written(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        home.confirmed(logged, answer)
        user.ask(AskMailFor(key), nothing)
        home.later(user, chance, partial(edit, answer.number))

    def edit(number: int) -> None:
        user.ask(EditItem(number, logged.edited()), nothing)
        user.ask(PinItem(number, is_on=True), nothing)
        home.later(user, chance, partial(retract, number))

    def retract(number: int) -> None:
        logged.is_retracted = logged.is_withdrawn = True
        user.ask(RetractItem(number), nothing)

    command = WriteItem(key, text=logged.text, idempotency_key=f"rewritten {logged.number}")
    user.ask(command, written)


def withdraw(home: Home, user: User, chance: Chance) -> None:
    """Write a message and take it back at once."""
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    logged = home.message_log.ask(user.index, other.index, "withdrawn", home.loop.now)

    def written(answer: Answer) -> None:
        assert isinstance(answer, MessageAnswer)
        home.confirmed(logged, answer)
        logged.is_withdrawn = True
        user.ask(WithdrawMessage(answer.number), withdrawn)

    def withdrawn(answer: Answer) -> None:
        assert isinstance(answer, MessageAnswer)
        home.message_log.withdrawn(logged, answer.state)

    command = SendMessage(key, logged.text, idempotency_key=f"withdrawn {logged.number}")
    user.ask(command, written)


def decide(home: Home, user: User, chance: Chance) -> None:
    """Ask a question, vote, and end it; plan something and do it; ask how all are, and answer."""
    key = chance.pick(list(user.contacts.values()))
    number = chance.below(1_000)

    def polled(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        votes = Vote(answer.number, (chance.below(2),)), Vote(answer.number, ())
        # Of every other poll the vote is taken back.
        for vote in votes[: 1 + number % 2]:
            user.ask(vote, partial(require_shown, user.node.index, vote))
        home.later(user, chance, partial(user.ask, ClosePoll(answer.number), nothing))

    def planned(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        for change in (
            ChangeTask(answer.number, "state", "doing"),
            ChangeTask(answer.number, "title", f"other task {number}"),
        ):
            user.ask(change, partial(require_shown, user.node.index, change))
        home.later(user, chance, partial(done, answer.number))

    def done(task: int) -> None:
        user.ask(ReactToItem(task, EMOJI[:1]), nothing)
        user.ask(ChangeTask(task, "state", "done"), nothing)

    def asked(answer: Answer) -> None:
        assert isinstance(answer, ItemAnswer)
        user.ask(AnswerCheckIn(answer.number, chance.below(len(LEVELS)), "as ever"), nothing)

    answers = tuple(ChoiceAsked(words=words, level=level) for words, level in LEVELS)
    poll = WriteItem(key, "poll", question=f"which {number}?", options=("one", "other"))
    task = WriteItem(key, "task", title=f"task {number}", notes="as ever")
    check_in = WriteItem(key, "check-in", question=f"and you {number}?", answers=answers)
    for command, then in ((poll, polled), (task, planned), (check_in, asked)):
        user.ask(command, then)
    user.ask(WriteItem(key, "notice", text=f"notice {number}"), nothing)


def picture(home: Home, user: User, chance: Chance) -> None:
    """Send a picture of several blocks with a preview; its reader looks at that, fetches and saves.

    Another one is handed over and not sent.
    """
    friend = a_friend(home, user, chance)
    if friend is None:
        return
    other, key = friend
    mine = user.identity_key
    logged = home.message_log.ask(user.index, other.index, "picture", home.loop.now)
    head = logged.text.encode()
    data = head + hashlib.shake_128(head).digest(chance.between(1, 2) * FILE_BLOCK_BYTES)
    name = home.sent_files.add(logged.number, data)
    shown = Appearance("picture", width=4, height=3, preview=b"preview")

    def handed(answer: Answer) -> None:
        assert isinstance(answer, FileAnswer)
        command = WriteItem(
            key,
            text=logged.text,
            files=(answer.number,),
            idempotency_key=f"picture {logged.number}",
        )
        user.ask(command, partial(home.confirmed, logged))
        for place, deeds in enumerate(FILE_DEEDS):
            look_at = partial(_look_at_pictures, home, other, mine, deeds)
            home.loop.after(LOOKED_AFTER_US + place * LOOKED_EVERY_US, look_at)

    def not_sent(answer: Answer) -> None:
        assert isinstance(answer, FileAnswer)
        user.ask(CancelFile(answer.number), nothing)

    user.ask(AddFile(name, "image/png", data, shown), handed)
    user.ask(AddFile(name, "image/png", data, shown), not_sent)


def _look_at_pictures(home: Home, user: User, key: str, deeds: Sequence[FileDeed]) -> None:
    """Look at the pictures of a contact, save what is here, and do this with one of them."""

    def saved(name: str, answer: Answer) -> None:
        assert isinstance(answer, FileBlockAnswer)
        home.sent_files.require_block(user.node.index, name, 0, answer.data)

    def seen(answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        theirs = [item for item in answer.items if not (item.author.is_mine or item.gone)]
        files = [file for item in theirs for file in item.files]
        for file in files:
            user.ask(AskFile(file.number), nothing)
            if file.has_preview:
                user.ask(AskFilePreview(file.number), nothing)
            if file.state == "here":
                user.ask(AskFileBlock(file.number, 0), partial(saved, file.name))
        for file in files[-1:]:
            for deed in deeds:
                user.ask(deed(file.number), nothing)

    if user.node.is_up:
        user.ask(AskItems(key), seen)


ITEM_CHORES: Final[Mapping[str, Chore]] = {
    "look": look,
    "note": note,
    "set-up": set_up,
    "read": read,
    "write-later": write_later,
    "remind": remind,
    "rewrite": rewrite,
    "withdraw": withdraw,
    "decide": decide,
    "picture": picture,
}
