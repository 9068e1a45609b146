"""A group of six real daemons that is cut in two, changed on both sides, and reads on together."""

import pytest

from mesh.commands.groups import (
    AcceptGroup,
    AskGroup,
    AskMembers,
    ChangeGroup,
    GroupAnswer,
    InviteToGroup,
    MakeGroup,
    MembersAnswer,
    RemoveMember,
    SetMemberRole,
)
from mesh.commands.item_commands import AskItems, Vote, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.errors import UserError
from tests.integration.networks import Desk
from tests.integration.nodes import Node, befriend, eventually, start_all
from tests.integration.row import NodeMaker, wait_for_links

pytestmark = [pytest.mark.netns, pytest.mark.timeout(900)]

WITHIN_S = 240
"""A member without keys makes some after his rank's pause, and needs are asked after minutes."""


def group_of(node: Node) -> GroupAnswer | None:
    try:
        return node.client.ask(AskGroup("Crew"), GroupAnswer)
    except UserError:
        return None


def wait_for(node: Node, state: str, count: int) -> None:
    """Wait until somebody is so in the group, of so many."""
    eventually(
        lambda: group_of(node),
        lambda told: told is not None and (told.state, told.members_count) == (state, count),
        within_s=WITHIN_S,
        what=f"{node.name}: {state} of {count}",
    )


def member(node: Node, name: str) -> int:
    told = node.client.ask(AskMembers("Crew"), MembersAnswer)
    return next(one.member for one in told.members if name in (one.label, one.name))


def items(node: Node) -> list[ItemAnswer]:
    return node.client.ask(AskItems("Crew"), ItemsAnswer).items


def say(node: Node, text: str) -> None:
    node.client.ask(WriteItem("Crew", kind="text", text=text), ItemAnswer)


def shared(item: ItemAnswer) -> tuple[object, ...]:
    """Return what is the same with everybody: all but numbers, states, times of arrival and labels,
    which are each profile's own.
    """
    votes = None if item.poll is None else [option.count for option in item.poll.options]
    return item.id, item.author.key, item.kind, item.text, item.gone, item.is_apart, votes


def board(node: Node) -> list[tuple[object, ...]]:
    """Return what people said, and no operations, which each has from when he knew of them."""
    return [shared(item) for item in items(node) if item.kind in ("text", "poll")]


def wait_until(node: Node, state: str) -> None:
    """Wait until a group is there, and so."""
    eventually(
        lambda: group_of(node),
        lambda told: told is not None and told.state == state,
        within_s=WITHIN_S,
        what=f"{node.name}: {state}",
    )


def wait_for_contacts(node: Node, *guests: Node) -> None:
    """Wait until those are contacts who added somebody."""
    eventually(
        lambda: node.run("contacts"),
        lambda shown: all(guest.name in shown for guest in guests),
        within_s=WITHIN_S,
        what=f"contacts of {node.name}",
    )


def wait_for_board(node: Node, of: Node, with_texts: tuple[str, ...]) -> None:
    """Wait until somebody shows the same as another, with these texts in it."""
    eventually(
        lambda: (board(node), board(of)),
        lambda told: told[0] == told[1] and set(with_texts) <= {each[3] for each in told[0]},
        within_s=WITHIN_S,
        what=f"the same with {node.name} as with {of.name}",
    )


def wait_until_equal(*nodes: Node, with_texts: tuple[str, ...]) -> None:
    """Wait until all show the same, with these texts in it."""
    for node in nodes:
        wait_for_board(node, nodes[0], with_texts)


def make_crew(ada: Node, bob: Node, cem: Node, dan: Node, eve: Node, fay: Node) -> None:
    """Let Ada make a group of five, with a poll in it; Fay is a contact of Bob."""
    for guest in (bob, cem, dan, eve):
        befriend(ada, guest, inviter_label="Ada")
    befriend(bob, fay, inviter_label="Bob")
    wait_for_contacts(ada, bob, cem, dan, eve)
    wait_for_contacts(bob, fay)
    asked = tuple(guest.name for guest in (bob, cem, dan, eve))
    ada.client.ask(MakeGroup("Crew", asked), GroupAnswer)
    for joiner in (bob, cem, dan, eve):
        wait_until(joiner, "invited")
        joiner.client.ask(AcceptGroup("Crew"), GroupAnswer)
    first = (ada, bob, cem, dan, eve)
    for node in first:
        wait_for(node, "in", 5)
    ada.client.ask(SetMemberRole("Crew", member(ada, bob.name), "admin"), GroupAnswer)
    poll = WriteItem("Crew", kind="poll", question="When?", options=("Now", "Later"))
    ada.client.ask(poll, ItemAnswer)
    say(bob, "Before the cut")
    wait_until_equal(*first, with_texts=("Before the cut",))
    eventually(
        lambda: group_of(bob),
        lambda told: told is not None and told.role == "admin",
        within_s=WITHIN_S,
        what="Bob is an admin",
    )


def test_six_are_cut_in_two_change_their_group_and_read_on(
    desk: Desk, make_node: NodeMaker
) -> None:
    left, right = desk.bridge("left"), desk.bridge("right")
    at_once = "opened_delay_seconds = 0\nrelay_delay_seconds = 0\n"
    names = ("Ada", "Bob", "Cem", "Dan", "Eve", "Fay")
    nodes = [make_node(desk.laptop(left), name, more=at_once) for name in names]
    ada, bob, cem, dan, eve, fay = nodes
    start_all(*nodes)
    wait_for_links(ada, 2)
    make_crew(ada, bob, cem, dan, eve, fay)
    for node in (bob, eve, fay):
        desk.move(node.namespace, left, right)
    ada.client.ask(RemoveMember("Crew", member(ada, dan.name)), GroupAnswer)
    ada.client.ask(ChangeGroup("Crew", about="By Ada"), GroupAnswer)
    bob.client.ask(RemoveMember("Crew", member(bob, eve.name)), GroupAnswer)
    bob.client.ask(InviteToGroup("Crew", (fay.name,)), GroupAnswer)
    wait_until(fay, "invited")
    fay.client.ask(AcceptGroup("Crew"), GroupAnswer)
    bob.client.ask(ChangeGroup("Crew", write="members", pin="admins"), GroupAnswer)
    wait_for(fay, "in", 5)
    wait_for(cem, "in", 4)
    for node in (ada, bob, cem):
        (shown,) = [item for item in items(node) if item.kind == "poll"]
        node.client.ask(Vote(shown.number, (1,)), ItemAnswer)
        say(node, f"{node.name} while cut")
    for node in (ada, bob):
        node.kill()
        node.start()
        node.wait_until_up()

    for node in (bob, eve, fay):
        desk.move(node.namespace, right, left)
    rest = (ada, bob, cem, fay)
    for node in rest:
        wait_for(node, "in", 4)
    for node in (dan, eve):
        wait_until(node, "removed")
    for node in rest:
        say(node, f"{node.name} after it")
    texts = tuple(f"{node.name} after it" for node in rest)
    cut = tuple(f"{node.name} while cut" for node in (ada, bob, cem))
    wait_until_equal(ada, bob, cem, with_texts=(*texts, *cut))
    eventually(
        lambda: [item.text for item in items(fay)],
        lambda told: set(texts) <= set(told),
        within_s=WITHIN_S,
        what="Fay reads what is said after it",
    )
    eventually(
        lambda: [item.poll for item in items(cem) if item.kind == "poll"],
        lambda polls: [[one.count for one in poll.options] for poll in polls if poll] == [[0, 3]],
        within_s=WITHIN_S,
        what="three votes",
    )
    eventually(
        lambda: [group_of(node) for node in rest],
        lambda told: (
            len({one.code for one in told if one is not None}) == 1
            and {one.about for one in told if one is not None} == {"By Ada"}
        ),
        within_s=WITHIN_S,
        what="one code, and what Ada said that it is for",
    )
    for node in (dan, eve):
        assert not any("after it" in item.text for item in items(node))
