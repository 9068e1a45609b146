"""The doctor and disks on which a node runs out of room."""

import json
from pathlib import Path

import pytest

from tests.mounts import run_on_disk

SMALL_NODE = """
import json, os, subprocess, sys
disk, step = sys.argv[1:]
os.environ |= {"MESH_HOME": disk, "MESH_LISTEN_PORT": "0", "MESH_DISCOVERY": "false"}
mesh = [sys.executable, "-m", "mesh.cli.main"]
if step == "first":
    from mesh.node.folders import profile_folders
    from mesh.node.key_files import PassphraseCost
    from mesh.node.profile import Profile
    with Profile.held(profile_folders(), cost=PassphraseCost(memory_bytes=8192, passes=1)) as one:
        one.create("horse")
    with open(disk + "/passphrase", "w") as file:
        file.write("horse")
    os.chmod(disk + "/passphrase", 0o600)
os.environ["MESH_PASSPHRASE_FILE"] = disk + "/passphrase"
subprocess.run([*mesh, "up", "--headless", "--name", "Ada"], check=True, capture_output=True)
try:
    asked = subprocess.run([*mesh, "doctor", "--json"], capture_output=True, text=True)
finally:
    subprocess.run([*mesh, "down"], check=True, capture_output=True)
(disk_found,) = [one for one in json.loads(asked.stdout)["findings"] if one["check"] == "disk"]
print(json.dumps([asked.returncode, disk_found]))
"""


@pytest.mark.parametrize(
    "size, level, word", [("120m", "fail", "too little"), ("400m", "warn", "instead of 1024 MiB")]
)
def test_a_disk_with_too_little_room_for_a_running_node_is_told(
    tmp_path: Path, size: str, level: str, word: str
) -> None:
    told = run_on_disk(tmp_path, f"size={size},mode=0700", SMALL_NODE)
    for line in told.splitlines():
        code, finding = json.loads(line)
        assert finding["level"] == level
        assert word in finding["meaning"]
        assert finding["fix"]
        assert (code == 7) == (level == "fail")


def test_a_disk_that_fills_up_beside_a_full_store_is_told(tmp_path: Path) -> None:
    fill = 'dd if=/dev/zero of="$DISK/film" bs=1M count=360 status=none'
    first, second = run_on_disk(tmp_path, "size=400m,mode=0700", SMALL_NODE, then=fill).splitlines()
    assert json.loads(first)[1]["level"] == "warn"
    code, finding = json.loads(second)
    assert (code, finding["level"]) == (7, "fail")
    assert "MiB are free on the disk of" in finding["found"]
