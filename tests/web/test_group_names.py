"""Another name of a member, from his node to the page, the API and the terminal of another."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from mesh.commands.groups import AskMembers, GroupAnswer, MembersAnswer
from mesh.commands.item_commands import AskItems
from mesh.commands.items import ItemAnswer, ItemsAnswer
from tests.integration.nodes import Node, eventually
from tests.web import conftest
from tests.web.chatting import begin_anew
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair

CREW = "Crew of names"


@pytest.fixture
def crew(pair: tuple[Node, Node]) -> Iterator[tuple[Node, Node, int, int]]:
    """Two who are in one group, with its number at each; the first gets her name back."""
    anna, ben = pair
    begin_anew(anna, ben)
    made = anna.answer(GroupAnswer, "group", "create", CREW, "--with", ben.name)
    eventually(
        lambda: ben.attempt("group", "accept", CREW).returncode,
        lambda code: code == 0,
        within_s=60,
        what="the invite",
    )
    theirs = eventually(
        lambda: ben.answer(GroupAnswer, "group", "show", CREW),
        lambda group: group.state == "in",
        within_s=60,
        what="the group at Ben",
    )
    yield anna, ben, made.conversation, theirs.conversation
    anna.run("id", "--name", anna.name)


def test_a_new_name_is_shown_wherever_the_group_is(
    crew: tuple[Node, Node, int, int], laptops: Laptops
) -> None:
    anna, ben, ours, theirs = crew
    here, there = laptops.beside(anna).page(), laptops.beside(ben).page()
    go(here, f"#/c/{ours}")
    go(there, f"#/c/{theirs}")
    expect(there.get_by_role("textbox", name=f"Message {CREW}")).to_be_visible()
    anna.run("id", "--name", "Anna of the mill")
    anna.run("send", CREW, "It is me")
    line = f"{anna.name}: from here on called Anna of the mill"
    expect(there.get_by_role("log").get_by_text(line)).to_be_visible()
    mine = "You: from here on called Anna of the mill"
    expect(here.get_by_role("log").get_by_text(mine)).to_be_visible()

    def names() -> list[ItemAnswer]:
        items = ben.client.ask(AskItems(theirs), ItemsAnswer).items
        return [one for one in items if one.kind == "name"]

    [told] = eventually(names, bool, within_s=60, what="the name at Ben")
    assert told.renamed is not None
    assert (told.renamed.before, told.renamed.name) == (anna.name, "Anna of the mill")
    members = ben.client.ask(AskMembers(theirs), MembersAnswer).members
    assert sorted((one.name, one.label) for one in members) == [
        ("Anna of the mill", anna.name),
        (ben.name, ben.name),
    ]
    assert line in ben.run("read", CREW)
    go(there, f"#/c/{theirs}/group")
    expect(there.get_by_text("Anna of the mill").first).to_be_visible()
