"""Lets the node of a profile start when its person logs in: one file where each system looks.

systemd's user manager where Linux runs on systemd, the folder of a desktop's start-up entries
where it does not, launchd on macOS, the start-up folder on Windows. What is made takes effect at
the next login: a node that runs now goes on.
"""

import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mesh.node.folders import DEFAULT_PROFILE
from mesh.node.private_files import storage_error
from mesh.program import command_of

How = Literal["systemd", "autostart", "launchd", "startup"]

# There is such a folder only where systemd is the first process.
_SYSTEMD: Final = Path("/run/systemd/system")
_WANTED: Final = "default.target.wants"
_PACKAGED: Final = "mesh.service"
"""The unit that the package of Debian brings, for the default profile."""
_FOR_ALL: Final = Path("/etc/systemd/user")
"""Where an administrator enables a unit for everybody."""
_KEPT: Final = ("MESH_HOME", "MESH_API", "MESH_PASSPHRASE_FILE")
"""What a start at login could not know otherwise; settings belong into config.toml."""


@dataclass(frozen=True, slots=True)
class LoginStart:
    """The start at login of one profile. What fails raises a `StorageError`."""

    profile: str
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    systemd: Path = _SYSTEMD

    @property
    def how(self) -> How:
        """Return who starts it."""
        if sys.platform == "win32":
            return "startup"
        elif sys.platform == "darwin":
            return "launchd"
        else:
            return "systemd" if self.systemd.is_dir() else "autostart"

    @property
    def file(self) -> Path:
        """Return the file that says so."""
        return self._file_of(self.how)

    @property
    def is_installed(self) -> bool:
        """Say whether it starts at the next login."""
        return self._mark.is_symlink() if self.how == "systemd" else self.file.exists()

    @property
    def is_asked_for(self) -> bool:
        """Say whether anything asks for this start: a person here, or an administrator for all.

        A service manager starts a killed node again also after a wipe, when nothing does any more.
        """
        return self.is_installed or any(mark.is_symlink() for mark in self._marks(with_all=True))

    def install(self) -> None:
        """Let it start from the next login on; nothing but the file changes if it does already."""
        file, mark = self.file, self._mark
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(file, self._content())
            if self.how == "systemd" and not mark.is_symlink():
                # As `systemctl --user enable` does, which asks for a manager that runs.
                mark.parent.mkdir(exist_ok=True)
                mark.symlink_to(file)
        except OSError as error:
            raise storage_error(error, file) from error

    def remove(self) -> None:
        """Let it not start any more; nothing happens if it does not.

        Also not by the unit of a package that a person enabled.
        """
        try:
            for file in (*self._marks(), self._mark, self.file):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, self.file) from error

    @property
    def _mark(self) -> Path:
        """Return the link by which systemd starts a unit; nothing is there on other systems."""
        return self.file.parent / _WANTED / self.file.name

    def _marks(self, *, with_all: bool = False) -> list[Path]:
        """Return the links by which systemd starts it, whoever is the first process now."""
        if sys.platform in ("win32", "darwin"):
            return []
        else:
            unit_file = self._file_of("systemd")
            names = [unit_file.name]
            if self.profile == DEFAULT_PROFILE and not self.environment.get("MESH_HOME"):
                names.append(_PACKAGED)
            places = [unit_file.parent, *([_FOR_ALL] if with_all else [])]
            return [place / _WANTED / name for place in places for name in names]

    def _file_of(self, how: How) -> Path:
        name, home = self._name(), Path(self.environment.get("HOME") or Path.home())
        config = Path(self.environment.get("XDG_CONFIG_HOME") or home / ".config")
        match how:
            case "systemd":
                return config / "systemd" / "user" / f"{name}.service"
            case "autostart":
                return config / "autostart" / f"{name}.desktop"
            case "launchd":
                return home / "Library" / "LaunchAgents" / f"org.mesh.{name}.plist"
            case "startup":
                roaming = Path(self.environment.get("APPDATA") or home / "AppData" / "Roaming")
                programs = roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs"
                return programs / "Startup" / f"{name}.cmd"

    def _name(self) -> str:
        """Two homes may have profiles of one name."""
        home = self.environment.get("MESH_HOME")
        if not home:
            return f"mesh-{self.profile}"
        where = os.fsencode(Path(home).expanduser().absolute())
        return f"mesh-{self.profile}-{hashlib.blake2b(where, digest_size=4).hexdigest()}"

    def _command(self) -> list[str]:
        python, *module = command_of("mesh.cli.main")
        if sys.platform == "win32":
            # The other one opens a window of its own.
            windowless = Path(python).with_name("pythonw.exe")
            python = str(windowless) if windowless.exists() else python
        return [python, *module, "--profile", self.profile, "service", "run"]

    def _kept(self) -> dict[str, str]:
        found = {name: self.environment.get(name, "") for name in _KEPT}
        if home := found["MESH_HOME"]:
            found["MESH_HOME"] = str(Path(home).expanduser().absolute())
        return {name: value for name, value in found.items() if value}

    def _content(self) -> bytes:
        match self.how:
            case "systemd":
                return unit(self.profile, self._command(), self._kept()).encode()
            case "autostart":
                return desktop_entry(self.profile, self._command(), self._kept()).encode()
            case "launchd":
                label = self.file.name.removesuffix(".plist")
                return agent(label, self._command(), self._kept())
            case "startup":
                return script(self._command(), self._kept()).encode()


def unit(profile: str, command: Sequence[str], kept: Mapping[str, str]) -> str:
    """Return a unit of systemd's user manager, which starts a node that failed again."""
    variables = [f"Environment={_in_unit(f'{name}={value}')}" for name, value in kept.items()]
    lines = [
        "[Unit]",
        f"Description=Mesh, profile {profile}",
        "",
        "[Service]",
        "Type=notify",
        # The colon: no word of it names a variable.
        f"ExecStart=:{' '.join(_in_unit(word) for word in command)}",
        *variables,
        "Restart=on-failure",
        "RestartSec=5",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)


def desktop_entry(profile: str, command: Sequence[str], kept: Mapping[str, str]) -> str:
    """Return an entry for the start-up folder of a desktop (XDG autostart)."""
    words = ["env", *(f"{name}={value}" for name, value in kept.items())] if kept else []
    line = " ".join(_in_entry(word) for word in [*words, *command])
    lines = ["[Desktop Entry]", "Type=Application", f"Name=Mesh ({profile})", f"Exec={line}"]
    return "\n".join([*lines, "Terminal=false", "NoDisplay=true", ""])


def agent(label: str, command: Sequence[str], kept: Mapping[str, str]) -> bytes:
    """Return an agent of launchd, which starts a node that failed again."""
    # It reads XML, which takes a while to load, and commands pass by here.
    import plistlib

    return plistlib.dumps(
        {
            "Label": label,
            "ProgramArguments": list(command),
            "EnvironmentVariables": dict(kept),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "Umask": 0o077,
        }
    )


def script(command: Sequence[str], kept: Mapping[str, str]) -> str:
    """Return a script for the start-up folder of Windows; it ends at once and leaves no window."""
    variables = [f'set "{name}={_in_script(value)}"' for name, value in kept.items()]
    words = " ".join(f'"{_in_script(word)}"' for word in command)
    lines = ["@echo off", "chcp 65001 >nul", *variables, f'start "" {words}', ""]
    return "\r\n".join(lines)


def _in_unit(word: str) -> str:
    """`%` begins what systemd fills in."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _in_entry(word: str) -> str:
    """A word in quotes, and then the rules of a string once more, as the specification has it."""
    quoted = re.sub(r'(["`$\\])', r"\\\1", word).replace("%", "%%")
    return '"' + quoted.replace("\\", "\\\\") + '"'


def _in_script(word: str) -> str:
    """No name of a file holds a quotation mark there."""
    return word.replace("%", "%%")


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(content)
    fresh.replace(file)
