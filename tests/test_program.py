"""Mesh starts programs of its own by the interpreter, or by the bundle that it is."""

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mesh.program import MODULES, RUN, command_of, run_module
from tests.test_house import MESH

STARTS = ("program.py", "pictures/drawing.py")
"""Where alone the interpreter may stand in front of words: the second says why."""
BUILDS = "bundling/"
"""Makes bundles and is in none: there the interpreter is one."""


def test_an_interpreter_runs_a_module_and_a_bundle_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [sys.executable, "-P", "-m", "mesh.node.strength"]
    assert command_of("mesh.node.strength") == words
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert command_of("mesh.node.strength") == [sys.executable, RUN, "mesh.node.strength"]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_a_main(module: str) -> None:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    assert "main" in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_no_other_module_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_module("http.server") == 2
    assert "http.server is no program of this bundle." in capsys.readouterr().err


def test_nothing_else_puts_words_behind_the_interpreter() -> None:
    found = []
    for file in sorted(MESH.rglob("*.py")):
        name = file.relative_to(MESH).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_allowed = name in STARTS or name.startswith(BUILDS)
            if not isinstance(node, ast.List | ast.Tuple) or is_allowed:
                continue
            if [ast.unparse(word) for word in node.elts[:1]] == ["sys.executable"]:
                found.append(f"{name}: {node.lineno}")
    assert found == []
