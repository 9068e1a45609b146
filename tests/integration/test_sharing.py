"""On a real network a neighbour takes what `mesh share` gives, and a stranger nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import pytest

from mesh.program import command_of
from tests.bundles.making import small_release
from tests.integration.networks import Desk

pytestmark = pytest.mark.netns

GET = """\
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=60).read())
"""


class Told(TypedDict):
    """The answer of `mesh share --json`."""

    addresses: list[str]
    files: list[dict[str, str]]


@contextmanager
def sharing(
    namespace: str, folder: Path, *words: str
) -> Iterator[tuple[subprocess.Popen[str], Told]]:
    """Share a folder in a namespace; yield the process and what it told."""
    # Whoever is started in the background has Ctrl-C ignored, and all that it starts.
    command = ["env", "--default-signal=INT", "ip", "netns", "exec", namespace]
    command += [*command_of("mesh.cli.main"), "--json", "share"]
    process = subprocess.Popen(
        [*command, "--from", str(folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MESH_HOME": str(folder)},
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def get(namespace: str, address: str) -> bytes | None:
    """Ask for an address in a namespace, by the standard library; None if nothing comes."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", GET, address],
        check=False,
        capture_output=True,
    )
    return done.stdout if done.returncode == 0 else None


def test_a_neighbour_takes_the_file_that_was_told_and_a_stranger_does_not(
    desk: Desk, tmp_path: Path
) -> None:
    here, there = desk.bridge("here"), desk.bridge("there")
    giver, taker = desk.laptop(here), desk.laptop(here)
    router, stranger = desk.router(here, there), desk.laptop(there)
    desk.route_over(giver, router, here)
    desk.route_over(stranger, router, there)
    _, wheel = small_release(tmp_path / "dist")
    with sharing(giver, tmp_path / "dist") as (process, told):
        address = told["addresses"][0]
        assert address == f"http://{desk.address(giver, here)}:41731/"
        page = get(taker, address)
        assert page is not None
        assert wheel.name.encode() in page
        (listed,) = (each for each in told["files"] if each["file"] == wheel.name)
        taken = get(taker, address + wheel.name)
        assert taken is not None
        assert hashlib.sha256(taken).hexdigest() == listed["sha256"]
        assert get(stranger, address) is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=90) == 0
    assert get(taker, address) is None


def test_two_doors_stand_side_by_side(desk: Desk, tmp_path: Path) -> None:
    cable = desk.bridge("cable")
    giver, taker = desk.laptop(cable), desk.laptop(cable)
    small_release(tmp_path / "dist")
    with sharing(giver, tmp_path / "dist") as (_, first):
        with sharing(giver, tmp_path / "dist") as (_, second):
            assert first["addresses"] != second["addresses"]
            assert get(taker, second["addresses"][0]) is not None
        assert get(taker, first["addresses"][0]) is not None
