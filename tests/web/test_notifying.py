"""Notifications of the desktop: where no page is open, and nowhere else."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

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
    for text in ("first", "second"):
        say(text)
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
    say("fifth, when it is open and no page is")
    eventually(told, lambda count: count == before + 1, within_s=60, what="one more of the desktop")
