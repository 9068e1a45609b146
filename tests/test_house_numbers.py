"""The numbers of docs/CONVENTIONS.md: how long functions and files are, how much a class takes in.

They are all here. What is over one of them is two things, and becomes two.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from tests.test_house import ROOT

PACKAGES: Final = ("mesh", "sim", "tests")

FUNCTION_LINES_MAX: Final = 30
"""Of 95 in a hundred functions of each package; the others may be one long list of cases."""

METHODS_MAX: Final = 25
"""Of a class, properties among them. What a dataclass makes by itself is not counted."""

PARAMETERS_MAX: Final = 8
"""Of a constructor that somebody wrote, `self` not among them."""

FILE_LINES_MAX: Final = 500

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache
def sources(package: str) -> dict[str, str]:
    """Return every module of a package, by its path."""
    paths = sorted((ROOT / package).rglob("*.py"))
    return {named(path): path.read_text(encoding="utf-8") for path in paths}


def named(path: Path) -> str:
    """Return a file's path as the checks name it."""
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[Definition]:
    """Yield all functions and methods, also those within others."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node


def lines_of(function: Definition) -> int:
    """Return how many lines a function takes, its docstring among them, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def percentile_95(lengths: list[int]) -> int:
    """Return the length that 95 in a hundred do not exceed; 0 if there are none."""
    ordered = sorted(lengths)
    return ordered[(len(ordered) * 95 + 99) // 100 - 1] if ordered else 0


def crowded_classes(source: str) -> Iterator[str]:
    """Find classes with more methods than one thing needs."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            count = sum(isinstance(each, Definition) for each in node.body)
            if count > METHODS_MAX:
                yield f"{node.name} has {count} methods"


def wide_constructors(source: str) -> Iterator[str]:
    """Find constructors that take more than what belongs together in a few values."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name in ("__init__", "__new__"):
                    count = parameters_of(each)
                    if count > PARAMETERS_MAX:
                        yield f"{node.name} takes {count} parameters"


def parameters_of(constructor: ast.FunctionDef) -> int:
    """Return how many parameters there are, the first one (`self`) not among them."""
    arguments = constructor.args
    several = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    named_ones = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len(named_ones) - 1 + len(several)


def is_long(source: str) -> bool:
    """Say whether a file is longer than one thing needs."""
    return len(source.splitlines()) > FILE_LINES_MAX


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_short(package: str) -> None:
    trees = [ast.parse(source) for source in sources(package).values()]
    lengths = [lines_of(each) for tree in trees for each in functions(tree)]
    assert percentile_95(lengths) <= FUNCTION_LINES_MAX


@pytest.mark.parametrize("package", PACKAGES)
def test_no_class_is_crowded(package: str) -> None:
    found = [
        f"{path}: {each}"
        for path, source in sources(package).items()
        for each in crowded_classes(source)
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_constructor_is_wide(package: str) -> None:
    found = [
        f"{path}: {each}"
        for path, source in sources(package).items()
        for each in wide_constructors(source)
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long(package: str) -> None:
    found = [
        f"{path} has {len(source.splitlines())} lines"
        for path, source in sources(package).items()
        if is_long(source)
    ]
    assert found == []


def test_the_check_of_functions_counts_their_lines() -> None:
    source = "def f(x: int) -> int:\n" + "    x += 1\n" * FUNCTION_LINES_MAX + "    return x\n"
    [length] = [lines_of(each) for each in functions(ast.parse(source))]
    assert length == FUNCTION_LINES_MAX + 2
    # Five in a hundred may be longer, and a sixth may not.
    assert percentile_95([1] * 95 + [length] * 5) == 1
    assert percentile_95([1] * 94 + [length] * 6) == length


def test_the_check_of_classes_sees_one_method_too_many() -> None:
    methods = [f"    def m{number}(self): pass\n" for number in range(METHODS_MAX + 1)]
    assert list(crowded_classes("class A:\n" + "".join(methods)))
    assert list(crowded_classes("class A:\n" + "".join(methods[1:]))) == []


@pytest.mark.parametrize("rest", ["h, i", "*, h, i", "*h, **i"])
def test_the_check_of_constructors_sees_one_parameter_too_many(rest: str) -> None:
    source = "class A:\n    def __init__(self, a, b, c, d, e, f, g, %s): pass"
    assert list(wide_constructors(source % rest))
    assert list(wide_constructors(source % "h")) == []


def test_the_check_of_files_sees_one_line_too_many() -> None:
    assert is_long("x = 1\n" * (FILE_LINES_MAX + 1))
    assert not is_long("x = 1\n" * FILE_LINES_MAX)
