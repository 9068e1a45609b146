"""The notebook of the validation page: it runs, prints what stands in it, and that is on the page.

Its cells run here in order, in one process, as a notebook runs them. Where nbconvert and a kernel
are installed they run it too.
"""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
import pytest

from mesh.errors import UserError
from sim.lab.literature.the_one import INFOCOM_CONTACTS, INFOCOM_MESSAGES
from sim.schema.input_files import find_file

DOCS: Final = Path(__file__).parents[2] / "docs"
NEEDS_DATA: Final = "reference-data"
LONG_S: Final = 1_500
"""It is half a minute of a processor, which many tests may share."""


class Output(msgspec.Struct, frozen=True):
    """The text that a cell printed."""

    output_type: str
    name: str = ""
    text: list[str] = []


class Metadata(msgspec.Struct, frozen=True):
    """The things that are said of a cell."""

    tags: list[str] = []


class Cell(msgspec.Struct, frozen=True):
    """A cell of a notebook."""

    cell_type: str
    id: str
    source: list[str]
    metadata: Metadata
    outputs: list[Output] = []


class Notebook(msgspec.Struct, frozen=True):
    """A notebook, as far as it is looked at here."""

    cells: list[Cell]
    nbformat: int


def code_cells(notebook: Notebook) -> Iterator[tuple[Cell, str]]:
    """Yield the cells that run, and their source."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield cell, "".join(cell.source)


@lru_cache
def notebook() -> Notebook:
    """Return the notebook."""
    return msgspec.json.decode((DOCS / "validation.ipynb").read_bytes(), type=Notebook)


def kept(cell: Cell) -> str:
    """Return what a cell printed when it was kept."""
    return "".join("".join(output.text) for output in cell.outputs)


def has_data() -> bool:
    """Say whether the contacts that may not be copied are there."""
    try:
        find_file(INFOCOM_CONTACTS)
        find_file(INFOCOM_MESSAGES)
    except UserError:
        return False
    return True


def run(source: str, names: dict[str, object]) -> str:
    """Run a cell, and return what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(source, names)
    return said.getvalue()


@pytest.mark.slow
@pytest.mark.world
@pytest.mark.timeout(LONG_S)
def test_the_notebook_runs_and_prints_what_stands_in_it() -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    compared = []
    for cell, source in code_cells(notebook()):
        printed = run(source, names)
        if NEEDS_DATA in cell.metadata.tags and not has_data():
            assert printed.startswith("Left out. ")
        elif cell.outputs:
            assert printed == kept(cell), cell.id
            compared.append(cell.id)
    assert compared[-2:] == ["waypoint", "guide"]
    assert "result" in names


def test_what_the_notebook_prints_stands_on_the_page() -> None:
    page = (DOCS / "validation.md").read_text(encoding="utf-8").splitlines()
    rows = [
        row
        for cell, _ in code_cells(notebook())
        for row in kept(cell).splitlines()
        if "---" not in row
    ]
    assert len(rows) == 4 + 5 + 5
    # Of one table the page has a column more: how fast it was on one machine.
    missing = [row for row in rows if not any(line.startswith(row) for line in page)]
    assert missing == []


def test_nothing_but_printed_text_is_kept() -> None:
    assert notebook().nbformat == 4
    for cell, _ in code_cells(notebook()):
        assert [(one.output_type, one.name) for one in cell.outputs] in ([], [("stream", "stdout")])


@pytest.mark.slow
@pytest.mark.world
@pytest.mark.timeout(LONG_S)
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("nbconvert", "ipykernel")),
    reason="nbconvert and ipykernel are in no requirement file: 40 packages for one notebook.",
)
def test_a_client_of_notebooks_runs_it_too(tmp_path: Path) -> None:
    asked = ["nbconvert", "--execute", "--to", "notebook", "--output-dir", str(tmp_path)]
    asked += ["--ExecutePreprocessor.timeout", str(LONG_S), str(DOCS / "validation.ipynb")]
    done = subprocess.run(
        [sys.executable, "-m", *asked],
        cwd=DOCS.parent,
        env={**os.environ, "PYTHONPATH": str(DOCS.parent)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
