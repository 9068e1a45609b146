"""`mesh read`: page by page through a history, either way."""

import re

import pytest

from tests.api.small_node import Running
from tests.cli.conftest import Mesh, befriend


@pytest.fixture
def history(mesh: Mesh, node: Running) -> Mesh:
    """Return `mesh` for a profile with seven messages."""
    befriend(mesh)
    for number in range(1, 8):
        node.receive("Ben", f"text {number}")
    return mesh


def shown(out: str) -> list[str]:
    return re.findall(r"text (\d)", out)


@pytest.mark.parametrize("chat", [(), ("Ben",)])
def test_a_person_pages_back_by_what_they_are_told(history: Mesh, chat: tuple[str, ...]) -> None:
    newest = history("read", *chat, "--limit", "3")
    assert (shown(newest.out), newest.err) == (["5", "6", "7"], OLDER.format(5))
    older = history("read", *chat, "--limit", "3", "--before", "5")
    assert shown(older.out) == ["2", "3", "4"]
    assert older.err == OLDER.format(2) + NEWER.format(4)
    first = history("read", *chat, "--limit", "3", "--before", "2")
    assert (shown(first.out), first.err) == (["1"], NEWER.format(1))


@pytest.mark.parametrize("chat", [(), ("Ben",)])
def test_after_zero_is_the_very_beginning(history: Mesh, chat: tuple[str, ...]) -> None:
    first = history("read", *chat, "--limit", "3", "--after", "0")
    assert (shown(first.out), first.err) == (["1", "2", "3"], NEWER.format(3))
    page = history("read", *chat, "--json", "--limit", "3", "--after", "0").json
    assert (page["has_older"], page["has_newer"]) == (False, True)
    assert "no such messages" in history("read", *chat, "--after", "7").err


OLDER = "There are older messages: --before {}\n"
NEWER = "There are newer messages: --after {}\n"
