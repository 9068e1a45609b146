"""Turns a command of the chat into what the node is asked to do, by what is loaded.

A wish may need more than its line: the words of an answer, or a yes.
"""

from dataclasses import dataclass

from mesh.cli.cards import OFFERED, PLEASE, QUESTION
from mesh.cli.changing import Change, checked_emoji
from mesh.cli.chat.history import History
from mesh.cli.chat.words import Typed, find_number, number_of
from mesh.cli.items import QUOTE_LETTERS, shortened
from mesh.cli.places import place_of_answer, place_of_option
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    ClosePoll,
    EditItem,
    ForgetItem,
    HideItem,
    PinItem,
    ReactToItem,
    RemindOfCheckIn,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer
from mesh.errors import UserError
from mesh.limits.content import POLL_OPTIONS


@dataclass(frozen=True, slots=True)
class Reply:
    """The next line answers to this item."""

    item: ItemAnswer

    def told(self) -> str:
        """Say what will happen with the next line."""
        return f"Answer to #{self.item.number}: {shortened(self.item.text, QUOTE_LETTERS)}"


@dataclass(frozen=True, slots=True)
class Edit:
    """The next line takes the place of the words of this item."""

    item: ItemAnswer

    def told(self) -> str:
        """Say what will happen with the next line."""
        return f"Other words for #{self.item.number}"


@dataclass(frozen=True, slots=True)
class Confirm:
    """The next line says whether this is done."""

    question: str
    change: Change

    def told(self) -> str:
        """Say what will happen with the next line."""
        return f"{self.question} y and Enter does it"


Aim = Reply | Edit | Confirm
"""The use of the next line, if it is no command."""


def item_in(history: History, number: int) -> ItemAnswer:
    """Return an item of this conversation: others are not reached from here."""
    found = history.find(number)
    if found is None:
        raise UserError("not-found", f"There is no message {number} among those shown here.")
    return found


def newest_or(history: History, number: int | None, *, is_mine: bool) -> ItemAnswer:
    """Return the item of a number, or without one the newest with words.

    `is_mine`: of one's own, else of others, or of anybody where others said nothing.
    """
    if number is not None:
        return item_in(history, number)
    found = [item for item in history.items if not item.gone]
    of_theirs = [item for item in found if item.author.is_mine == is_mine]
    if not of_theirs and (is_mine or not found):
        raise UserError("not-found", "There is no such message; say its number.")
    return (of_theirs or found)[-1]


def wish_of(typed: Typed, history: History, conversation: int) -> Change | Aim:
    """Return what a command asks for; UserError where it says too little."""
    match typed.name:
        case "reply":
            number, text = find_number(typed.rest)
            item = newest_or(history, number, is_mine=False)
            return WriteItem(conversation, text=text, reply=item.number) if text else Reply(item)
        case "edit":
            number, text = find_number(typed.rest)
            item = newest_or(history, number, is_mine=True)
            return EditItem(item.number, text) if text else Edit(item)
        case "react":
            number, emoji = find_number(typed.rest)
            about = newest_or(history, number, is_mine=False)
            return ReactToItem(about.number, checked_emoji(tuple(emoji.split())))
        case "poll" | "check-in" | "task" | "notice":
            return asked_of_all(typed, conversation)
        case "vote":
            return vote_of(typed, history)
        case "answer":
            return answer_of(typed, history)
        case _:
            return wish_about(typed.name, item_in(history, number_of(typed)).number)


def asked_of_all(typed: Typed, conversation: int) -> WriteItem:
    """Return a poll, check-in, task or notice; UserError where its words are missing."""
    words = typed.rest
    match typed.name:
        case "check-in":
            return WriteItem(conversation, "check-in", question=words or QUESTION, answers=OFFERED)
        case "task" if words:
            return WriteItem(conversation, "task", title=words)
        case "notice" if words:
            return WriteItem(conversation, "notice", text=words)
        case "poll" if len(parts := [part.strip() for part in words.split("|")]) > POLL_OPTIONS[0]:
            return WriteItem(conversation, "poll", question=parts[0], options=tuple(parts[1:]))
        case "poll":
            raise UserError("usage", "Say a question and its options: /poll Where? | Gate | Bridge")
        case _:
            raise UserError("usage", f"Say what: /{typed.name} Buy water")


def wish_about(name: str, number: int) -> Change | Confirm:
    """Return what a command asks for that says nothing but a number."""
    match name:
        case "delete":
            question = f"Delete #{number} here, and ask their Mesh to?"
            return Confirm(question, RetractItem(number))
        case "forget":
            question = f"Delete #{number} here alone? Nobody undoes this."
            return Confirm(question, ForgetItem(number))
        case "pin" | "unpin":
            return PinItem(number, is_on=name == "pin")
        case "hide" | "unhide":
            return HideItem(number, is_on=name == "hide")
        case "close":
            return ClosePoll(number)
        case "remind":
            return RemindOfCheckIn(number, PLEASE)
        case "start":
            return ChangeTask(number, "state", "doing")
        case "done":
            return ChangeTask(number, "state", "done")
        case _:
            raise AssertionError(name)


def vote_of(typed: Typed, history: History) -> Vote:
    """Return a vote; without options it takes the former one back."""
    number, rest = find_number(typed.rest)
    if number is None:
        raise UserError("usage", "Say which poll, and which options: /vote 41 1 3")
    item = item_in(history, number)
    return Vote(number, tuple(sorted({place_of_option(item, each) for each in rest.split()})))


def answer_of(typed: Typed, history: History) -> AnswerCheckIn:
    """Return an answer to a check-in, for oneself."""
    number, rest = find_number(typed.rest)
    which, _, note = rest.partition(" ")
    if number is None or not which:
        raise UserError("usage", "Say which check-in, and which answer: /answer 41 1")
    place = place_of_answer(item_in(history, number), which)
    return AnswerCheckIn(number, place, note=note.strip())
