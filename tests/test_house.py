"""Rules of docs/CONVENTIONS.md that neither a linter nor a type keeps.

Below the shell nobody reads a clock, draws chance, opens a file or iterates over a set: the same
seed must give the same trace. The checks read the source and therefore see only what is written
plainly; the simulator's double run under two hash seeds is the other half.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MESH = ROOT / "mesh"

SHELL_AND_ABOVE = (
    "node",
    "pictures",
    "bundles",
    "bundling",
    "api",
    "web",
    "cli",
    "client",
    "client.py",
    "daemon",
    "daemon.py",
)
FORBIDDEN_MODULES = frozenset(
    [
        "anyio",
        "asyncio",
        "random",
        "secrets",
        "select",
        "selectors",
        "socket",
        "subprocess",
        "threading",
        "time",
        "trio",
        "uuid",
        "zeroconf",
    ]
)
FORBIDDEN_CALLS = re.compile(
    r"(date|datetime)\.(now|utcnow|today)$|^os\.(urandom|getrandom|open)$|^time\."
    r"|^(io\.)?open$|\.(open|read_bytes|read_text|write_bytes|write_text)$"
    r"|(^|\.)SigningKey\.generate$|(^|\.)PrivateKey\.generate$|^nacl\.utils\.random$"
)
FORBIDDEN_STEMS = frozenset(
    [
        "utils",
        "util",
        "helpers",
        "helper",
        "common",
        "base",
        "core",
        "misc",
        "manager",
        "service",
        "impl",
        "data",
        "info",
    ]
)
TEXT_SUFFIXES = frozenset(
    (".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".json", ".yaml", ".svg")
)
# Paths of one machine, hosts of package registries, and what belongs into a tracker. Each word is
# broken by a class of one letter, so that this file does not match itself.
BANNED = re.compile(
    r"(?<![\w.])/(w[o]rk|t[m]p|r[o]ot)/|py[p]i\.org|python[h]osted|https?://[a-z.-]*reg[i]stry"
    r"|\bi[s]sue #?[0-9]+|\bT[O]DO\b|\bF[I]XME\b",
)

# The first words of a question, also of one that only names what would answer it.
ASKING = re.compile(r"(What|Who|Whom|Whose|Which|Where|When|Why|How|Whether)\b|[^.!]*\?(\s|$)")


def modules_below_the_shell() -> list[Path]:
    """Return every source file of the engine, the machines and the words."""
    return [
        path
        for path in sorted(MESH.rglob("*.py"))
        if path.relative_to(MESH).parts[0] not in SHELL_AND_ABOVE
    ]


def tree_files() -> list[Path]:
    """Return every text file that belongs to the repository."""
    folders = [
        path
        for name in ("mesh", "sim", "tests", "docs", ".ci", ".github")
        for path in [ROOT / name]
    ]
    inside = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    top = [path for path in sorted(ROOT.iterdir()) if path.is_file()]
    ours = (path for path in inside + top if "__pycache__" not in path.parts)
    return [path for path in ours if path.suffix in TEXT_SUFFIXES or path.parent.name == ".ci"]


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for an attribute chain; a part that is no name becomes `()`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "()"


def impurities(tree: ast.Module) -> Iterator[str]:
    """Find imports and calls by which a clock, chance, a socket or a file would come in."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for name in names:
                    if name.name.split(".")[0] in FORBIDDEN_MODULES:
                        yield f"line {node.lineno}: import {name.name}"
            case ast.ImportFrom(module=str(module)):
                if module.split(".")[0] in FORBIDDEN_MODULES:
                    yield f"line {node.lineno}: from {module} import"
                if module == "os" and any(name.name == "urandom" for name in node.names):
                    yield f"line {node.lineno}: from os import urandom"
            case ast.Call(func=called):
                if FORBIDDEN_CALLS.search(dotted(called)):
                    yield f"line {node.lineno}: {dotted(called)}()"
            case _:
                pass


def is_set_annotation(node: ast.expr) -> bool:
    """Say whether an annotation is a set, such as `set[EnvelopeId]`."""
    inner = node.value if isinstance(node, ast.Subscript) else node
    return dotted(inner).split(".")[-1] in ("set", "frozenset", "Set", "MutableSet", "AbstractSet")


def is_set(node: ast.expr, named: frozenset[str]) -> bool:
    """Say whether an expression is plainly a set: a literal, a call, or a name known as one."""
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name() | ast.Attribute():
            return dotted(node) in named
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub(), right=right):
            return is_set(left, named) or is_set(right, named)
        case _:
            return False


def names_of_sets(scope: ast.AST) -> frozenset[str]:
    """Return the names that a scope annotates or assigns as sets; `self.x` for attributes."""
    found = []
    for node in ast.walk(scope):
        match node:
            case ast.AnnAssign(target=target, annotation=annotation):
                if is_set_annotation(annotation):
                    found.append(dotted(target))
                    if isinstance(scope, ast.ClassDef) and isinstance(target, ast.Name):
                        found.append(f"self.{target.id}")
            case ast.Assign(targets=[target], value=value) if is_set(value, frozenset()):
                found.append(dotted(target))
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                if is_set_annotation(annotation):
                    found.append(name)
            case _:
                pass
    return frozenset(found)


def iterations_over_sets(tree: ast.Module) -> Iterator[str]:
    """Find loops, comprehensions and ordered copies that run over a set."""
    yield from iterations_within(tree, frozenset())


def iterations_within(scope: ast.AST, outer: frozenset[str]) -> Iterator[str]:
    """Find them in one scope, knowing the names of the scopes around it."""
    own = scope if isinstance(scope, ast.ClassDef | ast.FunctionDef) else None
    # A class lends its attributes to its methods; a module's function lends nothing to the next.
    named = outer | (names_of_sets(own) if own is not None else frozenset())
    for node in ast.iter_child_nodes(scope):
        match node:
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if is_set(
                iterated, named
            ):
                yield f"line {iterated.lineno}: iteration over a set"
            case ast.Call(
                func=ast.Name(id="list" | "tuple" | "iter" | "enumerate" | "map" | "zip"),
                args=arguments,
            ) if any(is_set(argument, named) for argument in arguments):
                yield f"line {node.lineno}: an order is made from a set"
            case _:
                pass
        yield from iterations_within(node, named)


def has_reason(lines: list[str], statement: ast.stmt, following: ast.stmt | None) -> bool:
    """Say whether a comment or a docstring stands with a constant."""
    end = statement.end_lineno or statement.lineno
    above = lines[statement.lineno - 2].strip() if statement.lineno > 1 else ""
    if above.startswith("#") and not above.startswith("# ---"):
        return True
    if any(re.search(r"\s#\s", line) for line in lines[statement.lineno - 1 : end]):
        return True
    return (
        isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
        and isinstance(following.value.value, str)
    )


def questions(tree: ast.Module) -> Iterator[str]:
    """Find docstrings that begin with a question and not with a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node) or ""
            if ASKING.match(docstring):
                yield f"line {node.body[0].lineno}: {docstring.splitlines()[0]}"


@pytest.mark.parametrize("path", modules_below_the_shell(), ids=lambda path: path.stem)
def test_below_the_shell_is_no_clock_no_chance_and_no_file(path: Path) -> None:
    assert list(impurities(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", modules_below_the_shell(), ids=lambda path: path.stem)
def test_below_the_shell_nothing_iterates_over_a_set(path: Path) -> None:
    assert list(iterations_over_sets(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "import os.path, random",
        "from os import urandom",
        "import os\nos.urandom(4)",
        "import datetime\ndatetime.datetime.now()",
        "open('x')",
        "path.read_bytes()",
    ],
)
def test_the_purity_check_sees_each_way_in(source: str) -> None:
    assert list(impurities(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "for x in {1, 2}: pass",
        "y = [x for x in set(z)]",
        "y = list({x for x in z})",
        "def f(peers: set[int]) -> None:\n    for peer in peers - {1}: pass",
        "class A:\n    s: set[int]\n    def f(self):\n        return tuple(self.s)",
        "class A:\n    def __init__(self):\n        self.s: set[int] = set()\n"
        "    def f(self):\n        for x in self.s: pass",
    ],
)
def test_the_order_check_sees_each_iteration(source: str) -> None:
    assert list(iterations_over_sets(ast.parse(source)))


@pytest.mark.parametrize(
    "source", ["for x in sorted({1, 2}): pass", "y = 1 in {1, 2}", "for x in {1: 2}: pass"]
)
def test_the_order_check_lets_ordered_and_asking_uses_pass(source: str) -> None:
    assert list(iterations_over_sets(ast.parse(source))) == []


def test_every_docstring_begins_with_a_statement() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {question}"
        for path in tree_files()
        if path.suffix == ".py"
        for question in questions(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What a node keeps."""',
        'def f() -> None:\n    """May this enter? A verdict."""',
        'class A:\n    """Whether it\n    stands."""',
    ],
)
def test_the_check_of_statements_sees_each_question(source: str) -> None:
    assert list(questions(ast.parse(source)))


@pytest.mark.parametrize("source", ['"""The whole. What is it?"""', '"""Whatever comes."""'])
def test_the_check_of_statements_lets_statements_pass(source: str) -> None:
    assert list(questions(ast.parse(source))) == []


def test_every_package_file_holds_a_docstring_and_nothing_else() -> None:
    for path in sorted([*MESH.rglob("__init__.py"), *(ROOT / "sim").rglob("__init__.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert len(tree.body) == 1, path
        assert ast.get_docstring(tree), path


def test_no_file_has_a_name_that_says_nothing() -> None:
    for path in tree_files():
        assert path.stem not in FORBIDDEN_STEMS, path
        assert not FORBIDDEN_STEMS.intersection(path.relative_to(ROOT).parts[:-1]), path


def test_every_bound_has_its_reason() -> None:
    bare = []
    for path in sorted((MESH / "limits").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        body = ast.parse(source).body
        lines = source.splitlines()
        bare += [
            f"{path.name}, line {statement.lineno}"
            for statement, following in zip(body, [*body[1:], None], strict=True)
            if isinstance(statement, ast.Assign | ast.AnnAssign)
            and not has_reason(lines, statement, following)
        ]
    assert bare == []


def test_no_file_speaks_of_the_place_where_it_was_written() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tree_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BANNED.search(line)
    ]
    assert found == []


def test_every_link_between_pages_leads_to_a_page_and_a_heading() -> None:
    broken = []
    for path in tree_files():
        if path.suffix != ".md":
            continue
        for link in re.findall(r"\]\(([^)\s:]*)\)", path.read_text(encoding="utf-8")):
            file, _, heading = link.partition("#")
            page = (path.parent / file).resolve() if file else path
            if not page.exists() or (heading and heading not in headings_of(page)):
                broken.append(f"{path.relative_to(ROOT)}: {link}")
    assert broken == []


def headings_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_locks_hold_every_dependency_with_its_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["sim"]
    for lock in ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        locked = re.findall(r"^([a-z0-9-]+)==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(locked) == len(re.findall("^[a-z]", text, re.MULTILINE)), lock
        for requirement in wanted:
            name = re.split(r"[^a-z0-9-]", requirement)[0]
            assert name in locked, f"{name} is not in {lock}; run: python3 dev.py lock"
