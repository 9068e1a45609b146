"""The table of attacks on groups is whole: each row has its test, and each such test a row."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "protocol" / "group-attacks.md"
ATTACKS_COUNT = 58
OF_ATTACKS_ALONE = ("members", "open", "words", "letters")
TAKING_AWAY = ("setattr", "setitem", "planted", "without", "only_one_word")


def rows() -> list[tuple[int, str, list[tuple[str, str]]]]:
    """Number, what is taken away, and tests by file."""
    found = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdigit():
            tests = re.findall(r"`(\w+)\.(test_\w+)`", cells[4])
            found.append((int(cells[0]), cells[3], tests))
    return found


def cases_of(name: str) -> dict[str, ast.FunctionDef]:
    """The tests of a file that the table calls by a name."""
    (path,) = re.findall(rf"^- `{name}`: `(.+)`$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    nodes = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return {
        node.name: node
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def takes_a_rule_away(test: ast.FunctionDef) -> bool:
    """Say whether a test asserts, takes something away, and asserts again."""
    steps = []
    for node in ast.walk(test):
        match node:
            case ast.Assert():
                steps.append((node.lineno, "assert"))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                # A helper that is told what to take away does as well.
                told = [one.id for one in node.args if isinstance(one, ast.Name)]
                told += [str(one.arg) for one in node.keywords]
                if name in TAKING_AWAY or "monkeypatch" in told or "is_bounded" in told:
                    steps.append((node.lineno, "takes away"))
            case _:
                pass
    kinds = [kind for _, kind in sorted(steps)]
    return "assert" in kinds and "takes away" in kinds and kinds.count("assert") >= 2


def test_each_attack_has_a_row() -> None:
    assert [number for number, _, _ in rows()] == [*range(1, ATTACKS_COUNT + 1)]


def test_each_row_has_a_test_that_takes_its_rule_away() -> None:
    for number, taken_away, tests in rows():
        assert tests, number
        assert taken_away, number
        for file, name in tests:
            assert takes_a_rule_away(cases_of(file)[name]), (number, name)


def test_each_test_of_an_attack_has_a_row() -> None:
    cited = [test for _, _, tests in rows() for test in tests]
    for file in OF_ATTACKS_ALONE:
        for name in cases_of(file):
            assert (file, name) in cited
