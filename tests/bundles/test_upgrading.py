"""A later verified bundle takes the place of the one that is there, and that can come back."""

import os
import signal
import sys
from pathlib import Path

import pytest

from mesh.bundles.exchanging import exchange
from mesh.bundles.manifest import ReleaseKeys
from mesh.bundles.upgrading import Place, clear, go_back, install, own_place, prepared
from mesh.errors import StorageError, UserError
from mesh.limits.bundles import MANIFEST_BYTES_MAX
from tests.bundles.fakes import look_of, make_archive, make_folder, sign
from tests.bundles.making import KEYS, SEEDS

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="no two folders are exchanged there"
)

OLD, NEW = "9.1.0", "9.2.0"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A bundle that is installed."""
    return Place(make_folder(tmp_path / "apps" / "mesh", OLD), OLD)


def upgrade(place: Place, archive: Path, keys: ReleaseKeys = KEYS) -> None:
    """Do all that `mesh upgrade` does with the bundle."""
    with prepared(place, archive, keys) as (fresh, _):
        install(place, fresh)


def refusal(place: Place, archive: Path, keys: ReleaseKeys = KEYS) -> str:
    """Return why a bundle is not taken; nothing may have changed."""
    before = look_of(place.folder.parent)
    with pytest.raises(UserError) as caught:
        upgrade(place, archive, keys)
    assert look_of(place.folder.parent) == before
    return caught.value.kind


def test_an_upgrade_and_the_way_back(place: Place, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "stick", NEW)
    old, new = look_of(place.folder), look_of(tmp_path / "stick" / f"{archive.name[:-7]}")
    upgrade(place, archive)
    assert look_of(place.folder) == new
    assert look_of(place.other) == old
    later = Place(place.folder, NEW)
    assert go_back(later) == OLD
    assert look_of(place.folder) == old
    # What lies beside it is later, and no way back.
    with pytest.raises(UserError):
        go_back(place)
    upgrade(place, archive)
    assert look_of(place.folder) == new
    assert clear(later)
    assert sorted(each.name for each in place.folder.parent.iterdir()) == ["mesh"]
    with pytest.raises(UserError):
        go_back(later)


def test_of_manifests_on_a_stick_only_those_that_are_some_are_taken(
    place: Place, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    archive = make_archive(stick, NEW)
    (stick / "mesh-0.1.manifest.json").symlink_to("/etc/passwd")
    with (stick / "mesh-0.2.manifest.json").open("wb") as large:
        large.truncate(MANIFEST_BYTES_MAX + 1)
    with prepared(place, archive, KEYS) as (fresh, judged):
        stage = next(each for each in fresh.parents if (each / archive.name).exists())
        taken = [each.name for each in stage.glob("*.manifest.json")]
    assert (judged.verdict, taken) == ("verified", [f"mesh-{NEW}.manifest.json"])


def test_what_is_older_or_the_same_is_a_downgrade(place: Place, tmp_path: Path) -> None:
    for version in (OLD, "9.0.9", "9.1.0rc3", "8.9.9"):
        assert refusal(place, make_archive(tmp_path / version, version)) == "downgrade"


def test_what_is_for_another_system_is_not_taken(place: Place, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "stick", NEW, "linux-riscv64")
    assert refusal(place, archive) == "other-system"


def test_what_too_few_signed_is_not_taken(place: Place, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "stick", NEW)
    sign(archive, NEW, seeds=SEEDS[:1])
    assert refusal(place, archive) == "not-verified"
    sign(archive, NEW)
    assert refusal(place, archive, ReleaseKeys(keys=(), threshold=1)) == "not-verified"


def test_what_does_not_start_here_is_not_taken(place: Place, tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "first", NEW)
    liar = make_archive(tmp_path / "second", "9.3.0")
    archive.write_bytes(liar.read_bytes())
    sign(archive, NEW)
    assert refusal(place, archive) == "bad-bundle"


def test_a_mesh_that_is_no_bundle_says_what_to_do_instead() -> None:
    with pytest.raises(UserError, match=r"python3 dev\.py"):
        own_place()


def test_two_folders_are_exchanged_whole(tmp_path: Path) -> None:
    one, other = make_folder(tmp_path / "one", "1"), make_folder(tmp_path / "other", "2")
    looks = look_of(one), look_of(other)
    exchange(one, other)
    assert (look_of(other), look_of(one)) == looks


def test_whoever_is_killed_at_any_step_leaves_one_whole_version(
    place: Place, tmp_path: Path
) -> None:
    archive = make_archive(tmp_path / "stick", NEW)
    old, new = look_of(place.folder), look_of(tmp_path / "stick" / f"{archive.name[:-7]}")
    seen: list[str] = []
    step = 0
    while step == 0 or seen[-1] != "done":
        seen.append(killed_at(step, place, archive))
        now = look_of(place.folder)
        assert now in (old, new), f"at step {step}"
        if now == new:
            assert look_of(place.other) == old, f"no way back at step {step}"
            assert go_back(Place(place.folder, NEW)) == OLD
        clear(place)
        assert sorted(each.name for each in place.folder.parent.iterdir()) == ["mesh"]
        step += 1
    assert seen.count("killed") == len(seen) - 1 > 50


def killed_at(step: int, place: Place, archive: Path) -> str:
    """Upgrade in a process that kills itself before its so-manieth step in the file system."""
    pid = os.fork()
    if pid == 0:
        left = step

        def watch(event: str, _: tuple[object, ...]) -> None:
            nonlocal left
            if event in STEPS:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(watch)
        try:
            upgrade(place, archive)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    assert os.WEXITSTATUS(status) == 0
    return "done"


def test_a_second_upgrade_waits_and_takes_nothing_from_the_first(
    place: Place, tmp_path: Path
) -> None:
    archive = make_archive(tmp_path / "stick", NEW)
    upgrade(place, archive)
    later, latest = Place(place.folder, NEW), make_archive(tmp_path / "later", "9.3.0")
    with prepared(later, latest, KEYS) as (fresh, _):
        for second in (
            lambda: upgrade(later, latest),
            lambda: go_back(later),
            lambda: clear(later),
        ):
            with pytest.raises(UserError) as caught:
                second()
            assert caught.value.kind == "busy"
        assert fresh.is_dir()
        install(later, fresh)
    assert go_back(Place(place.folder, "9.3.0")) == NEW
    assert sorted(each.name for each in place.folder.parent.iterdir()) == ["mesh", "mesh.other"]


def test_the_way_back_is_kept_where_nothing_takes_its_place(place: Place, tmp_path: Path) -> None:
    upgrade(place, make_archive(tmp_path / "stick", NEW))
    later = Place(place.folder, NEW)
    with pytest.raises(StorageError):
        install(later, tmp_path / "gone")
    assert go_back(later) == OLD


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("whose", ["", "mesh"])
def test_the_program_of_somebody_else_is_not_started(
    place: Place, tmp_path: Path, whose: str
) -> None:
    other = make_folder(place.other, "9.0.0")
    started = tmp_path / "started"
    (other / "mesh").write_text(f"#!/bin/sh\ntouch {started}\necho mesh 9.0.0 x\n")
    os.chown(other / whose, 12_345, 12_345)
    with pytest.raises(UserError, match="somebody else"):
        go_back(place)
    assert not started.exists()


STEPS = (
    *("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod"),
    *("os.scandir", "subprocess.Popen", "shutil.rmtree", "ctypes.dlsym"),
)
