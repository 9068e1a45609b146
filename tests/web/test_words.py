"""The words of the page for problems: some for each kind, and a value for each blank."""

import ast
import re
from pathlib import Path

import pytest

from mesh.api.openapi import ALWAYS, WITH_BODY
from mesh.api.problems import STATUS_BY_KIND
from mesh.api.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "mesh" / "web" / "static" / "app"

OF_TERMINALS = {"usage"}
"""Kinds that only a command line meets."""

VALUES_OF_THE_PAGE = {"too-many-files", "unreadable"}
"""Kinds of the page itself, which brings their values."""


def _words() -> dict[str, str]:
    text = "".join(path.read_text() for path in sorted(APP.glob("words*.js")))
    return dict(re.findall(r'"err\.([^"]+)": "([^"]*)"', text))


def _raised() -> list[tuple[str, str, set[str]]]:
    """Each `UserError` of the product: where it is, its kind, and the names of its fields."""
    found = []
    for path in sorted((ROOT / "mesh").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    names = {keyword.arg for keyword in node.keywords if keyword.arg}
                    found.append((f"{path.name}:{node.lineno}", str(first.value), names))
    return found


def test_each_kind_of_problem_has_words() -> None:
    kinds = {
        *STATUS_BY_KIND,
        *ALWAYS,
        *WITH_BODY,
        *(kind for route in ROUTES for kind in route.errors),
    }
    assert kinds - set(_words()) == OF_TERMINALS


def test_each_blank_in_the_words_of_a_problem_is_a_field_of_it() -> None:
    words = _words()
    blanks = {kind: set(re.findall(r"\{(\w+)\}", text)) for kind, text in words.items()}
    raised = _raised()
    assert len(raised) > 100, "the errors were not found"
    for where, kind, fields in raised:
        assert blanks.get(kind, set()) <= fields, f"{where}: {kind} has no {blanks[kind] - fields}"
    never = {kind for kind, wanted in blanks.items() if wanted} - {kind for _, kind, _ in raised}
    assert never == VALUES_OF_THE_PAGE


@pytest.mark.parametrize("kind", ["no-room", "bad-invite"])
def test_each_reason_that_has_words_is_given_by_an_error(kind: str) -> None:
    told = {name.removeprefix(f"{kind}.") for name in _words() if name.startswith(f"{kind}.")}
    assert told
    reasons = {
        value
        for path in (ROOT / "mesh").rglob("*.py")
        for value in re.findall(r'\breason="([^"]+)"', path.read_text())
    }
    assert told <= reasons
