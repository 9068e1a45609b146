"""Real daemons in namespaces, started, asked and killed through the command line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from mesh.api.doors import door_of
from mesh.api.stream import Hello
from mesh.client import Client
from mesh.commands.answer import Answer
from mesh.commands.contacts import ContactAnswer
from mesh.commands.messages import AskMessages, MessageAnswer, MessagesAnswer
from mesh.commands.peers import AskPeers, PeersAnswer
from mesh.commands.status import AskStatus, StatusAnswer
from mesh.daemon.start_order import StartOrder, StartReport
from mesh.errors import UserError
from mesh.node.folders import profile_folders
from tests.cli.screens import ScreenTerminal, before_terminal
from tests.integration import prepared
from tests.node.profiles import made_quickly

AnswerT = TypeVar("AnswerT", bound=Answer)
ValueT = TypeVar("ValueT")

ROOT = Path(__file__).resolve().parents[2]
AS_INSTALLED = ROOT / "tests" / "as_installed"
"""Modules that keep from a node what only tools bring."""

PASSPHRASE = "a passphrase of the tests"

UP_WITHIN_S = 120.0
_POLL_S = 0.05
_POLL_MAX_S = 0.5

_MESH = "mesh.cli.main"

_UNPREPARED = ("up", "doctor", "service")
"""Commands that start daemons, or look at the system that they run on."""

_READ_AT_START = ("LD_PRELOAD", "PYTHONPATH")
"""Variables that a program heeds only when it starts."""


def eventually(
    read: Callable[[], ValueT], holds: Callable[[ValueT], bool], *, within_s: float, what: str
) -> ValueT:
    """Read a real state again and again until it holds; fail in words if it never does."""
    ends = time.monotonic() + within_s
    while True:
        began = time.monotonic()
        value = read()
        if holds(value):
            return value
        now = time.monotonic()
        assert now < ends, f"{what}: not within {within_s} s; last seen: {value!r}"
        # A look that is a command is not to take the core from those that it waits for.
        time.sleep(min(max(_POLL_S, 2 * (now - began)), _POLL_MAX_S))


class Node:
    """One laptop's daemon and command line, with a home of its own."""

    def __init__(self, namespace: str, home: Path, *, config: str, name: str) -> None:
        self.namespace = namespace
        self.home = home
        self.name = name
        self.folders = profile_folders(environment={"MESH_HOME": str(home)})
        self.folders.config.mkdir(parents=True, mode=0o700)
        self.folders.config_file.write_text(config)
        passphrase = home / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        self.more_environment: dict[str, str] = {}
        """Variables of the daemon and of commands that come from now on."""
        self.daemon_module = _MESH
        """The program that is started: Mesh, or one of a node that breaks its rules."""
        self._errors = home / "printed.txt"
        self._process: subprocess.Popen[bytes] | prepared.Begun | None = None

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def client(self) -> Client:
        """The local API, for polling without a process for each question."""
        return Client(door_of(self.folders))

    def start(self, *options: str) -> None:
        """Start the daemon in the foreground of a process of ours; `wait_until_up` comes next.

        With `--relay` it is nobody's, and has no passphrase.
        """
        person = () if "--relay" in options else ("--name", self.name)
        if person and not self.folders.vault_key_file.exists():
            made_quickly(self.folders, PASSPHRASE)
        _begin_daemon(self, "--headless", *person, *options)

    def wait_until_up(self, *, within_s: float = UP_WITHIN_S) -> None:
        """Wait until the daemon answers and its vault is open, or it has none."""

        def vault() -> str:
            assert self._process is not None
            assert self._process.poll() is None, f"the daemon ended:\n{self.printed()}"
            try:
                return self.client.ask(AskStatus(), StatusAnswer).vault
            except UserError as error:
                return error.kind

        up = ("open", "none")
        eventually(vault, lambda state: state in up, within_s=within_s, what="the daemon")

    def start_second_daemon(self) -> StartReport:
        """Try to start a daemon beside the one that runs, past the command line's own check."""
        order = StartOrder(profile=self.folders.name, passphrase=PASSPHRASE)
        done = subprocess.run(
            self._program("mesh.daemon"),
            env=self._environment(),
            input=msgspec.json.encode(order),
            capture_output=True,
            timeout=UP_WITHIN_S,
            check=False,
        )
        return msgspec.json.decode(done.stdout, type=StartReport)

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def sleep(self) -> None:
        """Let nothing of the daemon run, as in a laptop that is shut."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask the daemon to stop, and hold it to a clean end."""
        assert self._process is not None
        self.run("down")
        assert self._process.wait(timeout=60) == 0, self.printed()

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def attempt(
        self, *arguments: str, stdin: str = "", timeout_s: float = UP_WITHIN_S
    ) -> subprocess.CompletedProcess[str]:
        """Run one command and return how it ended."""
        if arguments[0] not in _UNPREPARED and _can_be_prepared(self):
            return prepared.attempt(
                self.namespace,
                arguments,
                environment=self._environment(),
                folder=self.home,
                stdin=stdin,
                timeout_s=timeout_s,
            )
        return subprocess.run(
            self._command(*arguments),
            env=self._environment(),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run one command that must succeed and return what it printed."""
        done = self.attempt(*arguments, stdin=stdin)
        assert done.returncode == 0, f"mesh {arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def answer(self, reply: type[AnswerT], *arguments: str, stdin: str = "") -> AnswerT:
        """Run one command with `--json` and return its answer."""
        return msgspec.json.decode(self.run(*arguments, "--json", stdin=stdin), type=reply)

    @contextlib.contextmanager
    def tail(self, *arguments: str, is_json: bool = True) -> Iterator[subprocess.Popen[str]]:
        """Run `mesh tail` beside everything else."""
        process = subprocess.Popen(
            self._command("tail", *["--json"] * is_json, *arguments),
            env=self._environment(),
            cwd=self.home,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def status(self) -> StatusAnswer:
        """The node in one look."""
        return self.client.ask(AskStatus(), StatusAnswer)

    def messages(self, contact: str = "") -> list[MessageAnswer]:
        """All messages here, page by page, of one contact or of all."""
        found: list[MessageAnswer] = []
        while True:
            after = found[-1].number if found else 0
            asked = AskMessages(contact=contact, after=after, limit=1_000)
            page = self.client.ask(asked, MessagesAnswer)
            found += page.messages
            if not page.has_newer:
                return found

    def received_texts(self) -> list[str]:
        """Return what others wrote, in the order of arrival."""
        return [message.text for message in self.messages() if not message.is_mine]

    def links_count(self) -> int:
        """Neighbours with an open link, as `mesh peers` counts them."""
        peers = self.client.ask(AskPeers(), PeersAnswer).peers
        return sum(peer.state == "linked" for peer in peers)

    def printed(self) -> str:
        """Everything that the daemon wrote to its terminal."""
        return self._errors.read_text() if self._errors.exists() else ""

    def logs(self) -> str:
        """Return what the daemon wrote to its terminal and to its log files."""
        files = [path for path in sorted(self.home.rglob("*.log*")) if path.is_file()]
        return self.printed() + "".join(path.read_text(errors="replace") for path in files)

    def listening_port(self) -> int:
        """The port on which this node, alone in its namespace, takes links."""
        return min(_listening_ports(self.pid))

    def _command(self, *arguments: str) -> list[str]:
        return self._program(_MESH, *arguments)

    def _program(self, module: str, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", module, *arguments]
        return ["ip", "netns", "exec", self.namespace, *program]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "MESH_HOME": str(self.home),
            "MESH_PASSPHRASE_FILE": str(self.home / "passphrase"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(AS_INSTALLED)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.more_environment,
        }


def epoch_of(node: Node) -> str:
    """Return the name of the program that runs; empty while one ends and the next begins."""
    try:
        hello = next(node.client.events(), None)
    except UserError:
        return ""
    return hello.epoch if isinstance(hello, Hello) else ""


def wait_for_next_program(node: Node, former: str) -> None:
    """Wait until a node that was locked goes on in another program."""
    eventually(
        lambda: epoch_of(node),
        lambda now: now not in ("", former),
        within_s=UP_WITHIN_S,
        what="the next program",
    )


def is_running(node: Node) -> bool:
    """Say whether the daemon was started and has not ended."""
    return node._process is not None and node._process.poll() is None


def hear(tail: "subprocess.Popen[str]", *words: str) -> None:
    """Read what a tail prints until it has told each of these."""
    left = set(words)
    assert tail.stdout is not None
    while left:
        line = tail.stdout.readline()
        assert line, f"the tail ended and had not told {left}"
        left -= {word for word in left if word in line}


def begin(node: Node, *arguments: str) -> "subprocess.Popen[bytes]":
    """Run one command of a node beside everything else."""
    return subprocess.Popen(
        node._command(*arguments),
        env=node._environment(),
        cwd=node.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def at_terminal(node: Node, *arguments: str) -> contextlib.AbstractContextManager[ScreenTerminal]:
    """Run one command of a node at a terminal with a screen."""
    return before_terminal(node._command(*arguments), node._environment(), node.home)


def _begin_daemon(node: Node, *options: str) -> None:
    words = ("up", "--foreground", *options)
    with node._errors.open("ab") as errors, open(os.devnull, "rb") as nothing:
        if node.daemon_module == _MESH and _can_be_prepared(node):
            node._process = prepared.begin(
                node.namespace,
                words,
                environment=node._environment(),
                folder=node.home,
                streams=(nothing, errors, errors),
            )
            return
        # A program that breaks rules, or a clock that is moved, is not to be had in a fork.
        node._process = subprocess.Popen(
            node._program(node.daemon_module, *words),
            env=node._environment(),
            cwd=node.home,
            stdin=nothing,
            stdout=errors,
            stderr=errors,
        )


def _can_be_prepared(node: Node) -> bool:
    """Say whether a fork is the same as a program of its own."""
    return not any(name in node.more_environment for name in _READ_AT_START)


def start_for_newcomer(node: Node) -> None:
    """Start a node as somebody does who has no profile yet: their page asks for all."""
    node.more_environment |= {"BROWSER": "/bin/true", "MESH_PASSPHRASE_FILE": ""}
    _begin_daemon(node, "--open")
    eventually(
        lambda: node.attempt("open", "--no-browser").returncode,
        lambda code: code == 0,
        within_s=UP_WITHIN_S,
        what="the page",
    )


def start_all(*nodes: Node) -> None:
    """Start daemons at the same time and wait for all."""
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_until_up()


def start_relays(*nodes: Node) -> None:
    """The same for nodes without a person."""
    for node in nodes:
        node.start("--relay")
    for node in nodes:
        node.wait_until_up()


def befriend(inviter: Node, guest: Node, *, inviter_label: str) -> ContactAnswer:
    """The guest adds the inviter by an invite link; return the guest's new contact."""
    invite = json.loads(inviter.run("invite", "--json"))
    return guest.answer(ContactAnswer, "add", invite["link"], "--label", inviter_label)


def _listening_ports(pid: int) -> list[int]:
    """The TCP ports in state LISTEN of a process's namespace that others can reach."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    lines += Path(f"/proc/{pid}/net/tcp6").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    places = [field[1].rpartition(":") for field in fields if field[3] == "0A"]
    # The door for browsers stands on loopback, as the kernel writes 127.0.0.1 and ::1.
    on_loopback = ("0100007F", "0" * 24 + "01000000")
    return [int(port, 16) for host, _, port in places if host not in on_loopback]
