"""The checks of `mesh doctor`: each finding says what it means and what to do about it.

It works without a daemon and changes nothing; what a running one says of links, peers and clocks
is handed in. The network's part is in `network.py`, that of the databases in `databases.py`.
"""

import os
import platform
import shutil
import socket
import sqlite3
import stat
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from mesh.commands.peers import PeersAnswer
from mesh.commands.status import StatusAnswer
from mesh.config import Config
from mesh.engine.forwarding.resource_policy import store_share_bytes
from mesh.engine.parts.addresses import BY_NETWORK, REMEMBERED, parse_address
from mesh.errors import MeshError, StorageError, UserError
from mesh.limits.retention import STORED_BYTES_MIN
from mesh.limits.storage import DISK_FULL_BYTES, DISK_SCARCE_BYTES
from mesh.node.config_file import load_config
from mesh.node.doctor.clock import clock_finding
from mesh.node.doctor.databases import examine_databases, find_store_key
from mesh.node.doctor.finding import NOTHING_SAID, Finding, Said
from mesh.node.doctor.memory import memory_finding
from mesh.node.doctor.network import Neighbourhood, examine_network
from mesh.node.doctor.reach import Known
from mesh.node.folders import ProfileFolders
from mesh.node.interfaces import list_interfaces, own_addresses
from mesh.node.membership import mesh_of_start
from mesh.node.profile_lock import is_held
from mesh.node.tcp.listening import PORT_DEFAULT
from mesh.peering.network_memory import NetworkMemory
from mesh.peering.segments import OwnNetworks
from mesh.storage.connection import connect_to_read
from mesh.storage.store.link_state import LinkStateRows

_LIBRARIES = ("trio", "zeroconf", "cryptography", "pynacl", "sqlcipher3", "msgspec", "h11")


_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NodeView:
    """A running node, as it speaks of itself."""

    status: StatusAnswer
    peers: PeersAnswer


def examine(
    folders: ProfileFolders,
    view: NodeView | None = None,
    *,
    passphrase: str | None = None,
    said: Said = NOTHING_SAID,
) -> list[Finding]:
    """Look at everything: a second for the network, some more for addresses that do not answer.

    A gigabyte that is stored takes some seconds too. With a passphrase the vault is read as well.
    UserError if that is a wrong one, or what was said is no address.
    """
    around = neighbourhood_of(folders, view, said)
    config, finding = _config(folders)
    is_running, running = _daemon(folders)
    status = view.status if view is not None else None
    return [
        _versions(),
        *_folders(folders),
        _disk(folders, config, status),
        memory_finding(folders),
        *examine_databases(folders, passphrase),
        finding,
        running,
        _port(config, is_running=is_running),
        clock_finding(status),
        *examine_network(config, around),
    ]


def neighbourhood_of(
    folders: ProfileFolders, view: NodeView | None, said: Said = NOTHING_SAID
) -> Neighbourhood:
    """Return who is in sight, and who was reached in an earlier run, typed in or named.

    UserError if what was named is no address.
    """
    texts = [said.address] if said.address else []
    texts += _stored_addresses(folders)
    known = [Known(parse_address(text), is_in_sight=False) for text in texts]
    is_somebody_here = said.is_somebody_here or bool(said.address)
    if view is None:
        return Neighbourhood(known=known, is_somebody_here=is_somebody_here)
    linked: list[Known] = []
    for peer in view.peers.peers:
        with suppress(UserError):
            one = Known(parse_address(peer.address), is_in_sight=peer.source == "announced")
            if peer.state == "linked":
                linked.append(one)
            elif peer.source:
                known.append(one)
    return Neighbourhood(
        known=known,
        linked=linked,
        links_by_interface=view.status.links_by_interface,
        is_node_running=True,
        is_somebody_here=is_somebody_here,
    )


def _stored_addresses(folders: ProfileFolders) -> list[str]:
    """The addresses in the store; none where it does not open, which is told elsewhere."""
    if not folders.store_file.exists():
        return []
    with suppress(MeshError):
        key = find_store_key(folders)
        if key is not None:
            with closing(connect_to_read(folders.store_file, key)) as store:
                state = LinkStateRows(store)
                remembered = state.find_setting(REMEMBERED) or b""
                memory = NetworkMemory(state.find_setting(BY_NETWORK) or b"")
                own = OwnNetworks(own_addresses(list_interfaces()))
                texts = (*memory.known_at(own.prefixes), *remembered.decode().split())
                return [*state.peers(), *texts]
    return []


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


def _size(count_bytes: int) -> str:
    """The largest unit in which at least ten are left."""
    is_much = count_bytes >= 10 << 30
    return f"{count_bytes >> 30:,} GiB" if is_much else f"{count_bytes // _MIB:,} MiB"


def _disk(folders: ProfileFolders, config: Config, status: StatusAnswer | None) -> Finding:
    place = next(path for path in (folders.data, *folders.data.parents) if path.exists())
    free_bytes = shutil.disk_usage(place).free
    stored_bytes = status.stored_bytes if status is not None else _size_of(folders.store_file)
    share_bytes = store_share_bytes(free_bytes, stored_bytes)
    found = f"{_size(free_bytes)} are free on the disk of {place}."
    fix = "Free some space on that disk."
    if share_bytes < STORED_BYTES_MIN or free_bytes < DISK_SCARCE_BYTES:
        return Finding(
            check="disk",
            level="fail",
            found=found,
            meaning="That is too little: mail of others is not kept, and with less than "
            f"{DISK_FULL_BYTES // _MIB} MiB nothing is stored, neither what comes nor what you "
            "write.",
            fix=fix,
        )
    if share_bytes < config.stored_bytes_max:
        return Finding(
            check="disk",
            level="warn",
            found=found,
            meaning=f"The node carries {share_bytes // _MIB} MiB instead of "
            f"{config.stored_bytes_max // _MIB} MiB, since it takes a tenth of what is free.",
            fix=fix,
        )
    return Finding(check="disk", level="ok", found=found)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _config(folders: ProfileFolders) -> tuple[Config, Finding]:
    try:
        config = load_config(folders.config_file)
        mesh_of_start(folders, config)
    except (UserError, StorageError) as error:
        return Config(), Finding(
            check="config",
            level="fail",
            found=str(error),
            meaning="The node does not start with these settings.",
            fix=f"Mend that line of {folders.config_file}, or what the sentence names.",
        )
    return config, Finding(check="config", level="ok", found="The settings are valid.")


def _daemon(folders: ProfileFolders) -> tuple[bool, Finding]:
    path = folders.socket_file
    if not hasattr(socket, "AF_UNIX") or not path.exists():
        if not is_held(folders.lock_file):
            return False, _no_node()
        found = "The node runs, and is asked over loopback: it has no unix socket."
        return True, Finding(check="daemon", level="ok", found=found)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False, _no_node()
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


def _no_node() -> Finding:
    return Finding(
        check="daemon",
        level="warn",
        found="No node runs in this profile.",
        meaning="Nothing is sent, received or carried.",
        fix="mesh up",
    )


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
