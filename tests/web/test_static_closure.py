"""The page is small, and what a part says comes with it."""

import re
from pathlib import Path

import pytest

from tests.web.static_closure import STATIC, closure, needed_at_once

PAGE_BYTES_MAX = 250_000
_SAID = re.compile(r'\b(?:t|rich)\("([^"{$]+)"')
_KNOWN = re.compile(r'"([^"]+)": "')


def test_what_reading_and_writing_needs_is_at_most_250_kb() -> None:
    sizes = {str(path.relative_to(STATIC)): path.stat().st_size for path in needed_at_once()}
    assert "app/screens/composer.js" in sizes, "the modules were not found"
    assert sum(sizes.values()) <= PAGE_BYTES_MAX, sorted(sizes.items(), key=lambda one: -one[1])


def _parts() -> list[Path]:
    """The modules that are fetched by themselves."""
    fetched = re.compile(r'\bimport\("([^"]+)"\)')
    found = {
        (path.parent / name).resolve()
        for path in (STATIC / "app").rglob("*.js")
        for name in fetched.findall(path.read_text())
    }
    return sorted(found)


@pytest.mark.parametrize("part", _parts(), ids=lambda part: str(part.name))
def test_what_a_part_says_is_in_the_words_that_come_with_it(part: Path) -> None:
    modules = [*closure(part), *closure(STATIC / "app" / "main.js")]
    known: set[str] = set()
    said: set[str] = set()
    for module in modules:
        if module.name.startswith("words"):
            known |= set(_KNOWN.findall(module.read_text()))
        else:
            said |= set(_SAID.findall(module.read_text()))
    known |= {name.rpartition(".")[0] for name in known}
    assert len(said) > 100, "the words were not found"
    assert said <= known, sorted(said - known)
