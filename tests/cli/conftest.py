"""A small node at the socket of a profile, and `mesh` as a function."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from mesh.cli.main import run
from mesh.node.folders import profile_folders
from tests.api.small_node import Running, running


@dataclass(frozen=True)
class Ran:
    """The output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """Standard output, which is one JSON object."""
        told: dict[str, object] = json.loads(self.out)
        return told

    @property
    def problem(self) -> str:
        """The kind of the problem on standard error."""
        told: dict[str, object] = json.loads(self.err)
        return str(told["type"]).removeprefix("urn:mesh:problem:")


class Mesh(Protocol):
    """`mesh` as a function."""

    def __call__(self, *arguments: str) -> Ran: ...


@pytest.fixture
def mesh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Mesh:
    """Return `mesh` for a home of its own; it runs in this process."""
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    for name in ("MESH_PROFILE", "MESH_PASSPHRASE_FILE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run(arguments)
        return Ran(code, *capfd.readouterr())

    return call


@pytest.fixture
def node(mesh: Mesh) -> Iterator[Running]:
    """Run a small node where `mesh` looks for one."""
    with running(profile_folders()) as served:
        yield served


def befriend(mesh: Mesh, label: str = "Ben") -> None:
    """Make somebody a contact."""
    assert mesh("add", f"mesh:{label}", "--label", label).code == 0
