"""Collects the licences of all that a bundle holds."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from mesh.bundling.freezing import ROOT, libraries

LICENCE: Final = re.compile(r"(licen[cs]e|copying|notice|authors|copyright)", re.IGNORECASE)


def collect(folder: Path, system_files: Sequence[Path]) -> None:
    """Write the licences of Mesh, its libraries, the interpreter and the system's libraries."""
    folder.mkdir()
    shutil.copyfile(ROOT / "LICENSE", folder / "mesh.txt")
    for name, library in libraries().items():
        (folder / f"{name}.txt").write_text(text_of(name, library), encoding="utf-8")
    own = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    packages = {package_of(file) for file in system_files}
    if own.exists():
        shutil.copyfile(own, folder / "python.txt")
    for package in sorted(packages - {""}):
        told = Path("/usr/share/doc") / package / "copyright"
        if told.exists():
            shutil.copyfile(told, folder / f"system-{package}.txt")


def text_of(name: str, library: metadata.Distribution) -> str:
    """Return all texts of licences that a library brings, after what it says of itself."""
    told = library.metadata
    lines = [f"{name} {library.version}"]
    for field in ("License-Expression", "License"):
        lines += [f"{field}: {each}" for each in told.get_all(field) or () if each]
    lines += [each for each in told.get_all("Classifier") or () if each.startswith("License")]
    for file in library.files or ():
        if LICENCE.search(file.name) and file.suffix not in (".py", ".pyc"):
            text = Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")
            lines += ["", f"--- {file.name}", text]
    return "\n".join([*lines, ""])


def package_of(file: Path) -> str:
    """Return the Debian package that a file of the system is of; empty where none is known."""
    program = shutil.which("dpkg")
    if program is None:
        return ""
    # On a merged system the package may say /lib where the linker says /usr/lib.
    for path in (str(file), str(file.resolve()), str(file.resolve()).removeprefix("/usr")):
        told = subprocess.run([program, "-S", path], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            return told.stdout.split(":")[0]
    return ""
