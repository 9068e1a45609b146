"""The file of settings and the secret of a closed mesh."""

from pathlib import Path

import pytest

from mesh.config import Config
from mesh.errors import UserError
from mesh.node.config_file import (
    load_config,
    mesh_parameters,
    set_in_config,
    write_default_config,
)
from mesh.settings import default_text


def test_a_missing_file_gives_defaults_and_a_new_one_explains_them(tmp_path: Path) -> None:
    path = tmp_path / "profile" / "config.toml"
    assert load_config(path, {}) == Config()
    write_default_config(path)
    assert path.read_text() == default_text()
    set_in_config(path, "listen_port", "0")
    write_default_config(path)
    assert load_config(path, {}) == Config(listen_port=0)


def test_a_file_that_is_not_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="Cannot read"):
        load_config(path, {})


def test_a_secret_of_64_digits_is_the_key_of_a_closed_mesh(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("ab" * 32 + "\n")
    parameters = mesh_parameters(Config(mesh_secret_file=str(path), mesh_name="harbour"))
    assert parameters.psk == b"\xab" * 32
    assert parameters.is_closed
    assert parameters.name == "harbour"
    assert not mesh_parameters(Config()).is_closed


def test_a_passphrase_makes_another_key_in_another_mesh(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("correct horse\n")
    one = mesh_parameters(Config(mesh_secret_file=str(path), mesh_name="one"))
    two = mesh_parameters(Config(mesh_secret_file=str(path), mesh_name="two"))
    assert len(one.psk) == 32
    assert one.psk != two.psk


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"x" * 2_000])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(UserError, match="mesh_secret_file"):
        mesh_parameters(Config(mesh_secret_file=str(path)))


def test_a_missing_secret_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mesh_secret_file: cannot read"):
        mesh_parameters(Config(mesh_secret_file=str(tmp_path / "nowhere")))
