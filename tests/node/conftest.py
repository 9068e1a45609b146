"""The common parts of the shell's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.node.folders import ProfileFolders, profile_folders
from tests.node.islands import Island


@pytest.fixture
def island() -> Iterator[Island]:
    """Return a bridge to which hosts can be added; its tests bear the mark `netns`."""
    made = Island()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def folders(tmp_path: Path) -> ProfileFolders:
    """Return the folders of a profile that is not made yet."""
    return profile_folders("anna", {"MESH_HOME": str(tmp_path / "home")})
