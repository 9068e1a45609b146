"""Passphrases from files, and what is said of a start."""

from pathlib import Path

import msgspec
import pytest

from mesh.daemon.start_order import StartOrder, StartReport, find_passphrase, passphrase_in
from mesh.errors import MeshError, UserError
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX


@pytest.mark.parametrize(
    "content, passphrase",
    [
        (b"correct horse\n", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b" spaces count ", " spaces count "),
        (b"", ""),
        (b"two\n\n", "two\n"),
        ("Zoë".encode(), "Zoë"),
    ],
)
def test_the_line_end_is_no_part_of_a_passphrase(content: bytes, passphrase: str) -> None:
    assert passphrase_in(content) == passphrase


@pytest.mark.parametrize("content", [b"\xff", b"x" * (PASSPHRASE_BYTES_MAX + 1)])
def test_what_cannot_be_a_passphrase_is_refused(content: bytes) -> None:
    with pytest.raises(UserError) as caught:
        passphrase_in(content)
    assert caught.value.kind == "no-passphrase"


def test_a_passphrase_comes_from_the_file_that_the_environment_names(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("secret\n")
    assert find_passphrase({}) is None
    assert find_passphrase({"MESH_PASSPHRASE_FILE": str(path)}) == "secret"
    with pytest.raises(UserError, match="cannot read"):
        find_passphrase({"MESH_PASSPHRASE_FILE": str(tmp_path / "nowhere")})


def test_a_start_order_never_shows_its_passphrase() -> None:
    order = StartOrder(profile="default", name="Anna", passphrase="secret")
    assert "secret" not in repr(order)
    assert "secret" not in str(order)
    assert msgspec.json.decode(msgspec.json.encode(order), type=StartOrder) == order


def test_a_report_raises_what_the_daemon_failed_with() -> None:
    StartReport().raise_failure()
    with pytest.raises(UserError, match="no such thing") as caught:
        StartReport(kind="bad-config", sentence="There is no such thing.").raise_failure()
    assert caught.value.kind == "bad-config"
    with pytest.raises(MeshError, match="disk"):
        StartReport(kind="failed", sentence="The disk is full.").raise_failure()
