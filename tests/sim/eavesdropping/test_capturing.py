"""Captures of engines: the same again, and what they say is so."""

import gzip
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.eavesdropping.captures import World, worlds_of
from sim.eavesdropping.capturing import Capture, run_capture
from sim.eavesdropping.older import capture_in, full_name, tree_of

pytestmark = pytest.mark.world

CONTROL = "cfbc61d"
FASTER = ("workload.boot_within_s=5",)


def _capture(folder: Path, seed: int = 1, nodes: int = 5) -> Capture:
    return Capture(
        ground="one-lan",
        nodes=nodes,
        seed=seed,
        folder=str(folder),
        hours=1.2,
        settings=FASTER,
    )


def _whole(folder: Path) -> World:
    (world,) = worlds_of(folder)
    return world


def test_a_capture_repeats_itself_and_agrees_with_its_truth(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run_capture(_capture(tmp_path / name))
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 3
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    world = _whole(tmp_path / "one")
    truth = world.truth
    wrote = [(author, reader) for _, author, reader in truth.messages]
    told = [(post.author, post.reader) for post in truth.posts.values() if post.reader is not None]
    assert len(told) > 5
    # Each retirement that was told is of a message, by whom it was for.
    assert all(each in wrote for each in told)
    assert all(post.is_read_token for post in truth.posts.values() if post.reader is not None)
    assert {post.author for post in truth.posts.values()} <= {author for author, _ in wrote}

    header, lines = world.relay()
    assert (header.observer, header.relay) == ("relay", 4)
    bodies = {each.id for line in lines for each in line.detail.envelopes}
    assert bodies == set(truth.posts)
    links = {line.what for line in lines if line.word == "open"}
    assert links == {0, 1, 2, 3}
    assert [line.at for line in lines] == sorted(line.at for line in lines)


def test_a_listener_sees_lengths_and_times_alone(tmp_path: Path) -> None:
    run_capture(_capture(tmp_path))
    (path,) = tmp_path.glob("*.listener.jsonl.gz")
    _, *lines = gzip.decompress(path.read_bytes()).splitlines()
    words = set()
    for line in lines:
        at, word, *numbers = msgspec.json.decode(line)
        assert all(type(number) is int for number in (at, *numbers))
        words.add(word)
    assert words == {"open", "handshake", "record", "end"}


def test_nobody_writes_in_a_quiet_world_and_contacts_are_made(tmp_path: Path) -> None:
    run_capture(
        Capture(
            ground="one-lan",
            nodes=6,
            seed=5,
            folder=str(tmp_path),
            mode="quiet",
            hours=0.5,
            settings=FASTER,
        )
    )
    truth = _whole(tmp_path).truth
    assert not truth.messages
    assert truth.made
    assert set(truth.made) < set(truth.contacts)


def test_a_setting_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no 'wires'"):
        run_capture(
            Capture(
                ground="one-lan",
                nodes=4,
                seed=1,
                folder=str(tmp_path),
                settings=("wires.loss=1",),
            )
        )


@pytest.mark.slow
def test_another_commit_is_captured_by_the_same_recorder(tmp_path: Path) -> None:
    try:
        commit = full_name(CONTROL)
    except UserError:
        pytest.skip("the history of the repository is not here")
    with tree_of(commit) as tree:
        capture_in(tree, _capture(tmp_path))
        assert tree.is_dir()
    assert not tree.exists()
    truth = _whole(tmp_path).truth
    assert any(post.reader is not None for post in truth.posts.values())


def test_a_commit_that_there_is_not_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Git says"):
        full_name("0000000")


def test_the_command_goes_on_and_mixes_no_kinds(tmp_path: Path) -> None:
    words = ["watch-relay", "capture", "--nodes", "4", "--hours", "0.5", "--jobs", "1"]
    words += ["--mode", "quiet", "--out", str(tmp_path)]
    for setting in FASTER:
        words += ["--set", setting]
    said = CliRunner().invoke(main, [*words, "--seeds", "1"])
    assert said.exit_code == 0, said.output
    (truth,) = tmp_path.glob("*.truth.json")
    truth.write_bytes(truth.read_bytes() + b" ")
    before = truth.read_bytes()
    said = CliRunner().invoke(main, [*words, "--seeds", "1..2"])
    assert said.exit_code == 0, said.output
    assert "2 of 2 worlds" in said.output
    assert truth.read_bytes() == before
    assert len(worlds_of(tmp_path)) == 2
    other = CliRunner().invoke(main, [*words, "--seeds", "3", "--ground", "thin"])
    assert other.exit_code == 2
    assert "has worlds of ground 'one-lan', not 'thin'" in other.output
