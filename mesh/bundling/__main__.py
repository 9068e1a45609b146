"""Makes the bundle: freezes Mesh, lays licences and source beside it, and packs it."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Final

from mesh.bundles.packing import system_name
from mesh.bundling.archives import distributions, packed
from mesh.bundling.debian import glibc_of, make_deb
from mesh.bundling.freezing import PACKAGE, ROOT, freeze, system_files
from mesh.bundling.licences import collect
from mesh.bundling.releasing import find_signed, manifest_of, today, write_manifests

START: Final = {
    "win32": (
        "Start Mesh.cmd",
        '@echo off\r\n"%~dp0mesh.exe" up --open\r\nif errorlevel 1 pause\r\n',
    ),
    "darwin": ("Start Mesh.command", '#!/bin/sh\nexec "${0%/*}/mesh" up --open\n'),
    "linux": ("start-mesh", '#!/bin/sh\nexec "${0%/*}/mesh" up --open\n'),
}
"""What a person starts in the folder, on each system: it starts Mesh and shows its page."""

README: Final = """\
Mesh {version} for {system}, with all that it needs. Nothing is installed, and no internet is asked.

  {start}     starts Mesh and shows its page
  mesh --help     lists the commands

Mesh runs on Linux. It was never run on Windows or macOS yet.
{needs}
The folder licences holds the licences of all that is in here, and source the source of Mesh.
"""


def main() -> int:
    """Make what is asked for, and say where it lies."""
    parser = argparse.ArgumentParser(prog="python3 dev.py bundle", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER")
    parser.add_argument("--deb", action="store_true", help="make a package for Debian, too")
    options = parser.parse_args()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    version = metadata.version(PACKAGE)
    signed = manifest_of(out, version)
    if find_signed(signed) is not None:
        print(f"{signed} is signed: take another folder with --out.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        wheel, source = distributions(place / "dist")
        folder = place / f"mesh-{version}-{system_name()}"
        freeze(place).rename(folder)
        complete(folder, place, version, source)
        try_out(folder, version)
        made = [packed(folder, out)]
        if options.deb:
            made.append(make_deb(folder, version, place, out))
        made += [Path(shutil.copy(file, out)) for file in (wheel, source)]
    made += write_manifests(out, today(), version)
    for file in made:
        print(f"{file.stat().st_size / 1e6:6.1f} MB  {file}")
    return 0


def complete(folder: Path, place: Path, version: str, source: Path) -> None:
    """Lay beside the program what a person starts and reads, the licences, and the source."""
    name, script = START[sys.platform]
    (folder / name).write_text(script, encoding="utf-8", newline="")
    (folder / name).chmod(0o755)
    needs = f"It needs glibc {glibc_of(folder)} or newer.\n" if sys.platform == "linux" else ""
    text = README.format(version=version, system=system_name(), start=name, needs=needs)
    (folder / "README.txt").write_text(text, encoding="utf-8")
    collect(folder / "licences", system_files(place))
    (folder / "source").mkdir()
    shutil.copy(source, folder / "source")


def try_out(folder: Path, version: str) -> None:
    """Fail if the program does not even tell its version."""
    program = folder / ("mesh.exe" if sys.platform == "win32" else "mesh")
    told = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith(f"mesh {version} "), told.stdout


if __name__ == "__main__":
    sys.exit(main())
