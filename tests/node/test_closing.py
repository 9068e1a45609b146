"""A vault that is closed: from then on SQLCipher overwrites all memory that it frees.

It does so in the whole process, and nothing takes it back: so these tests have one of their own.
"""

import subprocess
import sys
from pathlib import Path

from mesh.node.folders import profile_folders
from tests.node.profiles import made_quickly

CLOSED = """
import sys
from mesh.node.folders import profile_folders
from mesh.node.profile import Profile, close_vault
with Profile.held(profile_folders("anna", {"MESH_HOME": sys.argv[1]})) as profile:
    for _ in range(2):
        vault = profile.open_vault("horse")
        print(vault.execute("PRAGMA cipher_memory_security").fetchall()[0][0])
        close_vault(vault)
"""


def test_once_a_vault_was_closed_freed_memory_is_overwritten(tmp_path: Path) -> None:
    made_quickly(profile_folders("anna", {"MESH_HOME": str(tmp_path)}))
    program = [sys.executable, "-c", CLOSED, str(tmp_path)]
    said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["0", "1"]
