"""The command says of what release a file is and who signed it, or why it is not believed."""

from pathlib import Path

import pytest

from mesh.bundles.verifying import read_manifest
from tests.bundles.making import SEEDS, keys_file, small_release, write_manifest
from tests.cli.conftest import Mesh


def test_who_signed_a_file_is_told(mesh: Mesh, tmp_path: Path) -> None:
    manifest, wheel = small_release(tmp_path / "stick")
    ran = mesh("verify", "--keys", str(keys_file(tmp_path)), str(wheel), str(manifest))
    assert ran.code == 0, ran.err
    assert ran.out.count("Mesh 9.1.0 of 2026-11-28, signed by Ada, Bob.") == 2
    assert "not the keys of this program" in ran.err


def test_a_program_without_keys_says_so_and_tells_the_hash(mesh: Mesh, tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path / "stick")
    ran = mesh("verify", str(wheel))
    assert ran.code == 1
    assert "this program knows no release keys" in ran.out
    assert "SHA-256 " in ran.out


def test_a_changed_file_is_told_from_one_that_nobody_signed(mesh: Mesh, tmp_path: Path) -> None:
    manifest, wheel = small_release(tmp_path / "stick")
    keys = str(keys_file(tmp_path))
    write_manifest(manifest.parent, read_manifest(manifest).release, SEEDS[:1])
    ran = mesh("--json", "verify", "--keys", keys, str(wheel))
    assert ran.code == 1
    assert ran.problem == "not-verified"
    assert '"verdict":"not-signed"' in ran.out
    write_manifest(manifest.parent, read_manifest(manifest).release)
    wheel.write_bytes(b"something else")
    assert "throw it away" in mesh("verify", "--keys", keys, str(wheel)).out


@pytest.mark.parametrize("case", ["under the name of another", "without a manifest"])
def test_a_file_of_a_release_counts_under_its_own_name_beside_a_manifest(
    mesh: Mesh, tmp_path: Path, case: str
) -> None:
    manifest, wheel = small_release(tmp_path / "stick")
    keys = str(keys_file(tmp_path))
    if case == "without a manifest":
        moved = manifest.rename(tmp_path / manifest.name)
        assert mesh("verify", "--keys", keys, str(wheel)).code == 1
        assert mesh("verify", "--keys", keys, str(wheel), "--manifest", str(moved)).code == 0
    else:
        other = wheel.rename(wheel.with_name("mesh_messenger-9.2.0-py3-none-any.whl"))
        ran = mesh("verify", "--keys", keys, str(other))
        assert ran.code == 1
        assert wheel.name in ran.out


def test_an_earlier_release_is_told_to_be_one(mesh: Mesh, tmp_path: Path) -> None:
    _, wheel = small_release(tmp_path / "stick", "0.1.0")
    ran = mesh("verify", "--keys", str(keys_file(tmp_path)), str(wheel))
    assert "It is older than this program." in ran.out


def test_what_lies_beside_a_release_is_passed_over_and_said(mesh: Mesh, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    _, wheel = small_release(stick)
    keys = str(keys_file(tmp_path))
    (stick / "wheels").mkdir()
    (stick / "README.txt").write_text("words")
    (stick / "mesh-0\udcff-linux-x.tar.xz").write_bytes(b"odd")
    ran = mesh("verify", "--keys", keys, *map(str, sorted(stick.iterdir())))
    assert ran.code == 0, ran.err
    assert "of a release: README.txt, mesh-0<U+DCFF>-linux-x.tar.xz, wheels." in ran.err
    wheel.rename(stick / "other.bin")
    ran = mesh("verify", "--json", "--keys", keys, *map(str, sorted(stick.iterdir())))
    assert ran.code == 1
    assert "under a false name" in ran.out
    assert mesh("verify", "--keys", keys, str(stick / "README.txt")).code == 1
    assert (
        mesh("verify", "--keys", keys, str(stick / "README.txt"), str(stick / "wheels")).code == 5
    )


def test_a_manifest_that_does_not_count_makes_no_file_a_false_one(
    mesh: Mesh, tmp_path: Path
) -> None:
    manifest, wheel = small_release(tmp_path / "stick")
    keys = str(keys_file(tmp_path))
    write_manifest(manifest.parent, read_manifest(manifest).release, SEEDS[:1])
    wheel.write_bytes(b"something else")
    for words in (("--keys", keys), ()):
        ran = mesh("verify", *words, str(wheel))
        assert ran.code == 1
        assert "It is not as" in ran.out
        assert "throw it away" not in ran.out
