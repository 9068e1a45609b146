"""Wheel, source archive, and the archive of a bundle: the same bytes whenever they are made."""

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

from mesh.bundles.packing import MOMENT, write_xz
from mesh.bundling.freezing import ROOT


def distributions(folder: Path) -> tuple[Path, Path]:
    """Make wheel and source archive; return them in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    surroundings = {**os.environ, "SOURCE_DATE_EPOCH": str(MOMENT), "PYTHONHASHSEED": "0"}
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, env=surroundings, stdout=subprocess.DEVNULL, check=True)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


def packed(folder: Path, out: Path) -> Path:
    """Return the archive of a folder: a zip file on Windows, else tar with xz."""
    if sys.platform == "win32":
        return zipped(folder, out / f"{folder.name}.zip")
    else:
        archive = out / f"{folder.name}.tar.xz"
        write_xz(folder, folder.name, archive)
        return archive


def zipped(folder: Path, archive: Path) -> Path:
    """Return a folder as a zip file."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            inside = (Path(folder.name) / path.relative_to(folder)).as_posix()
            entry = zipfile.ZipInfo(inside, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = stat.S_IMODE(path.stat().st_mode) << 16
            file.writestr(entry, path.read_bytes())
    return archive
