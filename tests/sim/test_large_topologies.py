"""The commands of the page about a thousand nodes: each runs, small, and keeps its invariants."""

import re
import shlex
from pathlib import Path
from typing import Final

import msgspec
import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.run.report import Report

pytestmark = pytest.mark.world

PAGE: Final = Path(__file__).parents[2] / "docs" / "simulator.md"
PAGE_TEXT: Final = re.sub(r" \\\n +", " ", PAGE.read_text(encoding="utf-8"))
COMMANDS: Final = re.findall(r"^    python -m sim (run thousand.*)$", PAGE_TEXT, re.MULTILINE)
SMALL: Final = ("nodes=12", "workload.met_before_share=0.5", "workload.messages_per_second=1")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_runs(command: str) -> None:
    # What is said last counts.
    settings = [word for setting in SMALL for word in ("--set", setting)]
    arguments = [*shlex.split(command), *settings, "--set", "rest_s=0", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    report = msgspec.json.decode(result.stdout, type=Report)
    assert report.nodes == 12
    assert report.messages_delivered > 0
    assert report.everywhere is not None
    assert report.everywhere.coverage == 1


def test_the_page_has_them() -> None:
    assert len(COMMANDS) >= 7
