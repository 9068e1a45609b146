"""The start at login: one file where each system looks, with words that survive their quoting."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesh.errors import StorageError
from mesh.node.login_start import LoginStart, agent, desktop_entry, script, unit

ODD = '/home/Änn a/100% "of" $HOME\\me`sh'


def start_on(system: str, home: Path, monkeypatch: pytest.MonkeyPatch, **more: str) -> LoginStart:
    """Return the start at login of one system; `linux` stands for one with systemd."""
    monkeypatch.setattr(sys, "platform", "linux" if system == "desktop" else system)
    systemd = home if system == "linux" else home / "nowhere"
    return LoginStart("anna", {"HOME": str(home), **more}, systemd=systemd)


PLACES = {
    "linux": ("systemd", ".config/systemd/user/mesh-anna.service"),
    "desktop": ("autostart", ".config/autostart/mesh-anna.desktop"),
    "darwin": ("launchd", "Library/LaunchAgents/org.mesh.mesh-anna.plist"),
    "win32": (
        "startup",
        "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/mesh-anna.cmd",
    ),
}


@pytest.mark.parametrize("system", PLACES)
def test_it_is_made_found_and_removed_on_each_system(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, place = PLACES[system]
    start = start_on(system, tmp_path, monkeypatch)
    assert (start.how, start.file, start.is_installed) == (how, tmp_path / place, False)
    for _ in range(2):
        start.install()
        assert start.is_installed
        assert b"mesh.cli.main" in start.file.read_bytes()
    for _ in range(2):
        start.remove()
        assert not start.is_installed
    assert [each for each in tmp_path.rglob("*") if not each.is_dir()] == []


def test_a_unit_that_was_disabled_by_hand_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = start_on("linux", tmp_path, monkeypatch)
    start.install()
    # As `systemctl --user disable` does.
    (start.file.parent / "default.target.wants" / start.file.name).unlink()
    assert start.file.exists()
    assert not start.is_installed


def test_the_unit_of_a_package_that_a_person_enabled_asks_for_the_default_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where systemd is not the first process now.
    for system in ("linux", "desktop"):
        anna = start_on(system, tmp_path, monkeypatch)
        start = LoginStart("default", anna.environment, anna.systemd)
        elsewhere = {**anna.environment, "MESH_HOME": str(tmp_path / "elsewhere")}
        mark = tmp_path / ".config/systemd/user/default.target.wants/mesh.service"
        mark.parent.mkdir(parents=True, exist_ok=True)
        assert not start.is_asked_for
        # As `systemctl --user enable mesh` does; the unit lies in a folder of the system.
        mark.symlink_to("/usr/lib/systemd/user/mesh.service")
        assert (start.is_asked_for, anna.is_asked_for) == (True, False)
        anna.remove()
        LoginStart("default", elsewhere, anna.systemd).remove()
        assert mark.is_symlink()
        start.remove()
        assert not mark.is_symlink()
        assert not start.is_asked_for


def test_two_homes_may_have_profiles_of_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [str(tmp_path / name) for name in ("one", "other")]
    starts = [start_on("linux", tmp_path, monkeypatch, MESH_HOME=home) for home in homes]
    assert starts[0].file != starts[1].file
    starts[0].install()
    assert not starts[1].is_installed
    assert f'Environment="MESH_HOME={homes[0]}"' in starts[0].file.read_text()


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".config").write_text("in the way")
    with pytest.raises(StorageError, match=r"\.config"):
        start_on("linux", tmp_path, monkeypatch).install()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_no_fault_in_a_unit(tmp_path: Path) -> None:
    surroundings = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}

    def verified(file: Path) -> tuple[int, str]:
        verify = ["systemd-analyze", "--user", "--man=no", "verify", str(file)]
        told = subprocess.run(verify, env=surroundings, capture_output=True, text=True, check=False)
        return told.returncode, told.stderr

    python = tmp_path / "a b 100% $x" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    file = tmp_path / "mesh-anna.service"
    file.write_text(unit("anna", [str(python), "-c", "pass"], {"MESH_HOME": ODD}))
    assert verified(file) == (0, "")
    # It would have told of one.
    file.write_text(unit("anna", [str(tmp_path / "nowhere")], {}))
    assert verified(file)[0] != 0


def test_words_survive_the_quoting_of_a_desktop_entry() -> None:
    entry = desktop_entry("anna", ["python", ODD], {"MESH_HOME": ODD})
    (line,) = [line for line in entry.splitlines() if line.startswith("Exec=")]
    # First the rules of a string, then those of a shell, then the codes of fields.
    words = shlex.split(line.removeprefix("Exec=").replace("\\\\", "\\"))
    unquoted = [word.replace("\\$", "$").replace("\\`", "`").replace("%%", "%") for word in words]
    assert unquoted == ["env", f"MESH_HOME={ODD}", "python", ODD]


def test_an_agent_and_a_script_hold_the_words_as_they_are() -> None:
    told = plistlib.loads(agent("org.mesh.anna", ["python", ODD], {"MESH_HOME": ODD}))
    assert told["ProgramArguments"] == ["python", ODD]
    assert told["EnvironmentVariables"] == {"MESH_HOME": ODD}
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    lines = script([r"C:\100%\py thon.exe", "run"], {"MESH_HOME": r"D:\a & b"}).split("\r\n")
    assert 'set "MESH_HOME=D:\\a & b"' in lines
    assert 'start "" "C:\\100%%\\py thon.exe" "run"' in lines
