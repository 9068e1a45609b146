"""Mesh on a stick: whole files only, and what came is judged before anybody starts it."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from mesh.bundles.manifest import ReleaseKeys
from mesh.bundles.shelf import find_offers
from mesh.bundles.stick import program_on_stick, write_program
from mesh.bundles.verifying import Judged, judge
from mesh.errors import UserError
from mesh.limits.bundles import BUNDLE_FILE_BYTES_MAX, MANIFESTS_MAX, STICK_BYTES_MAX
from tests.bundles.making import KEYS, release_of, small_release, write_manifest


def test_what_was_put_on_a_stick_is_verified_there(tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path / "dist")
    (tmp_path / "dist" / "wheels").mkdir()
    (tmp_path / "dist" / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"a library")
    stick = tmp_path / "stick" / "mesh-program"
    write_program(find_offers(tmp_path / "dist"), stick)
    readme = (stick / "README.txt").read_text()
    assert len(readme.splitlines()) == 3
    assert (stick / "wheels" / "a-1-py3-none-any.whl").read_bytes() == b"a library"
    judged = program_on_stick(stick, KEYS)
    assert [each.verdict for each in judged] == ["verified", "verified"]
    (stick / wheel.name).write_bytes(b"something else")
    assert [each.verdict for each in program_on_stick(stick, KEYS)] == ["changed", "verified"]
    write_program(find_offers(tmp_path / "dist"), stick)
    assert [each.verdict for each in program_on_stick(stick, KEYS)] == ["verified", "verified"]


def test_a_stick_full_of_traps_says_nothing(tmp_path: Path) -> None:
    stick = tmp_path / "mesh-program"
    stick.mkdir()
    (stick / "mesh_messenger-9.1.0.tar.gz").symlink_to("/etc/passwd")
    (stick / "mesh_messenger-9.1.0-py3-none-any.whl").mkdir()
    assert program_on_stick(stick, KEYS) == []
    (stick / "mesh_messenger-9.2.0.tar.gz").write_bytes(b"unsigned")
    for number in range(2 * MANIFESTS_MAX):
        (stick / f"mesh-9.{number}.manifest.json").write_bytes(b"[" * 50_000)
    (judged,) = program_on_stick(stick, KEYS)
    assert judged.verdict == "bad-manifest"


def test_the_manifest_of_a_file_is_looked_at_however_many_there_are(tmp_path: Path) -> None:
    stick = tmp_path / "mesh-program"
    _, wheel = small_release(stick, "9.9.0")
    for number in range(2 * MANIFESTS_MAX):
        write_manifest(stick, release_of(version=f"1.{number}"))
    assert judge(wheel, KEYS).verdict == "verified"
    assert [each.verdict for each in program_on_stick(stick, KEYS)] == ["verified", "verified"]
    # Who names one is told of no other.
    other, _ = small_release(tmp_path / "other", "1.0.0", seed=8)
    assert judge(wheel, KEYS, [other]).verdict == "no-manifest"


def test_of_a_stick_with_too_much_the_smaller_files_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_release(tmp_path / "dist")
    stick = tmp_path / "mesh-program"
    write_program(find_offers(tmp_path / "dist"), stick)
    for number in range(3):
        with (stick / f"mesh_messenger-8.{number}.0.tar.gz").open("wb") as file:
            file.truncate(BUNDLE_FILE_BYTES_MAX)
    hashed: list[Path] = []

    def judged(path: Path, keys: ReleaseKeys, manifests: Sequence[Path]) -> Judged:
        hashed.append(path)
        return judge(path, keys, manifests)

    monkeypatch.setattr("mesh.bundles.stick.judge", judged)
    told = program_on_stick(stick, KEYS)
    assert sum(path.stat().st_size for path in hashed) <= STICK_BYTES_MAX
    assert [each.verdict for each in told] == ["no-manifest"] * 3 + ["verified"] * 2
    assert all("too much" in each.told for each in told[:3])


@pytest.mark.parametrize("name", ["README.txt", "mesh_messenger-9.1.0.tar.gz"])
@pytest.mark.parametrize("trap", ["link", "pipe", "dangling", "half a link"])
def test_nothing_is_written_through_what_lies_on_a_stick(
    tmp_path: Path, name: str, trap: str
) -> None:
    small_release(tmp_path / "dist")
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    stick = tmp_path / "stick" / "mesh-program"
    stick.mkdir(parents=True)
    match trap:
        case "link":
            (stick / name).symlink_to(mine)
        case "pipe":
            os.mkfifo(stick / name)
        case "dangling":
            (stick / name).symlink_to(tmp_path / "new.txt")
        case _:
            (stick / f"{name}.part").symlink_to(mine)
    write_program(find_offers(tmp_path / "dist"), stick)
    assert mine.read_text() == "mine"
    assert not (tmp_path / "new.txt").exists()
    assert (stick / name).is_file()
    assert not (stick / name).is_symlink()
    assert not list(stick.glob("*.part"))


@pytest.mark.parametrize("trap", ["", "wheels"])
def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, trap: str) -> None:
    small_release(tmp_path / "dist")
    (tmp_path / "dist" / "wheels").mkdir()
    (tmp_path / "dist" / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"a library")
    home = tmp_path / "home"
    home.mkdir()
    place = tmp_path / "stick" / "mesh-program" / trap
    place.parent.mkdir(parents=True)
    place.symlink_to(home)
    with pytest.raises(UserError):
        write_program(find_offers(tmp_path / "dist"), tmp_path / "stick" / "mesh-program")
    assert not list(home.iterdir())
