"""Starts a daemon that outlives its starter, and waits until it says that it runs, or why not."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

import mesh
from mesh.daemon.start_order import StartOrder, StartReport
from mesh.errors import MeshError, UserError
from mesh.limits.daemon import DAEMON_START_TIMEOUT_MS
from mesh.program import command_of, is_bundle

_WINDOWS_DETACHED = 0x00000008 | 0x00000200
"""DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP, which the module has on Windows only."""


def start_detached(order: StartOrder) -> "subprocess.Popen[bytes]":
    """Start a daemon in a session of its own; returns when its API answers.

    Raises what the daemon failed with, or UserError `timeout`.
    """
    process = _spawn(order.profile)
    assert process.stdin is not None
    assert process.stdout is not None
    said: list[bytes] = []
    stdout = process.stdout
    # A daemon that runs closes its output: so there is an end to read up to.
    reader = threading.Thread(target=lambda: said.append(stdout.read()), daemon=True)
    reader.start()
    try:
        process.stdin.write(msgspec.json.encode(order))
        process.stdin.close()
    except BrokenPipeError:
        # It ended before it was told anything; its last words say why.
        pass
    reader.join(DAEMON_START_TIMEOUT_MS / 1_000)
    if not said:
        process.kill()
        process.wait()
        raise UserError("timeout", "The node took too long to start; `mesh doctor` may say why.")
    stdout.close()
    try:
        _report_in(said[0]).raise_failure()
    except MeshError:
        # It has said its last word, and nobody else waits for its end.
        process.wait()
        raise
    return process


def command_line(profile: str) -> list[str]:
    """Return the command of a daemon; it reads a start order from its standard input."""
    return [*command_of("mesh.daemon.__main__"), "--profile", profile]


def environment_of_daemon() -> dict[str, str]:
    """Return the variables with which a daemon takes this Mesh with it, wherever it is started."""
    if is_bundle():
        return {**os.environ}
    source = str(Path(mesh.__file__).absolute().parent.parent)
    paths = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each != source]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([source, *filter(None, paths)])}


def _spawn(profile: str) -> "subprocess.Popen[bytes]":
    is_windows = sys.platform == "win32"
    # Our own interpreter and module, no words of anybody else: nothing to inject.
    return subprocess.Popen(  # noqa: S603
        command_line(profile),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(sys.executable).anchor,
        env=environment_of_daemon(),
        start_new_session=not is_windows,
        creationflags=_WINDOWS_DETACHED if is_windows else 0,
    )


def _report_in(said: bytes) -> StartReport:
    """The report is the last line; what stands before it are words of the interpreter."""
    lines = said.splitlines()
    try:
        return msgspec.json.decode(lines[-1] if lines else b"", type=StartReport)
    except ValueError:
        reason = lines[-1].decode(errors="replace")[:200] if lines else "it ended at once"
        raise MeshError(f"The node did not start: {reason}") from None
