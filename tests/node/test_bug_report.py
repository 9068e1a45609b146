"""A report of what is wrong tells nothing by which a person, a node or a place is known."""

import json
import logging
import re
import socket
import unicodedata
from pathlib import Path

import msgspec
import pytest
import structlog

from mesh.commands.status import StatusAnswer
from mesh.limits.daemon import BUG_REPORT_LOG_BYTES
from mesh.node.bug_report import NUMBERS, bug_report
from mesh.node.doctor.finding import Finding
from mesh.node.folders import ProfileFolders, profile_folders
from mesh.node.logs import LOG_FILE, place_of, start_logging, stop_logging

PERSON, CONTACT, MESH, PROFILE = "Annabel Markerson", "Benedict Marker", "marker-club", "markered"
COMPUTER, USER, HOME = "marker-laptop", "markeruser", "/home/markeruser"
KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TOKEN = "mT0kenMarkerMarkerMarkerMarkerMarkerMarkerM"
INVITE = "mesh:AAAAMarkerMarker"
ADDRESSES = ("192.168.77.31:41730", "fe80::77:31", "aa:bb:cc:dd:ee:77")

MARKERS = (PERSON, CONTACT, MESH, PROFILE, COMPUTER, USER, HOME, KEY, TOKEN, INVITE, *ADDRESSES)


def status_of_markers() -> StatusAnswer:
    """Return a status whose every word that is not ours is a marker."""
    return StatusAnswer(
        profile=PROFILE,
        name=PERSON,
        vault="open",
        mesh=MESH,
        is_closed=True,
        links_count=4711,
        links_by_interface={"wlmarker0": 1},
        envelopes_count=3,
        stored_bytes=0,
        stored_bytes_max=1,
        contacts_count=1,
        outbox_count=0,
        stamp="ready",
        clock_offset_seconds=0,
        notices=[f"{CONTACT} has new keys."],
        counters={"links.opened": 4712},
    )


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProfileFolders:
    """A profile on the computer of a person who is known by each marker."""
    monkeypatch.setenv("HOME", HOME)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, USER)
    monkeypatch.setattr(socket, "gethostname", lambda: COMPUTER)
    return profile_folders(PROFILE, environment={"MESH_HOME": str(tmp_path)})


def test_no_marker_of_a_secret_is_in_a_report(folders: ProfileFolders, tmp_path: Path) -> None:
    words = [*MARKERS, f"{USER}@{COMPUTER}", f"{HOME}/mesh", str(tmp_path), PERSON.upper()]
    logs = folders.state / "logs"
    logs.mkdir(parents=True)
    # As if nothing had been cut out when it was written.
    (logs / LOG_FILE).write_text(
        "".join(json.dumps({"event": f"near {word} here"}) + "\n" for word in words)
    )
    findings = [Finding(check="disk", level="warn", found=f"It is {word} there.") for word in words]
    report = bug_report(folders, findings, status_of_markers(), ["mesh_name"], [CONTACT])
    lower = report.lower()
    assert [word for word in (*words, "wlmarker0") if word.lower() in lower] == []
    assert "9f86d081884c7d" not in report
    # What helps is there.
    assert "links_count: 4711" in report
    assert "links.opened: 4712" in report
    assert "set: mesh_name" in report
    assert report.count("warn  disk: It is ") == len(words)
    assert report.count("near [") + report.count("near 9f86d0…") == len(words)


def test_what_is_told_of_a_status_is_no_word_of_a_person() -> None:
    told = {name: type(getattr(status_of_markers(), name)) for name in NUMBERS}
    chosen = {name for name, kind in told.items() if kind not in (int, bool)}
    assert chosen == {"vault", "stamp", "disk"}
    kept = msgspec.structs.asdict(status_of_markers()).keys() - set(NUMBERS)
    assert {"name", "mesh", "profile", "notices", "links_by_interface", "clock_doubt"} <= kept


def test_the_end_of_the_log_is_told_in_whole_lines(folders: ProfileFolders) -> None:
    start_logging(level="info", folder=folders.state / "logs", console=None)
    for number in range(2_000):
        logging.getLogger("mesh.test").warning("line %d of a log that is long", number)
    stop_logging()
    report = bug_report(folders, [], None, [])
    assert "the node does not answer" in report
    lines = [line for line in report.splitlines() if line.startswith("{")]
    assert "line 1999 of" in lines[-1]
    assert len("\n".join(lines)) <= BUG_REPORT_LOG_BYTES
    assert all(json.loads(line)["level"] == "warning" for line in lines)


def test_the_names_of_a_large_group_are_prepared_once(
    folders: ProfileFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each anew for each line took minutes."""
    compiled: list[object] = []
    compile_pattern = re._compiler.compile  # type: ignore[attr-defined]  # nothing else counts them

    def counted(pattern: object, flags: int = 0) -> object:
        compiled.append(pattern)
        return compile_pattern(pattern, flags)

    monkeypatch.setattr("re._compiler.compile", counted)
    # More than `re` remembers.
    names = [f"Member {number:04}" for number in range(600)]
    findings = [Finding(check="disk", level="warn", found=f"near {name} here") for name in names]
    report = bug_report(folders, findings[:5], None, [], names)
    assert report.count("near [name] here") == 5
    assert len(compiled) < 700


def test_without_a_node_and_a_log_it_says_so(folders: ProfileFolders) -> None:
    report = bug_report(folders, [], None, [])
    assert "the node does not answer" in report
    assert "there is no log" in report


WORDS = "Jürgen Müller"


def fail_over_words() -> None:
    """Log a fault whose words are those of a person, as a last guard does."""
    try:
        raise ValueError(f"{WORDS} meets the others at the pier\nat nine")
    except ValueError as error:
        logging.getLogger("mesh.test").critical("a fault: %s", place_of(error), exc_info=error)
        logging.getLogger("mesh.test").critical("a fault: %r", error)


@pytest.mark.parametrize(
    "event",
    [
        f"{WORDS.upper()} is gone",
        f"{unicodedata.normalize('NFD', WORDS)} is gone",
        "C:\\Users\\Marker Person\\AppData\\mesh: denied",
        "/media/stick/Marker strike group/psk.txt is gone",
        "\\\\server\\Marker share\\psk.txt is gone",
    ],
)
def test_names_and_paths_are_known_in_whatever_letters_the_log_has_them(
    folders: ProfileFolders, event: str
) -> None:
    start_logging(level="info", folder=folders.state / "logs", console=None)
    logging.getLogger("mesh.test").warning("near %s", event)
    stop_logging()
    report = bug_report(folders, [], None, [], [WORDS])
    assert "near [" in report
    for word in ("rgen", "ller", "marker", "m\\u"):
        assert word not in report.lower()


def test_of_a_fault_type_and_place_are_told_and_no_word(folders: ProfileFolders) -> None:
    start_logging(level="debug", folder=folders.state / "logs", console=None)
    fail_over_words()
    structlog.get_logger("mesh.test").warning("cannot", reason="busy", contact=WORDS, count=7)
    stop_logging()
    report = bug_report(folders, [], None, [], [])
    assert report.count("a fault: ValueError in test_bug_report.py:") == 1
    first, second, third = map(json.loads, report.splitlines()[-3:])
    assert first["exception"][0] == "ValueError"
    assert first["exception"][1].startswith("test_bug_report.py:")
    assert second["event"] == "a fault: ValueError"
    assert (third["reason"], third["count"], "contact" in third) == ("busy", 7, False)
    for word in ("pier", "rgen", "nine"):
        assert word not in report


def test_it_says_when_nobody_knew_the_names(folders: ProfileFolders) -> None:
    assert bug_report(folders, [], None, []).startswith("The names of contacts, groups")
    assert "names of contacts" not in bug_report(folders, [], None, [], [])
