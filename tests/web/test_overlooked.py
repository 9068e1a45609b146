"""Calls for help, wishes to compare and chats of the archive, which nobody overlooks."""

import re
import subprocess

import pytest
from playwright.sync_api import Locator, Page, expect

from mesh.commands.conversations import ChangeConversation, ConversationAnswer
from mesh.commands.item_commands import AnswerCheckIn, AskItems, ChoiceAsked, WriteItem
from mesh.commands.items import ItemAnswer, ItemsAnswer
from mesh.commands.verification import Compare, ComparisonAnswer
from mesh.limits.messages import MOMENT_MAX
from tests.integration.nodes import Node, eventually
from tests.integration.row import wait_for_text
from tests.web import conftest
from tests.web.chatting import begin_anew
from tests.web.chromium import Laptops

pytestmark = [pytest.mark.netns, pytest.mark.slow]

pair = conftest.lasting_pair
ANSWERS = (ChoiceAsked(words="I am safe", level=0), ChoiceAsked(words="I need help", level=2))


def row_of(page: Page, node: Node) -> Locator:
    return page.locator(".list .row").filter(has_text=node.name)


def test_a_call_for_help_is_told_to_who_looks_elsewhere(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    asked = WriteItem(ben.name, "check-in", question="Are you safe?", answers=ANSWERS)
    told = anna.client.ask(asked, ItemAnswer)

    def arrived() -> list[int]:
        items = ben.client.ask(AskItems(anna.name), ItemsAnswer).items
        return [item.number for item in items if item.id == told.id]

    [number] = eventually(arrived, bool, within_s=60, what="the check-in")
    page = laptops.beside(anna).page()
    page.get_by_role("link", name=re.compile("^Note to self")).click()
    expect(row_of(page, ben)).to_be_visible()
    expect(page).not_to_have_title(re.compile("help"))
    ben.client.ask(AnswerCheckIn(number, 1), ItemAnswer)
    expect(row_of(page, ben)).to_contain_text("1 needs help")
    expect(page).to_have_title(re.compile("1 needs help"))
    expect(page.locator(".unseen[role=status]")).to_contain_text("somebody needs help")
    # Neither a mute nor the archive hides it, nor is it forgotten with the page.
    changed = ChangeConversation(ben.name, is_archived=True, muted_until=MOMENT_MAX)
    anna.client.ask(changed, ConversationAnswer)
    page.reload()
    expect(row_of(page, ben)).to_contain_text("1 needs help")
    expect(page).to_have_title(re.compile("1 needs help"))
    ben.client.ask(AnswerCheckIn(number, 0), ItemAnswer)
    expect(page).not_to_have_title(re.compile("help"))
    anna.client.ask(
        ChangeConversation(ben.name, is_archived=False, muted_until=0), ConversationAnswer
    )


def test_who_is_asked_to_compare_sees_it_and_gets_there(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    page = laptops.beside(ben).page()
    row_of(page, anna).click()
    expect(page.get_by_role("textbox", name=f"Message {anna.name}")).to_be_visible()
    anna.client.ask(Compare(ben.name), ComparisonAnswer)
    banner = page.locator(".banner").filter(has_text="asks to compare with you")
    expect(banner).to_be_visible()
    page.reload()
    expect(banner).to_be_visible()
    expect(row_of(page, anna)).to_contain_text("Compare")
    banner.get_by_role("link", name="Compare now").click()
    page.get_by_role("button", name="Begin to compare").click()
    expect(page.get_by_role("button", name="All seven are the same")).to_be_visible()


def test_that_no_network_is_up_is_told_no_more_once_one_is(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    page = laptops.beside(anna).page()
    expect(row_of(page, ben)).to_be_visible()
    banner = page.locator(".middle .banner").filter(has_text="No network is up")
    plug(anna, "down")
    try:
        expect(banner).to_be_visible()
    finally:
        plug(anna, "up")
    expect(banner).to_have_count(0)


def plug(node: Node, state: str) -> None:
    """Take the network of a laptop away, or give it back."""
    command = ["ip", "-n", node.namespace, "link", "set", "eth0", state]
    subprocess.run(command, check=True, capture_output=True)


def test_what_comes_into_a_muted_chat_of_the_archive_is_counted_there(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    begin_anew(*pair)
    anna, ben = pair
    anna.run("read")
    changed = ChangeConversation(ben.name, is_archived=True, muted_until=MOMENT_MAX)
    anna.client.ask(changed, ConversationAnswer)
    page = laptops.beside(anna).page()
    archived = page.get_by_role("button", name=re.compile("^Archived"))
    expect(archived).not_to_contain_text(re.compile("[1-9]"))
    ben.run("send", anna.name, "From the archive")
    wait_for_text(anna, "From the archive")
    expect(archived).to_contain_text(re.compile("[1-9]"))
    expect(row_of(page, ben)).to_have_count(0)
    # Who is not muted comes back with what they write.
    changed = ChangeConversation(ben.name, muted_until=0)
    anna.client.ask(changed, ConversationAnswer)
    ben.run("send", anna.name, "And back")
    wait_for_text(anna, "And back")
    expect(row_of(page, ben)).to_contain_text("And back")
