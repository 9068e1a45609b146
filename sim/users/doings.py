"""Doings of users beside writing texts: answer, edit, take back, react, pin, ask, vote, plan.

After a message somebody looks at its conversation, and does something with what is shown there, or
begins something new. Every doing has a stream of chance of its own, so that a message that is not
written does not shift the others.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskItems,
    ChangeTask,
    ChoiceAsked,
    ClosePoll,
    EditItem,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.limits.messages import MESSAGES_PER_PAGE_MAX
from sim.invariants.folding import View, entries_with
from sim.invariants.lists import require_shown
from sim.invariants.message_log import LoggedMessage, MessageLog
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop
from sim.users.user import User

DONE_AFTER_US: Final = (500_000, 60_000_000)
BEGUN_SHARE: Final = 0.15
"""So many doings begin something; the others are about what is there."""

RECENT_COUNT: Final = 8
"""People do something with what was said last, or last put on the board, so that two do it with the
same, on both sides of a cut."""

EMOJI: Final = ("👍", "❤️", "⏳")
LEVELS: Final = (("fine", 0), ("on the way", 1), ("help", 2))


class Doings:
    """All that users do with the items of their conversations."""

    def __init__(
        self, *, seed: int, loop: Loop, share: float, is_cut: bool, message_log: MessageLog
    ) -> None:
        self._seed = seed
        self._loop = loop
        self._share = share
        self._is_looked_at = is_cut or bool(share)
        self._message_log = message_log
        self.views: dict[tuple[int, int], View] = {}
        """(who, with whom) -> what the node shows at the end."""

    def after(self, user: User, logged: LoggedMessage) -> None:
        """A message is durable: perhaps its author does something more, and its recipient."""
        if not self._share or logged.is_probe:
            return
        chance = Chance(self._seed, "doing", logged.number)
        if not chance.is_true(self._share):
            return
        delay = chance.between(*DONE_AFTER_US)
        self._loop.after(delay, partial(self._look, user, logged.recipient, chance))

    def look_at_the_end(self, user: User, friend: int, key: str) -> None:
        """Keep what is shown of a conversation, if it was cut, or anything but texts is in it."""
        if self._is_looked_at and user.node.is_up:
            # Mail may still come until the databases are read.
            view = View(key, [], entries_with(user.node.host.vault, key))
            self._page(user, friend, view, None)

    def _page(self, user: User, friend: int, view: View, before: int | None) -> None:
        def came(answer: Answer) -> None:
            assert isinstance(answer, ItemsAnswer)
            seen = replace(view, items=[*answer.items, *view.items])
            if answer.has_older:
                self._page(user, friend, seen, seen.items[0].number)
            else:
                self.views[user.index, friend] = seen

        user.ask(AskItems(view.key, before=before, limit=MESSAGES_PER_PAGE_MAX), came)

    def _look(self, user: User, friend: int, chance: Chance) -> None:
        key = user.contacts.get(friend)
        if key is not None and user.node.is_up:
            user.ask(AskItems(key), partial(self._do, user, key, chance))

    def _do(self, user: User, key: str, chance: Chance, answer: Answer) -> None:
        assert isinstance(answer, ItemsAnswer)
        items = [item for item in answer.items if not item.gone]
        if not items or chance.is_true(BEGUN_SHARE):
            user.ask(begun(key, chance), _nothing)
            return
        board = [item for item in items if item.kind != "text"]
        item = chance.pick((board if board and chance.is_true(0.5) else items)[-RECENT_COUNT:])
        doings: list[Callable[[], Command | None]] = [
            lambda: ReactToItem(item.number, EMOJI[: chance.below(len(EMOJI) + 1)]),
            lambda: PinItem(item.number, is_on=chance.is_true(0.5)),
            lambda: self._about(user, item, chance),
            lambda: self._about(user, item, chance),
        ]
        command = chance.pick(doings)()
        if command is not None:
            user.ask(command, partial(require_shown, user.node.index, command))

    def _about(self, user: User, item: ItemAnswer, chance: Chance) -> Command | None:
        """Return what is done with an item of its kind; with texts only their authors do more."""
        number = item.number
        if item.kind != "text":
            return _perhaps_of_another(about(item, chance), item)
        if not item.author.is_mine:
            return None
        logged = self._message_log.message_of(user.index, item.text)
        if logged.is_probe:
            return None
        if chance.is_true(0.3):
            logged.is_retracted = logged.is_withdrawn = True
            return RetractItem(number)
        return EditItem(number, logged.edited())


def _perhaps_of_another(command: Command | None, item: ItemAnswer) -> Command | None:
    """Let one in four answers to a check-in be a call for help for another."""
    if not isinstance(command, AnswerCheckIn) or item.check_in is None:
        return command
    number = int(command.note.removeprefix("note "))
    others = [person.key for person in item.check_in.people if not person.is_me]
    if not others or number % 4:
        return command
    return replace(command, which=len(LEVELS) - 1, subject=others[number % len(others)])


def about(item: ItemAnswer, chance: Chance) -> Command | None:
    """Return what somebody does with an item that is no text, if anything."""
    number = item.number
    if item.poll is not None:
        if item.author.is_mine and chance.is_true(0.2):
            return ClosePoll(number)
        # Now and then somebody takes a vote back.
        place = chance.below(len(item.poll.options))
        return Vote(number, () if chance.is_true(0.2) else (place,))
    if item.check_in is not None:
        note = f"note {chance.below(100)}"
        return AnswerCheckIn(number, chance.below(len(LEVELS)), note)
    if item.task is not None:
        if chance.is_true(0.3):
            return ChangeTask(number, "title", f"title {chance.below(100)}")
        return ChangeTask(number, "state", chance.pick(("open", "doing", "done")))
    return None


def begun(conversation: str | int, chance: Chance) -> Command:
    """Return the writing of something that is no text."""
    name = f"{chance.below(1_000)}"
    match chance.below(4):
        case 0:
            options = tuple(f"option {place}" for place in range(chance.between(2, 5)))
            return WriteItem(conversation, "poll", question=f"poll {name}?", options=options)
        case 1:
            answers = tuple(ChoiceAsked(words=words, level=level) for words, level in LEVELS)
            return WriteItem(
                conversation, "check-in", question=f"all well {name}?", answers=answers
            )
        case 2:
            return WriteItem(conversation, "task", title=f"task {name}", notes="as ever")
        case _:
            return WriteItem(conversation, "notice", text=f"notice {name}")


def _nothing(_: Answer) -> None:
    """Nothing follows from the answer."""
