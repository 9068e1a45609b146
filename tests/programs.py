"""Programs that some tests use and that not every machine has."""

import functools
import os
import shutil
import signal
import subprocess
import tempfile

import pytest

STARTS_WITHIN_S = 60


def where_is(program: str, *, required_as: str) -> str:
    """The path of a program; skips without it, or fails where `MESH_REQUIRE` names it so."""
    path = shutil.which(program)
    if path is not None:
        return path
    if required_as in os.environ.get("MESH_REQUIRE", "").split(","):
        pytest.fail(f"MESH_REQUIRE asks for {required_as}, but there is no {program}")
    pytest.skip(f"there is no {program} on this machine")


@functools.cache
def browser_without_windows() -> str:
    """The Chromium that has no windows, where one starts, or else the one that people use.

    Both lay out, draw and run a page by the same code. The first leaves out what stands around a
    page, and opens one in half the time; what attacks meet there is tried in the other.
    """
    shell = shutil.which("chromium-headless-shell")
    return shell if shell and _starts(shell) else where_is("chromium", required_as="chromium")


def _starts(browser: str) -> bool:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [browser, "--no-sandbox", f"--user-data-dir={folder}", "--dump-dom", "about:blank"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            shown, _ = process.communicate(timeout=STARTS_WITHIN_S)
        except subprocess.TimeoutExpired:
            # What is started is a script, and the browser a child of it.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False
    return b"<body>" in shown
