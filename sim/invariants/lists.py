"""Lists and counts show what stands in a conversation, and what was just done is shown so (S25).

At the end each node is asked at one instant for the items of each conversation, and for what it
lists of it. What came between two of these answers is told by asking for the items again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.commands.answer import Answer
from mesh.commands.command import Command
from mesh.commands.conversations import ConversationAnswer
from mesh.commands.item_commands import (
    AnswerCheckIn,
    ChangeTask,
    EditItem,
    PinItem,
    ReactToItem,
    Vote,
)
from mesh.commands.items import (
    BoardAnswer,
    CheckInAnswer,
    ItemAnswer,
    ItemsAnswer,
    PollAnswer,
)
from mesh.commands.search import HitsAnswer
from sim.invariants.invariants import S25, BrokenInvariant


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation as a node lists it, and its newest items before and after that."""

    before: ItemsAnswer
    conversation: ConversationAnswer
    board: BoardAnswer
    pins: BoardAnswer
    unread: ItemsAnswer
    after: ItemsAnswer


HELP: Final = 2
"""The level of an answer that calls for help."""


def require_shown(node: int, command: Command, answer: Answer) -> None:
    """Somebody did something with an item between two: their node shows it so at once."""
    if isinstance(answer, ItemAnswer) and not answer.gone and not _is_shown(command, answer):
        raise BrokenInvariant(S25, f"it is not shown after {command!r}: {answer!r}", node)


def _is_shown(command: Command, item: ItemAnswer) -> bool:
    match command:
        case EditItem(text=text):
            return item.text == text
        case PinItem(is_on=is_on):
            return item.is_pinned == is_on
        case ReactToItem(emoji=emoji):
            return {one.emoji for one in item.reactions if one.is_mine} == set(emoji)
        # Of one with an end a vote may be late by the clock that it bears.
        case Vote(options=options) if item.poll is not None and not item.poll.closes:
            mine = [place for place, one in enumerate(item.poll.options) if one.is_mine]
            return mine == sorted(options)
        case ChangeTask(field="state", value=state) if item.task is not None:
            return item.task.state == state
        case ChangeTask(field="title", value=title) if item.task is not None:
            return (item.task.title, item.text) == (title, title)
        case AnswerCheckIn() if item.check_in is not None:
            return _is_said(command, item.check_in)
        case _:
            return True


def _is_said(command: AnswerCheckIn, check_in: CheckInAnswer) -> bool:
    """Say whether a word of ours stands: what another says of himself, but for a call for help,
    stands before what we say of him.
    """
    me = next((person.key for person in check_in.people if person.is_me), "")
    for person in check_in.people:
        if person.key == (command.subject or me):
            words = [*([person.answer] if person.answer else []), *person.others]
            mine = [word for word in words if word.by == me and word.which == command.which]
            is_call = check_in.answers[command.which].level == HELP
            return bool(mine) or (bool(command.subject) and not is_call)
    return True


def require_true_links(node: int, *, links_count: int, contacts_count: int) -> None:
    """No more links are told to lead to contacts than there are."""
    if contacts_count > links_count:
        detail = f"{contacts_count} of {links_count} links are told to lead to contacts"
        raise BrokenInvariant(S25, detail, node)


def require_noted(node: int, last: int, *, is_disk_full: bool) -> None:
    """Somebody has read down to an item, and it is told as unread: there was no room to note it."""
    if not is_disk_full:
        raise BrokenInvariant(S25, f"the item {last} was read and is told as unread", node)


def require_true_order(node: int, conversations: Sequence[ConversationAnswer]) -> None:
    """Pinned conversations are listed first and archived ones last, and among these whichever has
    something newer stands above.
    """
    ranks = [
        (one.is_archived, not one.is_pinned, -(one.last_item.number if one.last_item else 0))
        for one in conversations
    ]
    if ranks != sorted(ranks):
        raise BrokenInvariant(S25, f"conversations are listed in another order: {ranks}", node)


def require_true_hits(node: int, words: str, hits: HitsAnswer, apart: Collection[int]) -> None:
    """A search finds what shows the words. `apart`: the conversations with people who are blocked
    or wait to be let in, of whom nothing is found.
    """
    for item in (hit.item for hit in hits.hits):
        if item.gone or words.casefold() not in item.text.casefold():
            detail = f"a search for {words!r} finds the {item.kind} {item.number}: {item.text!r}"
            raise BrokenInvariant(S25, detail, node)
        if item.conversation in apart:
            detail = f"a search finds the {item.kind} {item.number} of somebody who is kept apart"
            raise BrokenInvariant(S25, detail, node)


def require_true_lists(node: int, listed: Listed) -> bool:
    """Hold the lists of a conversation against its items; return whether they could be."""
    items, conversation = listed.before.items, listed.conversation
    if items != listed.after.items or conversation.is_blocked:
        return False
    last = conversation.last_item
    if (None if last is None else last.id) != (items[-1].id if items else None):
        raise BrokenInvariant(S25, "another item than the last is listed as the last", node)
    if not (listed.unread.has_newer or listed.unread.has_older):
        count = len(listed.unread.items)
        if conversation.unread_count != count:
            detail = f"{conversation.unread_count} items are counted as unread, and {count} are"
            raise BrokenInvariant(S25, detail, node)
    for item in listed.unread.items:
        if item.disappears:
            detail = f"the time of the {item.kind} {item.number} runs, and nobody has read it"
            raise BrokenInvariant(S25, detail, node)
    for item in items:
        if item.poll is not None:
            _require_true_count(node, item.poll)
    known = {item.number: item for item in items}
    pinned = {number for number, item in known.items() if item.is_pinned}
    _require_same(node, "pinned", pinned, known, listed.pins)
    opened = {number for number, item in known.items() if _is_open(item)}
    of_kinds = {number: item for number, item in known.items() if _is_of_board(item)}
    _require_same(node, "open", opened, of_kinds, listed.board)
    return True


def _require_true_count(node: int, poll: PollAnswer) -> None:
    """As many voted as chose something."""
    chosen = [option.count for option in poll.options]
    least = max(chosen) if poll.is_several else sum(chosen)
    if not least <= poll.voters_count <= sum(chosen):
        detail = f"{poll.voters_count} are counted as voters of a poll whose options have {chosen}"
        raise BrokenInvariant(S25, detail, node)


def _require_same(
    node: int,
    which: str,
    wanted: set[int],
    known: dict[int, ItemAnswer],
    board: BoardAnswer,
) -> None:
    """Of the items that are known those on a board are just these."""
    listed = {item.number for item in board.items if item.number in known}
    if board.has_older:
        wanted = {number for number in wanted if number in listed}
    if listed != wanted:
        wrong = known[min(listed ^ wanted)]
        is_not = "" if wrong.number in wanted else "not "
        detail = f"the {wrong.kind} {wrong.number} is {is_not}{which}, and the list says otherwise"
        raise BrokenInvariant(S25, detail, node)


def _is_of_board(item: ItemAnswer) -> bool:
    return item.task is not None or item.poll is not None


def _is_open(item: ItemAnswer) -> bool:
    """Say whether a task or a poll stands open."""
    if item.gone:
        return False
    if item.task is not None:
        return item.task.state != "done"
    return item.poll is not None and not item.poll.is_closed
