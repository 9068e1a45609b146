"""A network that keeps laptops apart, as its page tells it, and an invite that tells of it."""

import re

import pytest
from playwright.sync_api import expect

from mesh.commands.invites import AskInvites, InvitesAnswer
from mesh.commands.status import Situation
from tests.integration.networks import Desk
from tests.integration.nodes import befriend, eventually, start_all
from tests.integration.row import NodeMaker
from tests.web.chromium import Laptops, go, open_chat

pytestmark = [pytest.mark.netns, pytest.mark.slow]

LOOKS_WITHIN_S = 60.0
LOOKS_WITHIN_MS = 100_000
"""The page itself waits for the doctor for 90 s."""


def test_the_page_says_why_nobody_is_linked_and_an_invite_tells_where_one_is(
    desk: Desk, make_node: NodeMaker, laptops: Laptops
) -> None:
    bridge = desk.bridge("wifi")
    router, *namespaces = desk.router(bridge), desk.laptop(bridge), desk.laptop(bridge)
    for namespace in namespaces:
        desk.route_over(namespace, router, bridge)
        desk.isolate(namespace, bridge)
    anna, ben = (
        make_node(namespace, name)
        for namespace, name in zip(namespaces, ("Anna", "Ben"), strict=True)
    )
    start_all(anna, ben)
    befriend(ben, anna, inviter_label="Ben")

    def situation() -> Situation:
        return anna.status().situation

    # The node looks by itself, and both the command and the page say it.
    eventually(situation, lambda said: said == "nobody-yet", within_s=LOOKS_WITHIN_S, what="a look")
    assert "nobody else is here yet" in anna.run("status")
    page = laptops.beside(anna).page()
    open_chat(page, "Ben")
    expect(page.get_by_role("status").filter(has_text="Nobody else is here yet")).to_be_visible()
    go(page, "#/network/doctor")
    somebody = page.get_by_label("Their address, if you know it")
    expect(somebody).to_be_visible(timeout=LOOKS_WITHIN_MS)
    somebody.fill(f"{desk.address(namespaces[1], bridge)}:41730")
    page.get_by_role("button", name="Somebody is here").click()
    finding = page.locator(".finding").filter(has_text="client isolation")
    expect(finding).to_be_visible(timeout=LOOKS_WITHIN_MS)
    expect(finding).to_contain_text("hotspot")
    # An invite tells no address, unless one says so.
    go(page, "#/people/add/code")
    expect(page.get_by_role("button", name="Change")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    switch = page.get_by_role("switch", name="Tell where this computer is")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("new code")).click()
    address = f"{desk.address(namespaces[0], bridge)}:41730"
    expect(page.locator("dl.pairs")).to_contain_text(address)
    told = [each.addresses for each in anna.client.ask(AskInvites(), InvitesAnswer).invites]
    assert told == [[address], []]
