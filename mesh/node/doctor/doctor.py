"""The checks of `mesh doctor`: each finding says what it means and what to do about it.

It works without a daemon and changes nothing. The network's part is in `network.py`.
"""

import os
import platform
import shutil
import socket
import sqlite3
import stat
import sys
from importlib import metadata
from pathlib import Path

from mesh.config import Config
from mesh.errors import UserError
from mesh.limits.daemon import DISK_FREE_BYTES_WARN
from mesh.node.config_file import load_config
from mesh.node.doctor.finding import Finding
from mesh.node.doctor.network import examine_network
from mesh.node.folders import ProfileFolders
from mesh.node.tcp.listening import PORT_DEFAULT

_LIBRARIES = ("trio", "zeroconf", "cryptography", "pynacl", "sqlcipher3", "msgspec", "hypercorn")


def examine(folders: ProfileFolders) -> list[Finding]:
    """Look at everything; takes about a second, for answers from the network."""
    findings = [_versions(), *_folders(folders), _disk(folders)]
    config, finding = _config(folders)
    is_running, running = _daemon(folders)
    findings += [finding, running, _port(config, is_running=is_running)]
    return findings + examine_network(has_discovery=config.discovery)


def _versions() -> Finding:
    shown = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    for library in _LIBRARIES:
        try:
            shown.append(f"{library} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            return Finding(
                check="versions",
                level="fail",
                found=f"The library {library} is not installed.",
                meaning="A node cannot start without it.",
                fix="python3 dev.py mesh status",
            )
    return Finding(check="versions", level="ok", found=", ".join(shown))


def _folders(folders: ProfileFolders) -> list[Finding]:
    return [_folder(path) for path in dict.fromkeys((folders.config, folders.data, folders.state))]


def _folder(path: Path) -> Finding:
    check = "folders"
    try:
        found = path.stat()
    except FileNotFoundError:
        return Finding(check=check, level="ok", found=f"{path} will be made at the first start.")
    except OSError as error:
        return Finding(
            check=check,
            level="fail",
            found=f"{path} cannot be reached: {error.strerror}.",
            meaning="The node keeps its files there.",
        )
    if not stat.S_ISDIR(found.st_mode) or not os.access(path, os.W_OK | os.X_OK):
        return Finding(
            check=check,
            level="fail",
            found=f"{path} cannot be written to.",
            meaning="The node keeps its files there.",
            fix=f"chmod 700 '{path}'",
        )
    if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
        return Finding(
            check=check,
            level="warn",
            found=f"Other users of this computer may enter {path}.",
            meaning="They can see which files are there and when they change.",
            fix=f"chmod 700 '{path}'",
        )
    return Finding(check=check, level="ok", found=f"{path} is yours alone.")


def _disk(folders: ProfileFolders) -> Finding:
    place = next(path for path in (folders.data, *folders.data.parents) if path.exists())
    free_bytes = shutil.disk_usage(place).free
    found = f"{free_bytes // 1024**2:,} MiB are free."
    if free_bytes >= DISK_FREE_BYTES_WARN:
        return Finding(check="disk", level="ok", found=found)
    return Finding(
        check="disk",
        level="warn",
        found=found,
        meaning="A node whose disk is full stops.",
        fix="Set stored_bytes_max = 67108864 in config.toml, and start the node again.",
    )


def _config(folders: ProfileFolders) -> tuple[Config, Finding]:
    try:
        config = load_config(folders.config_file)
    except UserError as error:
        return Config(), Finding(
            check="config",
            level="fail",
            found=str(error),
            meaning="The node does not start with settings that it does not understand.",
            fix=f"Mend that line of {folders.config_file}.",
        )
    return config, Finding(check="config", level="ok", found="The settings are valid.")


def _daemon(folders: ProfileFolders) -> tuple[bool, Finding]:
    path = folders.socket_file
    if not hasattr(socket, "AF_UNIX"):
        return False, Finding(
            check="daemon", level="warn", found="This system has no unix sockets."
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False, Finding(
                check="daemon",
                level="warn",
                found="No node runs in this profile.",
                meaning="Nothing is sent, received or carried.",
                fix="mesh up",
            )
        except OSError as error:
            return False, Finding(
                check="daemon",
                level="fail",
                found=f"The node does not answer: {error.strerror or error}.",
                meaning="It may hang, or belong to another user.",
                fix="mesh down",
            )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return True, Finding(
            check="daemon",
            level="fail",
            found="Other users of this computer may speak for you.",
            meaning=f"The socket {path} is open to them.",
            fix=f"chmod 600 '{path}'",
        )
    return True, Finding(check="daemon", level="ok", found="The node runs and answers.")


def _port(config: Config, *, is_running: bool) -> Finding:
    port = PORT_DEFAULT if config.listen_port is None else config.listen_port
    if port == 0:
        return Finding(check="port", level="ok", found="Any free port is taken, as you set it.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        is_answered = probe.connect_ex(("127.0.0.1", port)) == 0
    if not is_answered and not is_running:
        return Finding(check="port", level="ok", found=f"Port {port} is free.")
    if is_answered == is_running:
        return Finding(check="port", level="ok", found=f"Port {port} answers.")
    return Finding(
        check="port",
        level="warn",
        found=f"Port {port} is used by another program."
        if is_answered
        else f"The node does not listen on port {port}.",
        meaning="Nodes that have this address typed in do not reach this one.",
        fix="mesh status",
    )
