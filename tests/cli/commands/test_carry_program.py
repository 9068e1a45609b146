"""`mesh carry` with Mesh itself beside the mail."""

from pathlib import Path

import pytest

from mesh.bundles import shelf
from tests.api.small_node import Running
from tests.bundles.making import small_release
from tests.cli.conftest import Mesh


def test_the_program_goes_beside_the_mail_and_is_told_where_it_comes(
    mesh: Mesh, node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    _, wheel = small_release(tmp_path / "dist")
    monkeypatch.setattr(shelf, "__file__", str(tmp_path / "mesh" / "bundles" / "shelf.py"))
    out = stick / "mail.mesh"
    ran = mesh("carry", "export", str(out), "--with-program")
    assert ran.code == 0, ran.err
    assert (stick / "mesh-program" / wheel.name).read_bytes() == wheel.read_bytes()
    told = mesh("carry", "import", str(out))
    assert told.code == 0
    assert f"program    {wheel.name}, NOT VERIFIED" in told.out
    assert "knows no release keys" in told.out


def test_without_a_program_no_mail_is_written(
    mesh: Mesh, node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "__file__", str(tmp_path / "mesh" / "bundles" / "shelf.py"))
    ran = mesh("carry", "export", str(tmp_path / "mail.mesh"), "--with-program")
    assert ran.code == 5
    assert "no bundle" in ran.err
    assert not list(tmp_path.glob("mail.mesh*"))
