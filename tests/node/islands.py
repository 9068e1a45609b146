"""Islands: hosts in network namespaces of their own, joined by a bridge in another one."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def ip(*words: str) -> None:
    """Run the `ip` program."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Island:
    """A bridge and the hosts that were added; nothing of the machine itself is touched."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(3)
        self._bridge = f"mb-{self._token}"
        self._spaces: list[str] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._make_space(self._bridge)
        ip("-n", self._bridge, "link", "add", "br0", "type", "bridge")
        ip("-n", self._bridge, "link", "set", "br0", "up")

    def add_host(self, number: int, *, is_linked: bool = True, has_ipv4: bool = True) -> str:
        """Make a host; `is_linked` says whether its cable is plugged in."""
        space = f"mh-{self._token}-{number}"
        self._make_space(space)
        if is_linked:
            self.plug_in(space, number, has_ipv4=has_ipv4)
        return space

    def plug_in(self, space: str, number: int, *, has_ipv4: bool = True, cable: str = "e") -> None:
        """Give a host a cable and an address."""
        near, far = f"{cable}{number}", f"{cable}p{number}"
        ip("-n", space, "link", "add", near, "type", "veth", "peer", far, "netns", self._bridge)
        ip("-n", self._bridge, "link", "set", far, "master", "br0", "up")
        # An address that is being checked for duplicates cannot be used yet.
        path = f"/proc/sys/net/ipv6/conf/{near}/accept_dad"
        ip("netns", "exec", space, "sh", "-c", f"echo 0 > {path}")
        if has_ipv4:
            ip("-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", near)
        ip("-n", space, "link", "set", near, "up")

    def add_tunnel(self, space: str, name: str, host: str) -> None:
        """Give a host an interface that takes all its traffic, as a VPN does."""
        ip("-n", space, "link", "add", name, "type", "veth", "peer", f"{name}-far")
        ip("-n", space, "addr", "add", f"{host}/32", "dev", name)
        ip("-n", space, "link", "set", name, "up")
        ip("-n", space, "route", "add", "default", "dev", name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program on a host: it finds this tree."""
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def start(self, space: str, *words: str) -> subprocess.Popen[str]:
        """Run a Python program on a host until it ends, or until the island is closed."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", space, sys.executable, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=self.environment,
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End what was started here and remove what was made here."""
        for process in self._processes:
            process.kill()
            process.communicate()
        for space in self._spaces:
            ip("netns", "del", space)

    def _make_space(self, space: str) -> None:
        ip("netns", "add", space)
        self._spaces.append(space)
        ip("-n", space, "link", "set", "lo", "up")
