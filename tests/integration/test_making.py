"""The nodes of a test end with it, whatever happened."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.making import made_with


class Stubborn(subprocess.Popen[bytes]):
    """A process that cannot be ended by its node."""

    def kill(self) -> None:
        raise PermissionError("not yours")


def fail_beside(begun: "list[subprocess.Popen[bytes]]", folder: Path) -> None:
    """A test that makes nodes of these processes, and fails."""
    with made_with(folder, "") as make:
        for number, process in enumerate(begun):
            make("nowhere", f"node {number}")._process = process
        pytest.fail("the test failed")


def test_all_nodes_end_where_a_test_failed_and_one_does_not_end(tmp_path: Path) -> None:
    program = ["sleep", "600"]
    begun = [kind(program) for kind in (subprocess.Popen, Stubborn, subprocess.Popen)]
    try:
        with pytest.raises(PermissionError):
            fail_beside(begun, tmp_path)
        assert [process.poll() is not None for process in begun] == [True, False, True]
    finally:
        for process in begun:
            subprocess.Popen.kill(process)
            process.wait()
