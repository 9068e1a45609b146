"""Another release of Mesh, installed from its wheel beside this one, and its running process."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from mesh.errors import StorageError, UserError
from sim.hosts.fragile import PowerCut
from sim.releases.messages import Plain, receive, send

_SIM: Final = Path(__file__).parents[1]

_START: Final = """
import sys
wheel, ours = sys.argv[1:]
sys.path.insert(0, wheel)
import mesh, sim
sim.__path__.append(ours)
if not all(each.__file__.startswith(wheel) for each in (mesh, sim)):
    sys.exit("another Mesh than that of the wheel is found first")
from sim.releases.program import main
main()
"""
"""Where a wheel has no `sim.releases` of its own, it is ours that speaks with it."""


class EscapedError(Exception):
    """An error escaped an engine of the other release, or its process ended."""


class Release:
    """A wheel, unpacked, and one process that runs it; UserError if it cannot."""

    def __init__(self, wheel: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="meshsim-")
        installed = Path(self._folder.name, "installed")
        try:
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(installed)
        except (OSError, zipfile.BadZipFile) as error:
            self._folder.cleanup()
            raise UserError("bad-wheel", f"{wheel} cannot be unpacked: {error}.") from None
        # Our own interpreter and program; the wheel is what somebody chose to run.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", _START, str(installed), str(_SIM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self.copies_count = 0
        """How often one of its databases was copied."""
        try:
            self.version = str(self.ask("version"))
        except BaseException as error:
            self.close()
            if not isinstance(error, EscapedError):
                raise
            raise UserError(
                "bad-wheel", f"{wheel} holds no release whose engines the simulator can drive."
            ) from None

    def ask(self, name: str, *arguments: Plain) -> Plain:
        """Ask a machine's process for something; what its engine raises is raised here."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            send(self._process.stdin, [name, *arguments])
        except OSError:
            raise EscapedError("the process of the other release has ended") from None
        told = receive(self._process.stdout)
        if told is None:
            raise EscapedError("the process of the other release has ended")
        how, answer = told
        match how:
            case "done":
                return answer
            case "power-cut":
                raise PowerCut
            case "storage":
                raise StorageError(str(answer))
            case _:
                raise EscapedError(str(answer))

    def copy(self, index: int, which: str) -> Path:
        """Return a file that holds one of a machine's databases as it is now."""
        self.copies_count += 1
        path = Path(self._folder.name, f"{index}-{which}-{self.copies_count}.db")
        self.ask("copy", index, which, str(path))
        return path

    def close(self) -> None:
        """End the process and remove what was unpacked."""
        # First what it writes to: it may be in the midst of an answer that nobody reads any more.
        for stream in (self._process.stdout, self._process.stdin):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process.wait()
        self._folder.cleanup()


def started_release(
    nodes: Sequence[int], wheel: str | None, ends: ExitStack | None
) -> Release | None:
    """Start the release that these nodes run, if any do; it ends with what `ends` holds."""
    if bool(nodes) != bool(wheel):
        raise UserError(
            "two-releases",
            "Another release takes both: --older WHEEL, and nodes that run it "
            "(versions.released, as the scenario two-releases has it).",
        )
    if wheel is None:
        return None
    assert ends is not None, "a world with another release is opened by opened_world"
    release = Release(Path(wheel))
    ends.callback(release.close)
    return release
