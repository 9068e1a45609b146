"""Logs: both roads, what is cut out, and tracebacks only when asked for."""

import io
import json
import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest
import structlog

from mesh.limits.daemon import LOG_FILE_BYTES_MAX, LOG_FILES_MAX
from mesh.node.logs import LOG_FILE, start_logging, stop_logging

KEY = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    stop_logging()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def lines(folder: Path) -> list[dict[str, object]]:
    """Return the log file's lines."""
    return [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]


def test_our_lines_and_those_of_libraries_take_both_roads(tmp_path: Path) -> None:
    console = io.StringIO()
    start_logging(level="info", folder=tmp_path, console=console)
    structlog.get_logger("mesh.network").info("link opened", links=3)
    logging.getLogger("hypercorn").warning("a %s thing", "strange")
    ours, theirs = lines(tmp_path)
    assert (ours["event"], ours["links"], ours["level"]) == ("link opened", 3, "info")
    assert (theirs["event"], theirs["logger"]) == ("a strange thing", "hypercorn")
    assert "link opened" in console.getvalue()
    assert "a strange thing" in console.getvalue()
    assert "\x1b" not in console.getvalue()


@pytest.mark.parametrize(
    "secret, shown",
    [
        (KEY, "8f40c5…"),
        ("00112233445566aa", "001122…"),
        (r"b'\x1000112233445566aa\xc0'", r"b'\x100011…\xc0'"),
        ("192.168.1.20:41730", "[address]"),
        ("10.0.0.7", "[address]"),
        ("[fe80::1c2a:ff:fe3b%3]:41730", "[address]"),
        ("2001:db8::7", "[address]"),
        ("::1", "[address]"),
        ("mesh:invite/AQIDBAUG", "[invite]"),
        ("MESH:ABCDEFG", "[invite]"),
        ("MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI", "[hidden]"),
    ],
)
def test_what_could_name_somebody_is_cut_out_of_any_line(
    tmp_path: Path, secret: str, shown: str
) -> None:
    console = io.StringIO()
    start_logging(level="info", folder=tmp_path, console=console)
    structlog.get_logger("mesh").info("heard from " + secret, peer=secret)
    logging.getLogger("zeroconf").error("cannot reach %s now", secret)
    ours, theirs = lines(tmp_path)
    assert ours["event"] == f"heard from {shown}"
    assert ours["peer"] == shown
    assert theirs["event"] == f"cannot reach {shown} now"
    assert secret not in console.getvalue()


def test_fields_that_hold_secrets_are_hidden_whatever_they_hold(tmp_path: Path) -> None:
    start_logging(level="info", folder=tmp_path, console=None)
    structlog.get_logger("mesh").info("x", text="hello Bob", passphrase="pw", raw=b"bytes")
    (line,) = lines(tmp_path)
    assert (line["text"], line["passphrase"]) == ("[hidden]", "[hidden]")
    assert line["raw"] == "[5 bytes]"


def test_times_and_ordinary_words_are_left_alone(tmp_path: Path) -> None:
    start_logging(level="info", folder=tmp_path, console=None)
    structlog.get_logger("mesh").info("version 1.2.3 of mesh, 12345678 bytes")
    (line,) = lines(tmp_path)
    assert line["event"] == "version 1.2.3 of mesh, 12345678 bytes"
    assert str(line["timestamp"]).startswith("20")


def fail() -> None:
    """Log an error as a last guard does."""
    try:
        raise RuntimeError("something of 192.168.1.20 broke")
    except RuntimeError:
        logging.getLogger("mesh").exception("the node has a fault")


def test_a_traceback_is_written_at_debug_level_only_and_is_redacted_too(tmp_path: Path) -> None:
    start_logging(level="info", folder=tmp_path, console=None)
    fail()
    assert "exception" not in lines(tmp_path)[0]
    start_logging(level="debug", folder=tmp_path, console=None)
    fail()
    traceback = str(lines(tmp_path)[-1]["exception"])
    assert "RuntimeError: something of [address] broke" in traceback


def test_files_are_thrown_away_in_time(tmp_path: Path) -> None:
    start_logging(level="info", folder=tmp_path, console=None)
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h, RotatingFileHandler)]
    for _ in range(LOG_FILES_MAX + 2):
        logging.getLogger("mesh").info("one line")
        handler.doRollover()
    assert len(list(tmp_path.iterdir())) == LOG_FILES_MAX
    assert handler.maxBytes == LOG_FILE_BYTES_MAX
