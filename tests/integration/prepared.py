"""Runs commands of `mesh` in forks of a process that has imported it.

Each command is a process in the namespace, with the variables, the folder and the streams that it
is given. It is spared the imports, which take ten times as long as what most commands do, and more
than half of a daemon's start.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final, NoReturn

from mesh.cli.main import COMMANDS, main
from tests.integration.networks import enter

_REQUEST_BYTES_MAX: Final = 1 << 20

_BEGINS_WITHIN_S: Final = 120.0
"""A command is two forks away, on a machine that has much else to do."""

_OF_DAEMONS: Final = (
    "mesh.daemon.running",
    "mesh.node.discovery.beacon",
    "mesh.node.discovery.responder",
)
"""What `mesh up` imports when it becomes the daemon."""


class Begun:
    """A command that runs beside everything else; it has of `Popen` what looks after a daemon."""

    def __init__(self, connection: socket.socket, arguments: Sequence[str]) -> None:
        self._connection = connection
        self._arguments = arguments
        connection.settimeout(_BEGINS_WITHIN_S)
        number = connection.recv(64)
        if not number:
            raise ChildProcessError("whoever was to begin it ended")
        self.pid = int(number)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, if it has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, as soon as it has; raises what `Popen.wait` does."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired([*self._arguments], timeout or 0)
            told = self._connection.recv(64)
            self._connection.close()
            self.returncode = int(told) if told else self._end_unattended()
        return self.returncode

    def _end_unattended(self) -> int:
        """End a command whose end nobody would tell: who looked after it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return -signal.SIGKILL

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            # It may end meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def attempt(
    namespace: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: str,
    timeout_s: float,
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; raises as `subprocess.run` does if that does not come in time."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin.encode())
        given.seek(0)
        command = begin(
            namespace, arguments, environment=environment, folder=folder, streams=(given, out, err)
        )
        try:
            code = command.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            raise
        told = []
        for file in (out, err):
            file.seek(0)
            told.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess([*arguments], code, *told)


def begin(
    namespace: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    streams: Sequence[IO[bytes]],
) -> Begun:
    """Begin a command, and do not wait for it."""
    request = json.dumps([namespace, [*arguments], dict(environment), str(folder)]).encode()
    assert len(request) <= _REQUEST_BYTES_MAX
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(_address(environment["PYTHONPATH"]))
        socket.send_fds(connection, [request], [one.fileno() for one in streams])
        return Begun(connection, arguments)
    except BaseException:
        connection.close()
        raise


@cache
def _address(path: str) -> bytes:
    """Start the process that imports from here, once, and return where it listens.

    It ends with this one.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    address = bytes.fromhex(process.stdout.readline().decode())

    def end() -> None:
        process.kill()
        process.communicate()

    atexit.register(end)
    return address


def _serve() -> NoReturn:
    for module in (*(module for module, _, _ in COMMANDS.values()), *_OF_DAEMONS):
        importlib.import_module(module)
    # What is here stays, in this process and in all that come of it.
    gc.collect()
    gc.freeze()
    # Those who look after commands need nobody to wait for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        # The kernel finds a name that no file has.
        listener.bind("")
        listener.listen(64)
        sys.stdout.write(listener.getsockname().hex() + "\n")
        sys.stdout.flush()
        # Its input ends with the process that started it.
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _look_after(connection)
    sys.exit()


def _look_after(connection: socket.socket) -> NoReturn:
    """Run the command that is asked for, and tell its number and how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams, _, _ = socket.recv_fds(connection, _REQUEST_BYTES_MAX, 3)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(request, streams)
    connection.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: bytes, streams: Sequence[int]) -> NoReturn:
    code: object = 1
    try:
        namespace, arguments, environment, folder = json.loads(request)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        enter(namespace)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = arguments
        try:
            main()
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
