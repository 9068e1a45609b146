"""A command refuses with one sentence what it would pass over in silence."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.__main__ import main

SWEEP = ("sweep", "chatter")
RUN = ("run", "chatter")
MAELSTROM = ("lab", "maelstrom")
SPREAD = ("lab", "spread", "--nodes", "20", "--posts", "1")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((*RUN, "--check-determinism", "--out", "run"), "--out says nothing with --check-determin"),
        ((*RUN, "--python", "python3"), "--python says nothing without --check-determinism"),
        (("replay", ".", "--break"), "--break says nothing without --until"),
        (("replay", ".", "--until", "1", "--break", "--json"), "--json says nothing with --break"),
        (("report", ".", "--text", "--junit"), "--junit says nothing with --text"),
        (("report", ".", "--text", "--out", "page.html"), "--out says nothing with --text or"),
        (("report", ".", "--junit", "--baseline", "."), "--baseline says nothing with --text or"),
        (("sweep", "--bugs", "--time", "5m"), "--time says nothing with --bugs"),
        (("sweep", "--bugs", "--runs", "0", "--out", "o"), "--out says nothing with --runs 0"),
        ((*SWEEP, "--bugs"), "A scenario says nothing with --bugs"),
        ((*SWEEP, "--runs", "5"), "--runs says nothing without --bugs"),
        ((*SWEEP, "--dask", "tcp://h:1", "--jobs", "4"), "--jobs says nothing with the address"),
        *(
            ((*MAELSTROM, *said), f"{said[0]} says nothing without --check")
            for said in (
                ("--plain", "grid"),
                ("--partitions",),
                ("--nodes", "5"),
                ("--rate", "1"),
                ("--latency", "1"),
                ("--seed", "2"),
                ("--json",),
            )
        ),
        *(
            ((*MAELSTROM, "--check", "--plain", "grid", said, "1"), f"{said} says nothing with")
            for said in ("--bodies", "--rest", "--fan-out", "--floor")
        ),
        ((*SPREAD, "--apart", "--shape", "clusters"), "--shape says nothing with --apart"),
        ((*SPREAD, "--apart", "--warm", "1"), "--warm says nothing with --apart"),
        ((*SPREAD, "--apart", "--liars", "0.1"), "--liars says nothing with --apart"),
        ((*SPREAD, "--apart", "--crashed", "0.1"), "--crashed says nothing with --apart"),
        ((*SPREAD, "--silent"), "--silent says nothing without --liars"),
        ((*SPREAD, "--who", "flood", "--floor", "1"), "--floor says nothing without `--who mesh`"),
    ],
)
def test_what_would_be_passed_over_is_refused(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert result.stdout == ""
    assert not list(tmp_path.iterdir())
