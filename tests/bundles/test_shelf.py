"""Only what is named like a file of Mesh is given away, and only as it was when it was seen."""

import os
from pathlib import Path

import pytest

from mesh.bundles.shelf import find_offers
from mesh.errors import UserError
from tests.bundles.making import small_release


def test_nothing_but_files_of_mesh_is_offered(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    _, wheel = small_release(folder)
    (folder / "mesh-9.1.0-linux-x86_64.tar.xz").write_bytes(b"a bundle")
    (folder / "diary.txt").write_text("private")
    (folder / "mesh-diary.tar.xz").write_text("private")
    (folder / "wheels" / "inner").mkdir(parents=True)
    (folder / "wheels" / "trio-0.35.0-py3-none-any.whl").write_bytes(b"a library")
    (folder / "wheels" / "diary.txt").write_text("private")
    (folder / "wheels" / "inner" / "a-1-py3-none-any.whl").write_bytes(b"too deep")
    secret = tmp_path / "secret"
    secret.write_text("private")
    (folder / "mesh-9.1.0-linux-arm64.tar.xz").symlink_to(secret)
    os.mkfifo(folder / "mesh_messenger-9.0.0.tar.gz")
    assert [each.name for each in find_offers(folder)] == [
        "mesh-9.1.0-linux-x86_64.tar.xz",
        wheel.name,
        "mesh_messenger-9.1.0.tar.gz",
        "mesh-9.1.0.manifest.json",
        "wheels/trio-0.35.0-py3-none-any.whl",
    ]


def test_a_folder_of_wheels_that_is_a_link_leads_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a-1-py3-none-any.whl").write_bytes(b"private")
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "wheels").symlink_to(elsewhere)
    with pytest.raises(UserError) as caught:
        find_offers(folder)
    assert caught.value.kind == "not-found"


@pytest.mark.parametrize("how", ["written", "replaced", "linked"])
def test_a_file_that_was_changed_is_not_opened(tmp_path: Path, how: str) -> None:
    _, wheel = small_release(tmp_path / "dist")
    (offer,) = (each for each in find_offers(wheel.parent) if each.path == wheel)
    if how == "written":
        wheel.write_bytes(b"something else")
    elif how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(wheel.read_bytes())
        other.replace(wheel)
    else:
        moved = wheel.rename(tmp_path / "moved")
        wheel.symlink_to(moved)
    with pytest.raises(UserError), offer.opened():
        pass
