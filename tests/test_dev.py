"""`dev.py` on a computer without internet: one sentence without wheels, a start with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def dev(place: Path, *arguments: str, is_offline: bool) -> "subprocess.CompletedProcess[str]":
    """Run `dev.py` with an environment of its own, in a namespace without a network if told."""
    alone = ["unshare", "--net"] if is_offline else []
    # As a newcomer has it: not the environment that runs this test.
    python = Path(sys.base_prefix) / "bin" / "python3"
    return subprocess.run(
        [*alone, str(python), str(ROOT / "dev.py"), *arguments],
        env={**os.environ, "MESH_DEV_VENV": str(place / "venv"), "MESH_DEV_WHEELS": ""},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.netns
@pytest.mark.slow
def test_a_folder_of_wheels_starts_mesh_where_no_index_answers(tmp_path: Path) -> None:
    there, here, empty = (tmp_path / name for name in ("there", "here", "empty"))
    for folder in (there, here, empty):
        folder.mkdir()
    filled = dev(there, "wheels", str(there / "wheels"), is_offline=False)
    if "no index of packages answers" in filled.stderr and "CI" not in os.environ:
        pytest.skip("no index of packages answers: nothing to carry")
    assert filled.returncode == 0, filled.stderr

    alone = dev(here, "mesh", "version", is_offline=True)
    assert alone.returncode == 1
    assert "python3 dev.py --wheels FOLDER" in alone.stderr
    assert "Traceback" not in alone.stderr
    assert "ERROR" not in alone.stderr

    wanting = dev(here, "--wheels", str(empty), "mesh", "version", is_offline=True)
    assert wanting.returncode == 1
    assert f"{empty} has no wheel of " in wanting.stderr
    assert "ERROR" not in wanting.stderr

    carried = dev(here, "--wheels", str(there / "wheels"), "mesh", "version", is_offline=True)
    assert carried.returncode == 0, carried.stderr
    assert carried.stdout.startswith("mesh ")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = dev(tmp_path, "--wheels", str(tmp_path / "nowhere"), "mesh", is_offline=False)
    assert told.returncode == 2
    assert "--wheels FOLDER" in told.stderr
    assert not (tmp_path / "venv").exists()
