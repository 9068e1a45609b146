"""Daemons in processes of their own, as `mesh up` starts them."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from mesh.api.doors import door_of
from mesh.client import Client
from mesh.daemon.detached import start_detached
from mesh.daemon.start_order import StartOrder
from mesh.node.folders import ProfileFolders, profile_folders
from tests.node.profiles import made_quickly

AS_INSTALLED = Path(__file__).resolve().parents[1] / "as_installed"
"""Modules that keep from a node what only tools bring."""


@dataclass
class Household:
    """Profiles under one home. What was started is ended by `close`, whatever the test did."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.set({"MESH_HOME": str(self.home), "MESH_LISTEN_PORT": "0", "MESH_STAMP_BITS": "0"})
        # Other nodes of this machine are no part of a test.
        self.set({"MESH_MESH_NAME": f"test-{os.getpid()}-{id(self)}", "MESH_DISCOVERY": "false"})

    def set(self, settings: Mapping[str, str]) -> None:
        """Set variables that the next daemon inherits."""
        for name, value in settings.items():
            self.monkeypatch.setenv(name, value)

    def folders(self, profile: str) -> ProfileFolders:
        """Return where a profile keeps its files."""
        return profile_folders(profile, {"MESH_HOME": str(self.home)})

    def make(self, profile: str, passphrase: str) -> None:
        """Make the keys of a profile whose starts cost no second of CPU each; it has no identity.

        A first start makes them at the usual cost, and is tried in `test_running.py`.
        """
        made_quickly(self.folders(profile), passphrase)

    def start(
        self, profile: str, *, name: str | None = None, passphrase: str | None = ""
    ) -> "subprocess.Popen[bytes]":
        """Start a daemon; raises what it failed with."""
        order = StartOrder(profile=profile, name=name, passphrase=passphrase)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PYTHONPATH", str(AS_INSTALLED), prepend=os.pathsep)
            process = start_detached(order)
        self.processes.append(process)
        return process

    def client(self, profile: str) -> Client:
        """Return a client of a profile's daemon."""
        return Client(door_of(self.folders(profile)))

    def log(self, profile: str) -> str:
        """Return what a daemon has logged."""
        return (self.folders(profile).state / "logs" / "mesh.log").read_text()

    def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()


def port_of(process: "subprocess.Popen[bytes]") -> int:
    """The TCP port on which a daemon waits for others, of which its own page knows nothing."""
    [port] = {
        each.laddr.port
        for each in psutil.Process(process.pid).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and not each.laddr.ip.endswith(".1")
        if each.laddr.ip != "::1"
    }
    return int(port)


def stop(process: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    return process.wait(timeout=30)
