"""A file that is written whole, on a disk that is full."""

from pathlib import Path

from tests.mounts import run_on_disk

ON_A_FULL_DISK = """
import os, sys
from pathlib import Path
from mesh.errors import StorageError
from mesh.node.whole_file import WholeFile

disk, turn = Path(sys.argv[1]), sys.argv[2]
path = disk / "anna.backup"
def write(count):
    with WholeFile(path, disk / "anna.backup.part") as file:
        for _ in range(count):
            file.write(bytes(65_536))
        file.check()
        file.keep()
if turn == "first":
    write(2)
else:
    try:
        write(64)
    except StorageError as error:
        print(error)
    print(sorted(os.listdir(disk)), path.stat().st_size)
"""


def test_a_full_disk_leaves_the_former_file(tmp_path: Path) -> None:
    said = run_on_disk(tmp_path, "size=1m", ON_A_FULL_DISK)
    assert "The disk is full" in said
    assert said.splitlines()[-1] == "['anna.backup'] 131072"
