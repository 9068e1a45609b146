"""The detached daemon: `python -m mesh.daemon --profile NAME`, with a start order on its input."""

import os
import sys

import msgspec

from mesh.daemon.start_order import SUCCEEDS, StartOrder, StartReport
from mesh.errors import MeshError, UserError

_ORDER_BYTES_MAX = 16 * 1024


def main() -> int:
    """Run until told to stop; the exit code is 0 after a clean stop."""
    if sys.argv[-2:-1] == [SUCCEEDS]:
        return _succeed(int(sys.argv[-1]))
    # A variable would hold the passphrase for as long as the daemon runs.
    orders = []
    try:
        orders.append(msgspec.json.decode(sys.stdin.buffer.read(_ORDER_BYTES_MAX), type=StartOrder))
    except ValueError:
        sys.stderr.write("This program is started by `mesh up`.\n")
        return 2
    # Only now, so that a mistake is told at once.
    from mesh.daemon.running import run_daemon

    try:
        run_daemon(orders.pop(), console=None, on_ready=lambda: _report(StartReport()))
    except UserError as error:
        _report(StartReport(kind=error.kind, sentence=str(error)))
        return 1
    except MeshError as error:
        _report(StartReport(kind="failed", sentence=str(error)))
        return 1
    return 0


def _succeed(told: int) -> int:
    """Go on where this process was before it was locked; what fails is in the log."""
    from mesh.daemon.running import run_daemon
    from mesh.daemon.succession import received

    try:
        succession = received(told)
    except msgspec.DecodeError:
        return _begin_anew(profile=sys.argv[-3])
    try:
        run_daemon(
            StartOrder(profile=succession.profile),
            console=sys.stderr if succession.has_console else None,
            on_ready=lambda: None,
            inherited=succession,
        )
    except MeshError as error:
        if succession.has_console:
            sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _begin_anew(profile: str) -> int:
    """Go on without what was handed on, which another version of Mesh wrote: locked, and no more.

    An upgrade replaced the files of a running node. What is inherited is let go of, since nobody
    knows what it is: sockets and the lock of the profile are taken again.
    """
    from mesh.daemon.running import run_daemon

    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    try:
        run_daemon(StartOrder(profile=profile), console=None, on_ready=lambda: None)
    except MeshError:
        return 1
    return 0


def _report(report: StartReport) -> None:
    """Say the one line that whoever started us waits for, then let go of the terminal."""
    if os.isatty(1) or sys.stdout.closed:
        return
    try:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.flush()
    except OSError:
        # Whoever started us has gone; the log has it.
        pass
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
