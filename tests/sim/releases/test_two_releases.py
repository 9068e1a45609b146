"""Two releases in one world: mail both ways, the same each time, and the wheel is what runs."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import IO

import msgspec
import psutil
import pytest

from mesh.errors import UserError
from sim.recording.stopping import replayed
from sim.releases.messages import send
from sim.releases.release import EscapedError, Release
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import Scenario, load_scenario, parse_scenario
from sim.schema.toml_text import toml_of

ROOT = Path(__file__).parents[3]
OLDER = "0.1.9"

pytestmark = [pytest.mark.world, pytest.mark.xdist_group("two releases")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree under the number of an older release."""
    tree = tmp_path_factory.mktemp("older") / "tree"
    for folder in ("mesh", "sim"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [*ROOT.glob("*.md"), *ROOT.glob("*.txt"), ROOT / "LICENSE", ROOT / "dev.py"]:
        shutil.copy(file, tree)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    numbered = re.sub(r'^version = ".*"', f'version = "{OLDER}"', project, count=1, flags=re.M)
    (tree / "pyproject.toml").write_text(numbered, encoding="utf-8")
    # Our own interpreter and tree.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", str(tree)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (made,) = (tree / "dist").glob("*.whl")
    return made


def changed(wheel: Path, out: Path, name: str, before: bytes, after: bytes) -> Path:
    """The same wheel with one thing changed in one of its files."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == name:
                assert before in data
                data = data.replace(before, after)
            new.writestr(entry, data)
    return out


def small() -> Scenario:
    scenario = load_scenario("two-releases")
    return msgspec.structs.replace(
        scenario,
        nodes=4,
        rest_s=0,
        settle_s=30,
        workload=msgspec.structs.replace(scenario.workload, contacts=2, write_between_s=(15, 40)),
    )


def ran(wheel: Path, *, seed: int = 1) -> Report:
    options = Options(seed=seed, is_crypto_real=False, older=str(wheel))
    return run_scenario(small(), options).report


def test_mail_goes_both_ways_between_two_releases_and_the_run_repeats(wheel: Path) -> None:
    report = ran(wheel)
    assert report.verdict == "pass", report.broken
    other = report.other_release
    assert other is not None
    assert (other.version, len(other.nodes)) == (OLDER, 2)
    assert other.to_it > 1
    assert other.from_it > 1
    assert report.messages_delivered == report.messages_written
    assert ran(wheel).trace_hash == report.trace_hash


def test_it_is_the_engine_of_the_wheel_that_runs(wheel: Path, tmp_path: Path) -> None:
    apart = changed(
        wheel, tmp_path / "apart.whl", "mesh/wire/parameters.py", b'b"mesh/id"', b'b"mesh/ie"'
    )
    report = ran(apart)
    assert [broken.id for broken in report.broken] == ["L4"]
    assert report.other_release is not None
    assert report.other_release.to_it == report.other_release.from_it == 0


def test_what_escapes_an_engine_of_the_other_release_breaks_an_invariant(
    wheel: Path, tmp_path: Path
) -> None:
    broken = changed(
        wheel,
        tmp_path / "broken.whl",
        "mesh/engine/engine.py",
        b"    def deadline(self)",
        b"    def deadline(self, missing)",
    )
    report = ran(broken)
    assert [one.id for one in report.broken] == ["S14"]
    assert "missing" in report.broken[0].detail


def test_a_process_that_has_ended_says_so(wheel: Path) -> None:
    release = Release(wheel)
    assert release.version == OLDER
    release.close()
    with pytest.raises((EscapedError, ValueError)):
        release.ask("version")


def test_what_holds_no_release_is_refused_in_words(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be unpacked"):
        Release(Path(__file__))
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as file:
        file.writestr("nothing.txt", "nothing")
    with pytest.raises(UserError, match="holds no release"):
        Release(empty)


def kept_children() -> set[int]:
    """The processes that this one has started and that are not at their end."""
    return {child.pid for child in psutil.Process().children()}


def test_the_process_of_the_other_release_ends_with_its_world(wheel: Path, tmp_path: Path) -> None:
    before = kept_children()
    scenario, options = small(), Options(seed=1, is_crypto_real=False, older=str(wheel))
    with replayed(scenario, options, 100) as again:
        assert again.reached is not None
        assert kept_children() - before
    # Those of before may end meanwhile.
    assert kept_children() <= before
    # A world that cannot be built had started it, too.
    hostless = changed(
        wheel, tmp_path / "no.whl", "sim/releases/program.py", b"def host(", b"def no_host("
    )
    with pytest.raises(EscapedError, match="host"):
        run_scenario(scenario, replace(options, older=str(hostless)))
    assert kept_children() <= before


def ask_without_end(pipe: IO[bytes]) -> None:
    while True:
        send(pipe, ["version"])


def test_a_process_that_nobody_reads_any_more_is_ended_all_the_same(wheel: Path) -> None:
    release = Release(wheel)
    process = release._process
    # More questions than a pipe holds answers to, as after a run that was interrupted.
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    with pytest.raises(BlockingIOError):
        ask_without_end(process.stdin)
    release.close()
    assert process.returncode is not None


@pytest.mark.parametrize("name, older", [("two-releases", None), ("versions", "some.whl")])
def test_a_wheel_and_nodes_that_run_it_come_together(name: str, older: str | None) -> None:
    with pytest.raises(UserError, match="--older WHEEL"):
        run_scenario(load_scenario(name), Options(seed=1, is_crypto_real=False, older=older))


def test_no_fault_of_disks_strikes_another_release() -> None:
    scenario = load_scenario("rollback")
    mixed = msgspec.structs.replace(scenario, versions=load_scenario("two-releases").versions)
    with pytest.raises(UserError, match="no fault of disks"):
        parse_scenario(toml_of(mixed))
