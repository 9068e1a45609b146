"""All that two people do on both sides of a cut, of whom one is killed while it heals."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from mesh.commands.conversations import AskConversation, ConversationAnswer, SetTimer
from mesh.commands.item_commands import (
    AnswerCheckIn,
    AskBoard,
    AskItems,
    AskPins,
    ChangeTask,
    ChoiceAsked,
    ClosePoll,
    EditItem,
    ForgetItem,
    PinItem,
    ReactToItem,
    RetractItem,
    Vote,
    WriteItem,
)
from mesh.commands.items import BoardAnswer, ItemAnswer, ItemsAnswer, Mark
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links, wait_for_text

pytestmark = pytest.mark.netns

WITHIN_S: Final = 120

LOCAL: Final = (
    *("conversation", "received", "carriers", "exported", "is_late", "clock", "missing_count"),
    *("kept_until", "posts_count", "unanswered_since", "is_invite_closed", "retraction"),
    *("disappears", "devices", "state"),
)
"""Fields of an item that say how it is on one laptop."""

OF_READER: Final = (
    *("number", "item", "is_mine", "is_me", "heard", "here_count", "opened_count"),
    *("label", "by_label", "by", "who", "has_preview", "received"),
)
"""Fields anywhere in an item that hang on who looks: numbers, what each calls the other, how much
of a file is here, and when something came.
"""


KEPT: Final = (
    *("answer", "other words", "poll", "check-in", "task", "notice", "file", "for a while"),
)
"""The beginnings of what each of the two wrote and did not take back."""

ITEMS_COUNT: Final = 2 + 2 * (len(KEPT) + 2)
"""With the first words of each, what each took back, and the timer that each set."""

Told = list[dict[str, object]]


def shared(told: ItemAnswer) -> dict[str, object]:
    """Return what both show of an item."""
    fields = {
        name: for_both(value)
        for name, value in msgspec.to_builtins(told).items()
        if name not in (*LOCAL, *OF_READER)
    }
    files = [(one.name, one.media_type, one.size, one.look, one.state) for one in told.files]
    return {**fields, "files": files}


def for_both(value: object) -> object:
    match value:
        case dict():
            kept = {key: one for key, one in value.items() if key not in OF_READER}
            return {key: for_both(one) for key, one in kept.items()}
        case list():
            # Whoever looks stands first among people.
            return sorted((for_both(one) for one in value), key=repr)
        case _:
            return value


class Side:
    """One of the two, who calls the other by a name."""

    def __init__(self, node: Node, other: str) -> None:
        self.node = node
        self.other = other

    def items(self) -> list[ItemAnswer]:
        return self.node.client.ask(AskItems(self.other, limit=200), ItemsAnswer).items

    def find(self, text: str) -> int:
        """The number of an item by its words, once it is here."""
        found = eventually(
            lambda: [one.number for one in self.items() if one.text == text],
            bool,
            within_s=WITHIN_S,
            what=f"{text!r} at {self.node.name}",
        )
        return found[0]

    def write(self, **fields: object) -> ItemAnswer:
        asked = WriteItem(self.other, **fields)  # type: ignore[arg-type]  # Fields of all kinds.
        return self.node.client.ask(asked, ItemAnswer)

    def begin(self, me: str) -> None:
        """Write what both will change."""
        for words in ("words", "wrong", "gossip"):
            self.write(text=f"{words} of {me}")
        self.write(kind="poll", question=f"poll of {me}", options=("Gate", "Bridge"))
        answers = (ChoiceAsked(words="safe", level=0), ChoiceAsked(words="help", level=2))
        self.write(kind="check-in", question=f"check-in of {me}", answers=answers)
        self.write(kind="task", title=f"task of {me}")

    def do_all(self, me: str, they: str, file: Path) -> None:
        """Do everything that is done in a conversation of two, to what is mine and theirs."""
        ask = self.node.client.ask
        mark = Mark(kind="bold", start=0, length=6)
        reply = self.find(f"words of {they}")
        self.write(text=f"answer of {me}", reply=reply, marks=(mark,))
        ask(EditItem(self.find(f"words of {me}"), f"other words of {me}"), ItemAnswer)
        ask(ReactToItem(reply, ("👍", "🎉")), ItemAnswer)
        ask(PinItem(reply), ItemAnswer)
        ask(RetractItem(self.find(f"wrong of {me}")), ItemAnswer)
        ask(ForgetItem(self.find(f"gossip of {they}")), ItemAnswer)
        for name, option in ((me, 0), (they, 1)):
            ask(Vote(self.find(f"poll of {name}"), (option,)), ItemAnswer)
            ask(AnswerCheckIn(self.find(f"check-in of {name}"), option, note=me), ItemAnswer)
            state = "doing" if name == me else "done"
            ask(ChangeTask(self.find(f"task of {name}"), "state", state), ItemAnswer)
        ask(ClosePoll(self.find(f"poll of {me}")), ItemAnswer)
        self.write(kind="notice", text=f"notice of {me}")
        self.node.run("send", self.other, f"file of {me}", "--file", str(file))
        ask(SetTimer(self.other, 86_400 if me == "Ada" else 43_200), ConversationAnswer)
        self.write(text=f"for a while of {me}")

    def shown(self) -> tuple[Told, Told, Told, int]:
        """Return the items but what the other deleted for himself, the board, pins and timer."""
        ask = self.node.client.ask
        board = ask(AskBoard(self.other), BoardAnswer).items
        pins = ask(AskPins(self.other), BoardAnswer).items
        return (
            [shared(one) for one in self.items() if not one.text.startswith("gossip")],
            [shared(one) for one in board],
            [shared(one) for one in pins],
            ask(AskConversation(self.other), ConversationAnswer).timer,
        )


def differences(sides: dict[str, Side]) -> list[str]:
    """Return in which items, and how, the two do not show the same."""
    (here, *rest), (there, *other_rest) = (side.shown() for side in sides.values())
    found = [f"{len(told)} items" for told in (here, there) if len(told) != ITEMS_COUNT]
    others = {one["id"]: one for one in there}
    for one in here:
        other = others.get(one["id"], {})
        found += [
            f"{one['text']}, {name}: {value!r} {other.get(name)!r}"
            for name, value in one.items()
            if value != other.get(name)
        ]
    if not found and here != there:
        found.append("the order")
    if not found and rest != other_rest:
        found.append("board, pins or timer")
    return found


def test_what_both_did_while_they_were_cut_is_the_same_after_a_kill(
    desk: Desk, make_node: NodeMaker, tmp_path: Path
) -> None:
    bridge = desk.bridge("left")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    laptops = (desk.laptop(bridge), desk.laptop(bridge))
    ada, bob = (
        make_node(laptop, name, more=at_once)
        for laptop, name in zip(laptops, ("Ada", "Bob"), strict=True)
    )
    start_all(ada, bob)
    wait_for_links(ada, 1)
    befriend(ada, bob, inviter_label="Ada")
    bob.run("send", "Ada", "hello")
    wait_for_text(ada, "hello")
    ada.run("contact", "rename", bob.name, "Bob")
    ada.run("send", "Bob", "well")
    wait_for_text(bob, "well")
    sides = {"Ada": Side(ada, "Bob"), "Bob": Side(bob, "Ada")}
    for me, side in sides.items():
        side.begin(me)
    for side in sides.values():
        for me in sides:
            side.find(f"task of {me}")
    desk.cut(laptops[1], bridge)
    for (me, side), they in zip(sides.items(), ("Bob", "Ada"), strict=True):
        file = tmp_path / f"{me}.bin"
        file.write_bytes(me.encode() * 2_000)
        side.do_all(me, they, file)
    assert differences(sides)
    desk.heal(laptops[1], bridge)
    # It has begun to come, and is not over.
    eventually(
        lambda: [one.text for one in sides["Bob"].items()],
        lambda texts: "answer of Ada" in texts,
        within_s=WITHIN_S,
        what="the first from beyond the cut",
    )
    bob.kill()
    bob.start()
    bob.wait_until_up()
    eventually(
        lambda: differences(sides),
        lambda found: not found,
        within_s=WITHIN_S,
        what="the same on both sides",
    )
    items, board, pins, timer = sides["Ada"].shown()
    texts = {one["text"] for one in items}
    assert {f"{words} of {me}" for me in sides for words in KEPT} <= texts
    # Two notices, two check-ins, and the task of which the last word is not that it is done.
    assert {one["kind"] for one in board} == {"notice", "check-in", "task"}
    assert (len(pins), timer) == (2, 43_200)
