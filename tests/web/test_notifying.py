"""Notifications of the desktop: where no page is open, and nowhere else."""

import itertools
import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mesh.api.batch import Outgoing, SendMessages, SentMessages
from tests.integration.nodes import Node, befriend, eventually
from tests.integration.row import wait_for_text
from tests.web.chromium import Laptops, go

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PAUSE_S = 11
"""A little longer than a notification stands for those that come after it."""

AT_ONCE_S = 3
"""What is told when nothing stands any more is told sooner than that."""


def with_desktop(node: Node) -> Path:
    """Give a node a desktop: a program in its path that writes down what it is to show."""
    programs = node.home / "programs"
    programs.mkdir()
    shown = node.home / "shown.txt"
    shown.touch()
    program = programs / "notify-send"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{shown}"\n')
    program.chmod(0o700)
    node.more_environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    return shown


def test_a_message_is_told_once_by_the_desktop_or_by_the_page(
    pair: tuple[Node, Node], laptops: Laptops
) -> None:
    anna, ben = pair
    anna.stop()
    shown = with_desktop(anna)
    anna.start()
    anna.wait_until_up()
    befriend(anna, ben, inviter_label=anna.name)

    def told() -> int:
        return len(shown.read_text().splitlines())

    def say(text: str) -> None:
        ben.run("send", anna.name, text)
        wait_for_text(anna, text)

    say("while it is off")
    anna.run("settings", "desktop_notifications", "true")
    # Both at once: what comes after the pause of a busy machine is told anew.
    both = [Outgoing(contact=anna.name, text=text) for text in ("first", "second")]
    ben.client.ask(SendMessages(messages=both), SentMessages)
    wait_for_text(anna, "first")
    wait_for_text(anna, "second")
    eventually(told, lambda count: count == 1, within_s=60, what="one of the desktop")
    assert "first" not in shown.read_text()
    assert ben.name not in shown.read_text()
    time.sleep(PAUSE_S)
    assert told() == 1
    page = laptops.beside(anna).page()
    go(page, "#/settings/notifications")
    expect(page.get_by_role("switch", name="Also while no page is open")).to_be_checked()
    say("third, while a page is open")
    time.sleep(AT_ONCE_S)
    assert told() == 1
    page.context.close()
    anna.run("lock")
    ben.run("send", anna.name, "fourth, while it is locked")
    time.sleep(AT_ONCE_S)
    assert told() == 1
    anna.run("unlock")
    wait_for_text(anna, "fourth, while it is locked")
    time.sleep(PAUSE_S)
    before = told()
    texts = (f"fifth and {number}, when it is open and no page is" for number in itertools.count())

    def told_of_more() -> int:
        say(next(texts))
        return told()

    # That of the fourth may have come late, and stand still.
    eventually(told_of_more, lambda count: count > before, within_s=60, what="one more")
