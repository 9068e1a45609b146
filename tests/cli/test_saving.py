"""Saved files: whatever they are called, they stay in their folder and replace nothing."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.cli.sanitise import is_hidden
from mesh.cli.saving import safe_name, save_new
from mesh.errors import UserError

NAMES = st.text(st.characters() | st.sampled_from("./\\ \0\n\x1b\u202e:.con"), max_size=300)


@pytest.mark.parametrize(
    "name, safe",
    [
        ("map.png", "map.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("/etc/cron.d/x", "x"),
        (".bashrc", "bashrc"),
        ("..", "file_"),
        ("", "file_"),
        ("con.txt", "file_con.txt"),
        ("LPT1", "file_LPT1"),
        ("a\nb\x1b[2J.sh", "a_b_[2J.sh"),
        ("photo\u202egnp.exe", "photo_gnp.exe"),
        ("évasion.tar.gz", "évasion.tar.gz"),
        ("a:b|c?.txt", "a_b_c_.txt"),
        ("trailing. ", "trailing"),
    ],
)
def test_names_that_mean_more_than_a_file_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(name=NAMES)
@example("." * 300)
@example("a." + "b" * 300)
def test_a_safe_name_is_a_visible_file_of_whatever_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 255 - len(" (999)")
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))
    assert not any(one in '<>:"|?*/\\' or is_hidden(one) for one in safe)
    assert Path("folder", safe).parent == Path("folder")
    assert safe_name(safe) == safe


def test_no_file_is_replaced_and_none_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"mine")
    (tmp_path / "map (2).png").symlink_to(tmp_path / "elsewhere")
    saved = save_new(tmp_path / "map.png", [b"th", b"eirs"])
    assert saved == tmp_path / "map (3).png"
    assert saved.read_bytes() == b"theirs"
    assert (tmp_path / "map.png").read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()
    if sys.platform != "win32":
        assert saved.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="the mark of Linux")
def test_what_is_saved_is_marked_as_from_elsewhere_and_not_from_whom(tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"x")
    except OSError:
        pytest.skip("this file system knows no marks")
    saved = save_new(tmp_path / "map.png", [b"theirs"])
    marks = {name: os.getxattr(saved, name) for name in os.listxattr(saved)}
    assert marks["user.xdg.origin.url"] == b"mesh:"


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise UserError("gone", "It is gone.")

    with pytest.raises(UserError):
        save_new(tmp_path / "a", broken())
    assert os.listdir(tmp_path) == []
    with pytest.raises(UserError) as caught:
        save_new(tmp_path / "no" / "a", [b""])
    assert caught.value.kind == "bad-file"
