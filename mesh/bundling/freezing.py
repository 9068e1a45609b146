"""Freezes Mesh into a folder with an interpreter and all libraries, by PyInstaller.

docs/decisions/0086-a-bundle-is-frozen-by-pyinstaller.md says why by it.
"""

import ast
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "mesh-messenger"

EXCLUDED: Final = (
    # Libraries name these, and use them where they are there: none is needed by a node.
    *("IPython", "doctest", "greenlet", "hypothesis", "numpy", "pluggy", "pydoc", "pytest"),
    # It brings a library under the GPL, and nothing here edits lines by it.
    "readline",
    *("rich", "setuptools", "sim", "tests", "tkinter", "unittest", "yaml"),
    # Kinds of pictures that are never read, and letters that are never drawn into one.
    *("PIL._avif", "PIL._imagingft", "PIL._imagingtk"),
)
STRIPPED: Final = ("libpython3*", "_sqlite3*", "_rust*")
"""What is often built with its symbols; wheels that bring libraries along are left as they are."""


def libraries() -> dict[str, metadata.Distribution]:
    """Return what Mesh needs here, by name, with what that needs in turn."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [PACKAGE]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for line in found[name].requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.append(needed.name.lower().replace("_", "-"))
    del found[PACKAGE]
    return dict(sorted(found.items()))


def freeze(place: Path) -> Path:
    """Make the folder of the program in `place`, and return it."""
    static = ROOT / "mesh" / "web" / "static"
    words = ["--noconfirm", "--onedir", "--name", "mesh", "--log-level", "ERROR"]
    # Modules as files: an archive of them costs each start a tenth of a second.
    words += ["--debug", "noarchive", "--hide-console", "hide-early"]
    words += ["--paths", str(ROOT), "--collect-submodules", "mesh"]
    words += ["--add-data", f"{static}{os.pathsep}mesh/web/static"]
    keys = ROOT / "mesh" / "bundles" / "release-keys.json"
    words += ["--add-data", f"{keys}{os.pathsep}mesh/bundles"]
    words += ["--distpath", str(place / "made"), "--workpath", str(place / "work")]
    words += ["--specpath", str(place)]
    for name in (PACKAGE, *libraries()):
        words += ["--copy-metadata", name]
    for name in EXCLUDED:
        words += ["--exclude-module", name]
    # The same order of sets in every build, and no file of somebody's configuration.
    surroundings = {**os.environ, "PYTHONHASHSEED": "0", "PYINSTALLER_CONFIG_DIR": str(place)}
    program = str(ROOT / "mesh" / "bundling" / "started.py")
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", *words, program],
        env=surroundings,
        cwd=place,
        check=True,
    )
    made = place / "made" / "mesh"
    strip(made)
    return made


def strip(folder: Path) -> None:
    """Take away symbols, where there is a program for it."""
    program = shutil.which("strip")
    if sys.platform == "linux" and program is not None:
        for pattern in STRIPPED:
            for file in folder.rglob(f"{pattern}.so*"):
                subprocess.run([program, "--strip-unneeded", str(file)], check=True)


def system_files(place: Path) -> list[Path]:
    """Return the files of the bundle that are neither ours nor from a library of Python."""
    (listed,) = (place / "work").rglob("COLLECT-00.toc")
    toc = ast.literal_eval(listed.read_text(encoding="utf-8"))
    rows = [row for part in toc if isinstance(part, list) for row in part]
    sources = {Path(row[1]) for row in rows if row[2] == "BINARY"}
    inside = (Path(sys.prefix), Path(sys.base_prefix), ROOT)
    away = (file for file in sources if not any(file.is_relative_to(each) for each in inside))
    return sorted(away)
