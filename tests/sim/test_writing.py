"""Disks that take no more: commands say so in a sentence, and what was there before stays."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.__main__ import main
from tests.sim.three_users import THREE_USERS

LOG = '{"it is": "a record that was cut'


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """While inside, a write that would make a file larger fails, as on a full disk."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(THREE_USERS)
    return str(path)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.mark.parametrize("size", [100, 20_000], ids=["at once", "within the run"])
def test_a_run_that_cannot_be_kept_says_so(scenario: str, tmp_path: Path, size: int) -> None:
    asked = ("run", scenario, "--seed", "3", "--crypto", "modelled", "--out", str(tmp_path / "run"))
    with files_of_at_most(size):
        assert f"Cannot write into {tmp_path / 'run'}: File too large" in refused(*asked)


def test_a_log_that_cannot_grow_says_so(scenario: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    asked = ("sweep", scenario, "--seeds", "3", "--crypto", "modelled", "--jobs", "1")
    with files_of_at_most(100):
        assert f"Cannot write {log}: File too large" in refused(*asked, "--out", str(log))


def test_a_merge_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "all.jsonl"
    log.write_text(LOG)
    out.write_text(LOG)
    (tmp_path / "all.jsonl.part").mkdir()
    assert f"Cannot write {out}: Is a directory" in refused("merge", str(log), "--out", str(out))
    assert out.read_text() == LOG


@pytest.mark.parametrize("command", ["merge", "compare", "sweep"])
def test_what_is_no_log_is_neither_read_nor_written_to(command: str, tmp_path: Path) -> None:
    message = tmp_path / "letter.txt"
    message.write_text("Dear Ada,\n")
    arguments = {
        "merge": ("merge", str(message), "--out", str(tmp_path / "all.jsonl")),
        "compare": ("compare", str(message), str(message)),
        "sweep": ("sweep", "chatter", "--seeds", "1", "--out", str(message)),
    }
    assert f"{message} is no log of a sweep." in refused(*arguments[command])
    assert message.read_text() == "Dear Ada,\n"


def test_who_shrinks_is_told_before_the_work_that_nothing_can_be_written(tmp_path: Path) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    for out in (no_folder, no_folder / "below"):
        said = refused("shrink", "two-days-apart", "--seed", "1", "--out", str(out))
        assert "file" in said
    said = refused("sweep", "--bugs", "--bug", "told-twice", "--out", str(no_folder / "below"))
    assert f"Cannot write into {no_folder / 'below'}: Not a directory" in said
