"""`mesh join`: what a move means is said, and a start that says another mesh is refused."""

import subprocess
from pathlib import Path

import pytest

from mesh.node.config_file import load_config, set_in_config
from mesh.node.folders import profile_folders
from mesh.node.key_files import PassphraseCost
from mesh.node.membership import find_mesh, keep_mesh
from mesh.node.profile import Profile
from mesh.wire.parameters import MeshParameters
from tests.api.small_node import running
from tests.cli.conftest import Mesh
from tests.cli.typist import MESH

CHEAP = PassphraseCost(memory_bytes=8 * 1024, passes=1)
SECRET = bytes(range(32))
CLUB = MeshParameters(name="club", psk=SECRET)


@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the secret of a closed mesh."""
    path = tmp_path_factory.mktemp("files") / "secret"
    path.touch(mode=0o600)
    path.write_text(SECRET.hex())
    return path


def create(mesh: MeshParameters | None) -> None:
    """A profile that nobody runs."""
    with Profile.held(profile_folders(), cost=CHEAP) as profile:
        profile.create("")
    if mesh is not None:
        keep_mesh(profile_folders(), mesh)


def test_a_move_says_what_it_means_and_happens_only_after_a_yes(mesh: Mesh, secret: Path) -> None:
    create(MeshParameters())
    unanswered = mesh("join", "--secret-file", str(secret), "--name", "club")
    assert unanswered.code == 1
    for words in ("leaves the open mesh", "invites made before", "closed mesh club", "dropped"):
        assert words in unanswered.err
    assert find_mesh(profile_folders()) == MeshParameters()
    moved = mesh("--yes", "join", "--secret-file", str(secret), "--name", "club")
    assert moved.code == 0
    assert find_mesh(profile_folders()) == CLUB
    again = mesh("join", "--secret-file", str(secret), "--name", "club", "--json")
    told = {"profile": "default", "mesh": "club", "is_closed": True, "was_changed": False}
    assert again.json == told
    opened = mesh("join", "--open", "--yes")
    assert "Everybody's node may link" in opened.err
    assert find_mesh(profile_folders()) == MeshParameters()


def test_a_move_takes_the_former_settings_out_of_the_file(mesh: Mesh, secret: Path) -> None:
    create(CLUB)
    file = profile_folders().config_file
    set_in_config(file, "mesh_name", "club")
    set_in_config(file, "mesh_secret_file", str(secret))
    set_in_config(file, "listen_port", "0")
    assert mesh("join", "--open", "--yes").code == 0
    config = load_config(file, {})
    assert (config.mesh_name, config.mesh_secret_file, config.listen_port) == (None, "", 0)


@pytest.mark.parametrize(
    "content", [None, b"", b"this is no mesh"], ids=["lost", "empty", "damaged"]
)
def test_who_lost_the_file_says_the_mesh_again(
    mesh: Mesh, secret: Path, content: bytes | None
) -> None:
    create(None)
    if content is not None:
        profile_folders().mesh_file.write_bytes(content)
    assert mesh("join", "--secret-file", str(secret), "--name", "club", "--yes").code == 0
    assert find_mesh(profile_folders()) == CLUB


def test_what_cannot_be_moved_is_refused_with_the_next_step(mesh: Mesh, secret: Path) -> None:
    nobody = mesh("--json", "join", "--open")
    assert (nobody.code, nobody.problem) == (5, "not-found")
    create(CLUB)
    for arguments in ((), ("--open", "--secret-file", str(secret))):
        assert mesh("join", *arguments).code == 2
    rules = mesh("join", "--open", "--stamp-bits", "0", "--yes")
    assert (rules.code, "new profile" in rules.err) == (1, True)
    bits = mesh("--json", "join", "--open", "--stamp-bits", "many")
    assert (bits.code, bits.problem) == (1, "bad-config")
    with running(profile_folders()):
        busy = mesh("--json", "join", "--open", "--yes")
        assert (busy.code, busy.problem) == (1, "already-running")
    assert find_mesh(profile_folders()) == CLUB


def test_a_node_that_runs_is_not_taken_for_one_of_another_mesh(mesh: Mesh, secret: Path) -> None:
    create(CLUB)
    other = secret.with_name("other")
    other.write_text("another passphrase")
    with running(profile_folders()):
        for arguments in (("--mesh-name", "harbour"), ("--mesh-secret-file", str(other))):
            done = subprocess.run(
                [*MESH, "up", *arguments], capture_output=True, text=True, check=False
            )
            assert (done.returncode, "mesh join" in done.stderr) == (1, True)
        same = ("--mesh-name", "club", "--mesh-secret-file", str(secret))
        done = subprocess.run([*MESH, "up", *same], capture_output=True, text=True, check=False)
        assert (done.returncode, "running already" in done.stderr) == (0, True)


def test_status_says_the_mesh_also_where_nothing_runs(mesh: Mesh) -> None:
    create(CLUB)
    assert "belongs to the closed mesh club" in mesh("status").out
    told = mesh("status", "--json").json
    assert (told["mesh"], told["is_closed"]) == ("club", True)
