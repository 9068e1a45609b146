"""Plain circumstances are told in a sentence: closed streams, letters of another code, slips."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.cli.changing import checked_emoji
from mesh.errors import UserError
from tests.api.small_node import Running
from tests.cli.conftest import Mesh, befriend

ROOT = Path(__file__).resolve().parents[2]


def mesh_by_shell(home: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    """Run `mesh` as a shell does; `command` may close streams."""
    environment = os.environ | {"MESH_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-c", command.replace("mesh ", f"{sys.executable} -m mesh.cli.main ", 1)],
        env=environment,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_keeps_no_message_from_leaving(
    mesh: Mesh, node: Running, tmp_path: Path, closed: str
) -> None:
    befriend(mesh)
    ran = mesh_by_shell(tmp_path, f"mesh send Ben hello {closed}")
    assert (ran.returncode, ran.stderr.count(b"Something went wrong")) == (0, 0)
    assert "hello" in mesh("read", "Ben").out
    assert mesh_by_shell(tmp_path, f"mesh read Ben {closed}").returncode == 0


def test_what_is_typed_in_another_code_is_no_text(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", os.fsdecode("schön".encode("latin-1")))
    assert (ran.code, ran.err) == (1, "mesh: What was typed is not UTF-8 text.\n")


def test_a_file_may_be_called_by_bytes_that_are_no_text(
    mesh: Mesh, node: Running, tmp_path: Path
) -> None:
    befriend(mesh)
    ran = mesh("send", "Ben", "--file", str(tmp_path / os.fsdecode(b"gr\xfcn")))
    assert (ran.code, "does not exist" in ran.err) == (2, True)


def test_what_is_no_regular_file_is_not_opened(mesh: Mesh, node: Running) -> None:
    """A pipe could keep the command waiting for ever."""
    befriend(mesh)
    ran = mesh("send", "Ben", "--file", os.devnull, "--json")
    assert (ran.code, ran.problem) == (1, "bad-file")


def test_a_slip_is_answered_with_the_command_that_was_meant(mesh: Mesh) -> None:
    ran = mesh("sendd", "Ben", "hello")
    assert (ran.code, "Did you mean send" in ran.err) == (2, True)


def test_a_number_may_bear_the_sign_that_it_is_shown_with(mesh: Mesh, node: Running) -> None:
    befriend(mesh)
    number = mesh("send", "Ben", "hello", "--json").json["number"]
    assert mesh("withdraw", f"#{number}").code == 0
    assert mesh("withdraw", "##1").code == 2


def test_words_are_no_emoji() -> None:
    given = ("👍", "❤️", "1️⃣", "ℹ️", "+")
    assert checked_emoji(given) == given
    for words in ("hello", "ok", "да"):
        with pytest.raises(UserError, match="no emoji"):
            checked_emoji((words,))


def test_a_word_that_a_setting_does_not_take_names_those_that_it_takes(
    mesh: Mesh,
) -> None:
    assert "it is one of: high, low, off" in mesh("settings", "cover", "lo").err
