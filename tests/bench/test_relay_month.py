"""The log of a relay over days of mail of groups tells nothing of it; what would is found."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import structlog

from mesh.engine.forwarding.intake import Intake
from mesh.ids import Instant, LinkId
from mesh.wire.envelope import decode_envelope
from mesh.wire.frames import Push
from tests.bench.relay_log import Passed, faults
from tests.bench.relay_month import GROUPS, Relay, log_faults, watched
from tests.bench.relay_shell import LEVELS, caused_by_mail

DAYS = 2
PUSHED = Intake.pushed


@cache
def days_of_mail() -> Relay:
    relay = watched(DAYS)
    assert len(relay.of_groups) > 10
    assert sum(map(len, relay.hours)) > 20
    return relay


def planted(say: Callable[[Push], str]) -> Callable[[Intake, LinkId, Push, Instant], None]:
    """A relay that says something, in the name of a part that may speak, of what a link brought."""

    def pushed(intake: Intake, link: LinkId, push: Push, now: Instant) -> None:
        structlog.get_logger("mesh.network").debug(say(push))
        PUSHED(intake, link, push, now)

    return pushed


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_at_no_level_a_log_tells_of_the_mail_of_days(level: str, tmp_path: Path) -> None:
    count, found = log_faults(days_of_mail(), level, tmp_path)
    assert found == []
    # A machine whose lid was closed for each hour says so: the log was written.
    assert (count > 0) == (level in ("debug", "info"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "say, fault",
    [
        (lambda push: "for the group Crew", "the word 'Crew'"),
        (lambda push: "of a group of 3 members", "of a group of 3 members"),
        (
            lambda push: f"of class {decode_envelope(push.envelope).header.size_class}",
            "event=of class 0",
        ),
        (lambda push: "a link is busy", "a link is busy"),
        (lambda push: f"tag {decode_envelope(push.envelope).header.tag.hex()}", "a tag"),
    ],
    ids=["label", "members", "class", "time", "tag"],
)
def test_a_line_that_tells_of_mail_is_found(
    say: Callable[[Push], str], fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Intake, "pushed", planted(say))
    _, found = log_faults(days_of_mail(), "debug", tmp_path)
    assert any(fault in one for one in found), found
    # At a level at which it is not written nothing is found.
    _, found = log_faults(days_of_mail(), "info", tmp_path / "info")
    assert found == []


def test_lines_are_held_against_those_without_mail() -> None:
    line = {"logger": "mesh.network", "event": "cannot accept", "timestamp": "1"}
    later = line | {"timestamp": "2"}
    assert caused_by_mail([line], [later]) == []
    assert caused_by_mail([line, later], [line]) == [
        "logger=mesh.network event=cannot accept, 2 times, without mail 1"
    ]
    assert caused_by_mail([], [line]) == [
        "logger=mesh.network event=cannot accept, 0 times, without mail 1"
    ]
    assert faults([line], Passed({}, tuple(GROUPS))) == []
