"""Whatever is cited in pages, comments and docstrings is in the repository.

A citation is a path that ends in `.py` or `.md`, a path below one of our folders, or the dotted
name of one of our modules. Links between pages are followed in `test_house.py`.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

import pytest

from tests.test_house import ROOT, tree_files

# What stands in quotes is a text of the protocol, such as "mesh/link/1". Links of pages that begin
# with dots are followed elsewhere.
PATH = re.compile(
    r"""(?<![\w./{}*$<>:"-])
    ((?:[\w.*-]+/)*[\w.*{},-]+\.(?:py|md)\b
    |(?:mesh|sim|tests|docs)/[\w./*{},-]*[\w/*}])""",
    re.VERBOSE,
)
DOTTED = re.compile(r"`((?:mesh|sim|tests)(?:\.\w+)+)")
# Not ours, or made by whoever reads: paths of other repositories, generated files and examples.
ELSEWHERE = re.compile(r"snow-multipsk|\b(NAME|FILE|FOLDER)\b|^\.\./")


NO_MODULES = ("mesh.key", "mesh.v1")
"""These look like modules of ours: a file of a profile, and the protocol of a WebSocket."""


def texts(path: Path) -> Iterator[str]:
    """Yield what a file says to people: a page's lines, a module's docstrings and comments."""
    source = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".py":
            yield from texts_of_source(source)
        case ".toml":
            yield from re.findall(r"#.*", source)
        case ".json" | ".svg" | ".txt":
            pass
        case _:
            yield from source.splitlines()


def texts_of_source(source: str) -> Iterator[str]:
    """Yield the texts that stand by themselves in a module, and its comments."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
            case _:
                pass
    # To take a module apart is slow, and few have a comment that could cite something.
    if re.search(r"#.*(/|\.py|\.md|`)", source):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def spelled_out(path: str) -> list[str]:
    """Return the paths that one with alternatives in braces means."""
    found = re.search(r"\{([^{}]*)\}", path)
    if found is None:
        return [path]
    before, after = path[: found.start()], path[found.end() :]
    return [each for part in found[1].split(",") for each in spelled_out(before + part + after)]


@lru_cache
def tree() -> frozenset[str]:
    """Return the paths of all files and folders of the repository, its pictures among them."""
    pictures = sorted((ROOT / "docs").rglob("*.png"))
    files = [path.relative_to(ROOT) for path in [*tree_files(), *pictures]]
    folders = {folder for path in files for folder in path.parents}
    return frozenset(path.as_posix() for path in [*files, *folders])


@lru_cache
def endings() -> frozenset[str]:
    """Return all paths, and what is left of each without its first folders."""
    parts = [path.split("/") for path in tree()]
    return frozenset("/".join(each[first:]) for each in parts for first in range(len(each)))


def is_there(path: str) -> bool:
    """Say whether the repository has such a path, or one that ends so."""
    if "*" in path:
        return any(fnmatch(ending, path) for ending in endings())
    return path.rstrip("/") in endings()


def is_module(dotted: str) -> bool:
    """Say whether a dotted name leads to a module or package of ours, or to a name in one."""
    parts = dotted.split(".")
    paths = ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]
    last = next((path for path in paths if path not in tree()), None)
    return last is None or f"{last}.py" in tree()


def dead_citations(text: str) -> list[str]:
    """Return what a text cites and the repository does not have."""
    paths = [each for path in PATH.findall(text) for each in spelled_out(path)]
    dead = [path for path in paths if not ELSEWHERE.search(path) and not is_there(path)]
    names = [name for name in DOTTED.findall(text) if name not in NO_MODULES]
    return dead + [name for name in names if not is_module(name)]


def test_whatever_is_cited_is_in_the_repository() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {dead}"
        for path in tree_files()
        for text in texts(path)
        for dead in dead_citations(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "See PROTOCOL.md, section 2.",
        "Implements `docs/protocol/letters.md`.",
        "`docs/protocol/{link,letters}.md` have the bytes.",
        "The door is `mesh/engine/gate.py`.",
        "It stands in `gate.py`.",
        "Held by `tests/gates/`.",
        "A method of `mesh.engine_room.gate`.",
        "Built in `sim.nothing`.",
    ],
)
def test_the_check_sees_each_dead_citation(text: str) -> None:
    assert dead_citations(text)


@pytest.mark.parametrize(
    "text",
    [
        "See `docs/protocol/link.md` and `link.md`.",
        "`docs/protocol/{link,session}.md` have the bytes.",
        "All of `tests/vectors/*.json`, and `tests/vectors/` itself.",
        "An error of `mesh.errors.UserError`, a package `mesh.wire`.",
        'The prologue is "mesh/link/1".',
        "`meshsim run FILE.toml` runs sim/scenarios/NAME.toml.",
    ],
)
def test_the_check_lets_what_is_there_pass(text: str) -> None:
    assert dead_citations(text) == []


def test_comments_and_docstrings_are_read_and_texts_of_the_code_are_not() -> None:
    source = '"""One."""\nX = "two"  # Three.md\n'
    assert list(texts_of_source(source)) == ["One.", "# Three.md"]
