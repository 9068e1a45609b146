"""Makes a package for Debian and its kin out of a bundle, by `dpkg-deb` and without root."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from mesh.bundles.packing import MOMENT
from mesh.bundling.freezing import ROOT

NAME: Final = "mesh-messenger"
ICON: Final = "org.mesh.Mesh"
HOME: Final = Path("usr/lib/mesh-messenger")
"""Where the bundle lies; the programs of `/usr/bin` lead there."""

ENTRY: Final = f"""\
[Desktop Entry]
Type=Application
Name=Mesh
GenericName=Messenger
Comment=A messenger without servers
Exec=mesh up --open
Icon={ICON}
Terminal=false
Categories=Network;InstantMessaging;
Keywords=chat;mail;offline;
"""

UNIT: Final = """\
[Unit]
Description=Mesh, the default profile

[Service]
Type=notify
ExecStart=/usr/bin/mesh service run
Restart=on-failure
RestartSec=5
UMask=0077
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""
"""As `mesh service install` writes it for one profile; a person enables either."""

CONTROL: Final = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: The Mesh authors <nobody@localhost>
Installed-Size: {size}
Depends: libc6 (>= {glibc}), zlib1g
Recommends: libglib2.0-bin, xdg-utils
Section: net
Priority: optional
Description: messenger without servers
 Laptops run a node; nodes find each other on the local network, open encrypted
 links, and carry one another's sealed mail until it arrives. The package brings
 its own interpreter and libraries.
"""


def make_deb(bundle: Path, version: str, place: Path, out: Path) -> Path:
    """Return a package that holds a bundle, made by way of a folder in `place`."""
    tree = place / "deb"
    shutil.copytree(bundle, tree / HOME, symlinks=True)
    shutil.rmtree(tree / HOME / "licences")
    (tree / HOME / "start-mesh").unlink()
    shutil.copytree(bundle / "licences", tree / "usr/share/doc" / NAME)
    shutil.copyfile(bundle / "licences" / "mesh.txt", tree / "usr/share/doc" / NAME / "copyright")
    write(tree / "usr/share/applications" / f"{ICON}.desktop", ENTRY)
    write(tree / "usr/lib/systemd/user" / "mesh.service", UNIT)
    icon = tree / "usr/share/icons/hicolor/scalable/apps" / f"{ICON}.svg"
    write(icon, (ROOT / "mesh/web/static/icon.svg").read_text(encoding="utf-8"))
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin" / "mesh").symlink_to(Path("..") / HOME.relative_to("usr") / "mesh")
    files = [file for file in tree.rglob("*") if file.is_file() and not file.is_symlink()]
    control = CONTROL.format(
        name=NAME,
        version=debian_version(version),
        architecture=architecture(),
        size=sum(file.stat().st_size for file in files) // 1024,
        glibc=glibc_of(bundle),
    )
    write(tree / "DEBIAN" / "control", control)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            is_program = path.is_dir() or bool(path.stat().st_mode & 0o100)
            path.chmod(0o755 if is_program else 0o644)
    deb = out / f"{NAME}_{debian_version(version)}_{architecture()}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(tree), str(deb)]
    surroundings = {**os.environ, "SOURCE_DATE_EPOCH": str(MOMENT)}
    subprocess.run(command, env=surroundings, stdout=subprocess.DEVNULL, check=True)
    return deb


def write(file: Path, text: str) -> None:
    """Write a file and the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def debian_version(version: str) -> str:
    """Return a version of Python so that a development one comes before its release."""
    return version.replace(".dev", "~dev")


def architecture() -> str:
    """Return this machine's architecture, as dpkg names it."""
    told = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


def glibc_of(bundle: Path) -> str:
    """Return the version of the C library that the programs and libraries of a bundle ask for."""
    asked = {
        int(minor)
        for file in bundle.rglob("*")
        if file.is_file() and (file.name == "mesh" or ".so" in file.name)
        for minor in re.findall(rb"\bGLIBC_2\.([0-9]+)\b", file.read_bytes())
    }
    return f"2.{max(asked)}"
